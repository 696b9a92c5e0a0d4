package host_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/cardea-agent/cardea/pkcs11/host"
	"github.com/cardea-agent/cardea/pkcs11/pkcs11test"
)

// parentRole is the first argument of the test program when it is a parent.
const parentRole = "parent"

// beParent asks for the tokens of a module, whose name is the argument, and
// expects to be killed meanwhile.
func beParent(args []string) {
	command, err := host.Self(role)
	if err == nil {
		_, err = host.New(host.Config{Command: command, Module: args[0], Call: time.Hour}).Tokens(context.Background(), "")
	}
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}

// children are the processes that a process has started and not waited for.
func children(t testing.TB, pid string) (pids []int) {
	t.Helper()
	files, err := filepath.Glob("/proc/" + pid + "/task/*/children")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			continue // the thread has ended
		}
		for _, field := range strings.Fields(string(text)) {
			n, err := strconv.Atoi(field)
			if err != nil {
				t.Fatal(err)
			}
			pids = append(pids, n)
		}
	}
	return pids
}

// runs reports whether a process is there and no zombie.
func runs(pid int) bool {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return false
	}
	_, rest, _ := strings.Cut(string(stat), ") ")
	return !strings.HasPrefix(rest, "Z") && !strings.HasPrefix(rest, "X")
}

