package verify

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// limit is far above what anything on a guest takes.
const limit = 2 * time.Minute

// guest is a Debian of its own, booted by its own systemd in namespaces.
type guest struct {
	t   *testing.T
	pid int // of its init
}

// bootGuest boots the root that CARDEA_DEBIAN names, and skips without one.
func bootGuest(t *testing.T) *guest {
	t.Helper()
	root := os.Getenv("CARDEA_DEBIAN")
	if root == "" || os.Getenv("CARDEA_PACKAGES") == "" {
		t.Skip("CARDEA_DEBIAN does not say where a root is to install in")
	}
	if os.Geteuid() != 0 {
		t.Skip("only root can boot a system in namespaces")
	}
	scratch, console := t.TempDir(), filepath.Join(t.TempDir(), "console")
	log, err := os.Create(console)
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	cmd := exec.Command("./boot.sh", root, scratch)
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	wait := start(t, cmd)
	g := &guest{t: t}
	t.Cleanup(func() {
		if t.Failed() {
			t.Log(g.try("journalctl", "--no-pager", "--lines", "60"))
			t.Log(read(t, console))
		}
		_ = cmd.Process.Kill()
		_ = wait()
	})
	g.pid = g.awaitInit(cmd.Process.Pid)
	if state := g.try("systemctl", "is-system-running", "--wait"); !strings.Contains(state, "running") {
		t.Fatalf("the guest is %s%s", state, g.try("systemctl", "--failed", "--no-pager"))
	}
	return g
}

// start starts a program that dies with this one: the kernel means the thread
// that started it.
func start(t *testing.T, cmd *exec.Cmd) (wait func() error) {
	t.Helper()
	started, ended := make(chan error), make(chan error, 1)
	go func() {
		runtime.LockOSThread()
		err := cmd.Start()
		started <- err
		if err == nil {
			ended <- cmd.Wait()
		}
	}()
	if err := <-started; err != nil {
		t.Fatal(err)
	}
	return sync.OnceValue(func() error { return <-ended })
}

// awaitInit waits until the one child of boot.sh is systemd, and answers.
func (g *guest) awaitInit(parent int) (pid int) {
	g.t.Helper()
	g.await("its init", func() error {
		children, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", parent, parent))
		if err != nil {
			return err
		}
		if pid, err = strconv.Atoi(strings.TrimSpace(string(children))); err != nil {
			return err
		}
		name, err := os.ReadFile(fmt.Sprintf("/proc/%d/comm", pid))
		if err != nil || string(name) != "systemd\n" {
			return fmt.Errorf("init is %q: %w", name, err)
		}
		_, err = os.Stat(g.pathOf(pid, "/run/systemd/private"))
		return err
	})
	return pid
}

// await tries again until something holds. A guest tells nobody outside of an
// event, so it is looked at again and again.
func (g *guest) await(what string, holds func() error) {
	g.t.Helper()
	ctx, cancel := context.WithTimeout(g.t.Context(), limit)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		err := holds()
		if err == nil {
			return
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			g.t.Fatalf("waited in vain for %s: %v", what, err)
		}
	}
}

// path is where a file of the guest is for this process.
func (g *guest) path(name string) string { return g.pathOf(g.pid, name) }

func (g *guest) pathOf(pid int, name string) string { return fmt.Sprintf("/proc/%d/root%s", pid, name) }

// command runs something on the guest, as root.
func (g *guest) command(name string, args ...string) *exec.Cmd {
	all := append([]string{"--target", strconv.Itoa(g.pid), "--mount", "--uts", "--ipc", "--net", "--pid", "--cgroup", "--",
		"/usr/bin/env", "-i", "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "DEBIAN_FRONTEND=noninteractive", name}, args...)
	return exec.CommandContext(context.WithoutCancel(g.t.Context()), "nsenter", all...)
}

// does runs something on the guest that must go well, and returns what it says.
func (g *guest) does(name string, args ...string) string {
	g.t.Helper()
	out, err := g.command(name, args...).CombinedOutput()
	if err != nil {
		g.t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
	return string(out)
}

// try runs something on the guest and returns what it says.
func (g *guest) try(name string, args ...string) string {
	out, err := g.command(name, args...).CombinedOutput()
	if err != nil && len(out) == 0 {
		return err.Error()
	}
	return strings.TrimSpace(string(out))
}

// write makes a file on the guest.
func (g *guest) write(name, text string, mode os.FileMode) {
	g.t.Helper()
	if err := os.WriteFile(g.path(name), []byte(text), mode); err != nil {
		g.t.Fatal(err)
	}
}

// copy brings a file of this machine to the guest.
func (g *guest) copy(from, to string, mode os.FileMode) {
	g.t.Helper()
	in, err := os.Open(from)
	if err != nil {
		g.t.Fatal(err)
	}
	defer in.Close()
	out, err := os.OpenFile(g.path(to), os.O_CREATE|os.O_TRUNC|os.O_WRONLY, mode)
	if err != nil {
		g.t.Fatal(err)
	}
	_, err = io.Copy(out, in)
	if err := errors.Join(err, out.Close()); err != nil {
		g.t.Fatal(err)
	}
}
