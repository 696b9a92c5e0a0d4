package host

import (
	"bufio"
	"errors"
	"io"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"sync"
	"time"
)

// process is a child, from the parent's side. It does one operation.
type process struct {
	os     *os.Process
	in     *os.File   // to the child
	out    *os.File   // from it
	frames chan frame // what came out; closed at its end
	broken error      // why it ended; readable when frames is closed
	exited chan struct{}
	state  error   // how the child ended; readable when exited is closed
	output *output // what else came out

	quit    chan struct{}  // closed by end
	writes  sync.Mutex     // held while a frame goes in
	sending sync.WaitGroup // those who write frames
	ongoing sync.WaitGroup // those who read what comes out
}

// start starts a child. It has not loaded the module when start returns.
func start(c Config) (*process, error) {
	if len(c.Command) == 0 {
		return nil, errors.New("no program is named that could load it")
	}
	cmd := exec.Command(c.Command[0], slices.Concat(c.Command[1:], c.arguments())...) //nolint:gosec // the agent's own program
	cmd.Env = c.environ()
	cmd.Dir = safeFolder()
	p := &process{
		frames: make(chan frame, 1), exited: make(chan struct{}), quit: make(chan struct{}),
		output: &output{log: c.Log, module: c.Module, ended: make(chan struct{})},
	}
	theirs, err := p.pipes(cmd)
	defer func() {
		for _, f := range theirs {
			f.Close()
		}
	}()
	if err == nil {
		err = p.run(cmd)
	}
	if err != nil {
		p.close()
		return nil, err
	}
	p.ongoing.Add(2)
	go func() {
		defer p.ongoing.Done()
		p.read()
	}()
	go func() {
		defer p.ongoing.Done()
		p.output.read()
	}()
	return p, nil
}

// pipes makes the child's standard files and returns its ends.
func (p *process) pipes(cmd *exec.Cmd) (theirs []*os.File, err error) {
	childIn, in, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	theirs = append(theirs, childIn)
	p.in = in
	out, childOut, err := os.Pipe()
	if err != nil {
		return theirs, err
	}
	theirs = append(theirs, childOut)
	p.out = out
	errs, childErrs, err := os.Pipe()
	if err != nil {
		return theirs, err
	}
	p.output.from = errs
	cmd.Stdin, cmd.Stdout, cmd.Stderr = childIn, childOut, childErrs
	return append(theirs, childErrs), nil
}

// run starts the child and has a goroutine wait for it. The kernel kills the
// child when the thread that started it ends, so that thread stays.
func (p *process) run(cmd *exec.Cmd) error {
	started := make(chan error, 1)
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		release, err := startContained(cmd)
		p.os = cmd.Process
		started <- err
		if err != nil {
			return
		}
		p.state = cmd.Wait()
		release()
		close(p.exited)
	}()
	return <-started
}

// read hands on what the child says, until it ends.
func (p *process) read() {
	defer close(p.frames)
	buffered := bufio.NewReader(p.out) // no PIN comes from there
	for {
		f, err := readFrame(buffered, func(size int) []byte { return make([]byte, size) })
		if err != nil {
			p.broken = err
			return
		}
		select {
		case p.frames <- f:
		case <-p.quit:
			p.broken = os.ErrClosed
			return
		}
	}
}

// write sends a frame without waiting for the child to read it. Frames that are
// under way at once may change places.
func (p *process) write(f func(io.Writer) error) {
	p.sending.Add(1)
	go func() {
		defer p.sending.Done()
		p.writes.Lock()
		defer p.writes.Unlock()
		_ = f(p.in) // a child that does not read will not answer
	}()
}

// dead reports whether the child has ended.
func (p *process) dead() bool {
	select {
	case <-p.exited:
		return true
	default:
		return false
	}
}

// patience is how long a killed child may take to end. One that is in a call
// of a broken driver takes longer, and no one can do anything about it.
const patience = 5 * time.Second

// kill kills the child. No frame goes in any more when it returns, so a PIN is
// its caller's again.
func (p *process) kill() {
	_ = p.os.Kill() // it may have ended
	p.in.Close()
	p.sending.Wait()
}

// end kills the child and returns when nothing of it is left.
func (p *process) end() {
	p.kill()
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case <-p.exited:
	case <-timer.C:
		p.output.log.Error("a process of a PKCS#11 module does not end", "module", p.output.module, "pid", p.os.Pid)
	}
	timer.Reset(lastWords)
	select {
	case <-p.output.ended:
	case <-timer.C:
	}
	close(p.quit)
	p.close()
	p.ongoing.Wait()
}

// lastWords is how long the end of a dead child's output is waited for: a
// program that the module started may hold it open for ever.
const lastWords = 100 * time.Millisecond

func (p *process) close() {
	for _, f := range []*os.File{p.in, p.out, p.output.from} {
		f.Close() // nil does no harm
	}
}

// death says how a child ended whose frames have.
func (p *process) death() error {
	if p.broken != nil && !errors.Is(p.broken, io.EOF) && !errors.Is(p.broken, io.ErrUnexpectedEOF) {
		return p.broken
	}
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case <-p.exited:
	case <-timer.C:
		return errors.New("it closed its output")
	}
	if p.state == nil {
		return errors.New("it ended by itself")
	}
	return p.state
}