func TestAProcessDiesWithItsParent(t *testing.T) {
	faulty := pkcs11test.NewFaulty(t, pkcs11test.New(t))
	faulty.Always(t, "C_Initialize hangs", 0)
	parent := exec.Command("/proc/self/exe", parentRole, faulty.Module)
	parent.Env = faulty.Environ()
	if err := parent.Start(); err != nil {
		t.Fatal(err)
	}
	await(t, "the module hangs", func() bool { return faulty.Count(t, "C_Initialize") == 1 })
	pids := children(t, strconv.Itoa(parent.Process.Pid))
	if len(pids) != 1 || !runs(pids[0]) {
		t.Fatalf("children: %v", pids)
	}
	// Stopped, it cannot notice anything by itself.
	if err := syscall.Kill(pids[0], syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	if err := parent.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	if err := parent.Wait(); err == nil {
		t.Error("the parent was not killed")
	}
	await(t, "the process dies", func() bool { return !runs(pids[0]) })
}

func TestAProcessThatSawAPINDoesNothingElse(t *testing.T) {
	token := pkcs11test.New(t, pkcs11test.P256)
	faulty := pkcs11test.NewFaulty(t, token)
	h, _ := newHost(t, &faulty.Token)
	for _, fault := range []string{"", "C_Sign crashes", "login result"} {
		if fault != "" {
			faulty.At(t, 1, fault, 0xA0)
		}
		_, err := h.Sign(t.Context(), request(token, 0, 1))
		if (err != nil) != (fault != "") {
			t.Errorf("%s: %v", fault, err)
		}
		// After a failure it is waited for: it may be at the card.
		if left := children(t, "self"); fault == "C_Sign crashes" && len(left) != 0 {
			t.Errorf("%q: processes %v are left", fault, left)
		}
		await(t, "its end", func() bool { return len(children(t, "self")) == 0 })
	}
}

// spare waits until the one process that is there is a spare one. It may take a
// moment until that of the last operation is gone.
func spare(t *testing.T, faulty *pkcs11test.Faulty) (pid int) {
	t.Helper()
	await(t, "the spare", func() bool {
		left := children(t, "self")
		if len(left) == 1 {
			pid = left[0]
		}
		return len(left) == 1 && slices.Contains(faulty.Unused(t), pid)
	})
	return pid
}

func TestASpareProcessWaitsWithoutInitialisingItsModule(t *testing.T) {
	token := pkcs11test.New(t, pkcs11test.P256)
	faulty := pkcs11test.NewFaulty(t, token)
	h, _ := newHost(t, &faulty.Token, func(c *host.Config) { c.SpareFor = time.Hour })
	for i := range 3 {
		if n := faulty.Count(t, "load"); i > 0 && n != i+1 {
			t.Errorf("%d processes were started before operation %d", n, i)
		}
		signs(t, h, &faulty.Token)
		spare(t, faulty)
		if n := faulty.Count(t, "C_Initialize"); n != i+1 {
			t.Errorf("after operation %d the module was initialised %d times", i, n)
		}
	}
	h.Close()
	if left := children(t, "self"); len(left) != 0 {
		t.Errorf("processes %v are left", left)
	}
	if _, err := h.Tokens(t.Context(), ""); !errors.Is(err, host.ErrClosed) {
		t.Errorf("after Close: %v", err)
	}
}

func TestASpareProcessThatDiedIsReplaced(t *testing.T) {
	token := pkcs11test.New(t, pkcs11test.P256)
	faulty := pkcs11test.NewFaulty(t, token)
	h, _ := newHost(t, &faulty.Token, func(c *host.Config) { c.SpareFor = time.Hour })
	for range 3 {
		signs(t, h, &faulty.Token)
		if err := syscall.Kill(spare(t, faulty), syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
	}
	signs(t, h, &faulty.Token)
}

func TestASpareProcessEndsWhenNobodyNeedsIt(t *testing.T) {
	token := pkcs11test.New(t, pkcs11test.P256)
	faulty := pkcs11test.NewFaulty(t, token)
	h, _ := newHost(t, &faulty.Token, func(c *host.Config) { c.SpareFor = time.Second })
	await(t, "a spare", func() bool {
		// One that ended before it was seen is followed by the next.
		if left := children(t, "self"); len(left) > 0 {
			return len(left) == 1 && slices.Contains(faulty.Unused(t), left[0])
		}
		signs(t, h, &faulty.Token)
		return false
	})
	await(t, "its end", func() bool { return len(children(t, "self")) == 0 })
	signs(t, h, &faulty.Token)
}

func TestNoInternetSocketIsOpened(t *testing.T) {
	token := pkcs11test.New(t, pkcs11test.P256)
	for _, test := range []struct {
		allow bool
		want  []string
	}{
		{false, []string{
			"socket 2: Permission denied", "socket 10: Permission denied", "socket 17: Permission denied", "socket 1: open",
		}},
		{true, []string{"socket 2: open", "socket 1: open"}},
	} {
		faulty := pkcs11test.NewFaulty(t, token)
		faulty.Always(t, "opens sockets", 0)
		h, _ := newHost(t, &faulty.Token, func(c *host.Config) { c.AllowInternet = test.allow })
		signs(t, h, &faulty.Token)
		notes := faulty.Notes(t)
		for _, want := range test.want {
			if !slices.Contains(notes, want) {
				t.Errorf("allow %v: no %q in %q", test.allow, want, notes)
			}
		}
	}
}

func TestAProcessHasGivenUpItsRightsBeforeItLoadsTheModule(t *testing.T) {
	token := pkcs11test.New(t, pkcs11test.P256)
	faulty := pkcs11test.NewFaulty(t, token)
	faulty.Always(t, "load hangs", 0)
	h, _ := newHost(t, &faulty.Token)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() {
		_, err := h.Tokens(ctx, "")
		ended <- err
	}()
	await(t, "the module is loaded", func() bool { return faulty.Count(t, "load") == 1 })
	threads, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/status", children(t, "self")[0]))
	if err != nil || len(threads) == 0 {
		t.Fatal(err)
	}
	for _, thread := range threads {
		status, err := os.ReadFile(thread)
		if err != nil {
			t.Fatal(err)
		}
		for _, want := range []string{"NoNewPrivs:\t1", "Seccomp:\t2"} {
			if !strings.Contains(string(status), want+"\n") {
				t.Errorf("%s: not %q", thread, want)
			}
		}
	}
	limits, err := os.ReadFile(fmt.Sprintf("/proc/%d/limits", children(t, "self")[0]))
	if err != nil {
		t.Fatal(err)
	}
	var most uint64 // bytes of data: what it had when it began, and a gigabyte
	_, line, _ := strings.Cut(string(limits), "Max data size")
	if _, err := fmt.Sscan(line, &most); err != nil || most > 3<<29 {
		t.Errorf("it may reserve %d bytes, %v in\n%s", most, err, limits)
	}
	cancel()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

func TestNothingIsLeftOfManyOperations(t *testing.T) {
	token := pkcs11test.New(t, pkcs11test.P256)
	faulty := pkcs11test.NewFaulty(t, token)
	h, _ := newHost(t, &faulty.Token, func(c *host.Config) { c.SpareFor = time.Hour })
	round := func() {
		for _, fault := range []string{"", "C_Sign crashes", "C_Login aborts", "load exits", "prints", "C_GetTokenInfo crashes"} {
			if fault != "" {
				faulty.At(t, 1, fault, 0)
			}
			_, err := h.Sign(t.Context(), request(token, 0, 2))
			if failure, is := errors.AsType[*host.Failure](err); err != nil && (!is || failure.How != host.Crashed) {
				t.Errorf("%s: %v", fault, err)
			}
		}
	}
	count := func() (files, goroutines int) {
		spare(t, faulty)
		entries, err := os.ReadDir("/proc/self/fd")
		if err != nil {
			t.Fatal(err)
		}
		return len(entries), runtime.NumGoroutine()
	}
	round()
	signs(t, h, &faulty.Token)
	files, goroutines := count()
	for range 5 {
		round()
	}
	signs(t, h, &faulty.Token)
	await(t, "all is as before", func() bool {
		f, g := count()
		return f <= files && g <= goroutines
	})
}

func TestCloseEndsWhatIsUnderWay(t *testing.T) {
	token := pkcs11test.New(t, pkcs11test.P256)
	faulty := pkcs11test.NewFaulty(t, token)
	faulty.Always(t, "C_Initialize hangs", 0)
	h, _ := newHost(t, &faulty.Token)
	ended := make(chan error, 3)
	for range cap(ended) {
		go func() {
			_, err := h.Tokens(t.Context(), "")
			ended <- err
		}()
	}
	await(t, "the module hangs", func() bool { return faulty.Count(t, "C_Initialize") == cap(ended) })
	h.Close()
	for range cap(ended) {
		if err := <-ended; !errors.Is(err, host.ErrClosed) {
			t.Error(err)
		}
	}
	if left := children(t, "self"); len(left) != 0 {
		t.Errorf("processes %v are left", left)
	}
}
