//go:build linux

package e2e

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
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

	"golang.org/x/sys/unix"
)

// limit is how long anything may take that a test waits for.
const limit = 20 * time.Second

// look is how often something is looked at that tells nobody when it changes: a
// page, a window, another program.
const look = 10 * time.Millisecond

// until looks until it is so, and fails the test when it never is. state says
// how things are instead.
func until(t *testing.T, what string, so func() bool, state func() string) {
	t.Helper()
	for end := time.Now().Add(limit); !so(); time.Sleep(look) {
		if time.Now().After(end) {
			t.Fatalf("never: %s\n%s", what, state())
		}
	}
}

// journal is what programs wrote.
type journal struct {
	mu   sync.Mutex // guards all below
	text bytes.Buffer
	more chan struct{} // closed when there is more, and replaced
}

func newJournal() *journal { return &journal{more: make(chan struct{})} }

func (j *journal) Write(p []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	close(j.more)
	j.more = make(chan struct{})
	return j.text.Write(p)
}

func (j *journal) String() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.String()
}

func (j *journal) length() int {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.Len()
}

// after waits until a text is written behind a place, and returns the place
// behind the line that has it, and that line.
func (j *journal) after(ctx context.Context, place int, text string) (int, string, error) {
	for {
		j.mu.Lock()
		written, more := j.text.String(), j.more
		j.mu.Unlock()
		if _, rest, found := strings.Cut(written[place:], text); found {
			if tail, next, whole := strings.Cut(rest, "\n"); whole {
				end := len(written) - len(next)
				start := strings.LastIndex(written[:end-len(tail)-1], "\n") + 1
				return end, written[start : end-1], nil
			}
		}
		select {
		case <-more:
		case <-ctx.Done():
			return place, "", fmt.Errorf("%q was not written: %w\n%s", text, ctx.Err(), written[place:])
		}
	}
}

// program is a program that runs.
type program struct {
	name    string
	log     *journal
	place   int // in log where it began to write
	process *os.Process
	ended   chan struct{} // closed when it was waited for
}

// start starts a program in a process group of its own. The kernel kills it with
// the thread that started it, so that a test binary that is killed leaves
// nothing behind. uid is its user; 0 is whoever runs the tests.
func start(uid uint32, log *journal, env []string, extra []*os.File, name string, args ...string) (*program, error) {
	cmd := exec.Command(name, args...)
	cmd.Env, cmd.ExtraFiles = env, extra
	cmd.Stdout, cmd.Stderr = log, log
	cmd.WaitDelay = time.Second // what it started may hold its output open
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	if uid != 0 {
		cmd.SysProcAttr.Credential = &syscall.Credential{Uid: uid, Gid: uid}
	}
	p := &program{name: filepath.Base(name), log: log, place: log.length(), ended: make(chan struct{})}
	started := make(chan error, 1)
	go func() {
		runtime.LockOSThread()
		defer close(p.ended)
		err := cmd.Start()
		started <- err
		if err == nil {
			_ = cmd.Wait() // it was told to end: the state says nothing
		}
	}()
	if err := <-started; err != nil {
		return nil, err
	}
	p.process = cmd.Process
	return p, nil
}

// stop asks the program to end, and ends it and all in its group after a while.
// It is no error if it has ended.
func (p *program) stop() {
	if p == nil {
		return
	}
	_ = p.process.Signal(syscall.SIGTERM)
	select {
	case <-p.ended:
	case <-time.After(3 * time.Second):
	}
	p.kill()
}

// kill ends the program and all in its group at once.
func (p *program) kill() {
	_ = syscall.Kill(-p.process.Pid, syscall.SIGKILL)
	<-p.ended
}

// wrote waits until the program wrote a text, and returns the line that has it.
func (p *program) wrote(text string) (string, error) { return p.wroteAfter(p.place, text) }

// wroteAfter is wrote for what is behind a place of its log.
func (p *program) wroteAfter(place int, text string) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	_, line, err := p.log.after(ctx, place, text)
	if err != nil {
		return "", fmt.Errorf("%s: %w", p.name, err)
	}
	return line, nil
}

// firstLine starts a program that writes one line to a file, the third, when it
// is ready.
func firstLine(uid uint32, log *journal, env []string, name string, args ...string) (*program, string, error) {
	r, w, err := os.Pipe()
	if err != nil {
		return nil, "", err
	}
	defer r.Close()
	p, err := start(uid, log, env, []*os.File{w}, name, args...)
	_ = w.Close()
	if err != nil {
		return nil, "", err
	}
	text, err := bufio.NewReader(r).ReadString('\n')
	if err != nil {
		p.kill()
		return nil, "", fmt.Errorf("%s did not start: %w\n%s", name, err, log)
	}
	return p, strings.TrimSpace(text), nil
}

// adopt makes this process the parent of what its programs leave behind.
func adopt() error { return unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) }

// endOrphans ends what the programs of a user left behind, and what that leaves
// behind; 0 is all users. It is called when each of them was waited for.
func endOrphans(uid uint32) error {
	for {
		// The file lists the children of all threads but only of this one
		// process (proc_pid_children(5)).
		files, err := filepath.Glob("/proc/self/task/*/children")
		if err != nil {
			return err
		}
		var pids []string
		for _, f := range files {
			text, _ := os.ReadFile(f) // a thread may end meanwhile
			for pid := range strings.FieldsSeq(string(text)) {
				if uid == 0 || userOf(pid) == uid {
					pids = append(pids, pid)
				}
			}
		}
		if len(pids) == 0 {
			return nil
		}
		for _, text := range pids {
			pid, err := strconv.Atoi(text)
			if err != nil {
				return err
			}
			_ = unix.Kill(pid, unix.SIGKILL)
			if _, err := unix.Wait4(pid, nil, 0, nil); err != nil {
				return fmt.Errorf("process %d: %w", pid, err)
			}
		}
	}
}

// userOf is the user of a process; 0 if it has ended. Who keeps its memory from
// being read has a folder of root's, so its owner does not tell.
func userOf(pid string) (uid uint32) {
	status, _ := os.ReadFile(filepath.Join("/proc", pid, "status"))
	if _, line, found := strings.Cut(string(status), "\nUid:"); found {
		_, _ = fmt.Sscan(line, &uid)
	}
	return uid
}
