//go:build linux

package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"strings"
	"syscall"

	"golang.org/x/sync/errgroup"

	"github.com/cardea-agent/cardea/agent/audit"
	"github.com/cardea-agent/cardea/agent/endpoint/endpointtest"
	"github.com/cardea-agent/cardea/agent/handover"
	"github.com/cardea-agent/cardea/agent/session"
)

// Each of many people is a process of a user of their own: this program, started
// again with these set, with an agent whose card is in the same process.
const (
	personEnv = "CARDEA_BENCH_PERSON" // where agents dial
	portEnv   = "CARDEA_BENCH_PORT"
)

// firstUser is the first of the numbers that the people have. No account needs
// to have them.
const firstUser = 64500

// crowd are the people.
type crowd []person

type person struct {
	in   io.WriteCloser
	out  *bufio.Reader
	wait func() error
}

// gather starts so many people and returns when each has an agent with a card.
func gather(ctx context.Context, n int, meeting, address string) (people crowd, leave func() error, err error) {
	leave = func() error {
		var errs []error
		for _, p := range people {
			errs = append(errs, p.in.Close(), p.wait())
		}
		return errors.Join(errs...)
	}
	for i := range n {
		p, err := newPerson(firstUser+uint32(i), meeting, address)
		if err != nil {
			return people, leave, err
		}
		people = append(people, p)
	}
	for i, p := range people {
		if err := p.hear(); err != nil {
			return people, leave, fmt.Errorf("person %d: %w", i, err)
		}
	}
	return people, leave, ctx.Err()
}

func newPerson(uid uint32, meeting, address string) (person, error) {
	cmd := exec.Command("/proc/self/exe")
	cmd.Env = []string{personEnv + "=" + meeting, portEnv + "=" + address}
	cmd.Stderr = os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uid, Gid: uid}, Pdeathsig: syscall.SIGKILL}
	in, err := cmd.StdinPipe()
	if err != nil {
		return person{}, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return person{}, err
	}
	return person{in: in, out: bufio.NewReader(out), wait: cmd.Wait}, cmd.Start()
}

// hear waits for the person to be done.
func (p person) hear() error {
	line, err := p.out.ReadString('\n')
	if err == nil && line != "ok\n" {
		err = errors.New(strings.TrimSpace(line))
	}
	return err
}

// all has everybody do something at once.
func (c crowd) all(what string) error {
	for _, p := range c {
		if _, err := io.WriteString(p.in, what+"\n"); err != nil {
			return err
		}
	}
	for i, p := range c {
		if err := p.hear(); err != nil {
			return fmt.Errorf("%s, person %d: %w", what, i, err)
		}
	}
	return nil
}

// bePerson is the other side: it does what each line of standard input says
// until that ends. It reports whether this process is a person at all.
func bePerson() (is bool, err error) {
	meeting := os.Getenv(personEnv)
	if meeting == "" {
		return false, nil
	}
	s := inProcess()
	if _, err := s.insert(p256); err != nil {
		return true, err
	}
	ctx, stop := context.WithCancel(context.Background())
	through := handover.Listen(meeting, slog.New(slog.DiscardHandler))
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error {
		return session.Run(ctx, session.Config{
			Driver: s.driver, Policy: parseRules(), Audit: audit.New(io.Discard), Log: slog.New(slog.DiscardHandler), Version: "bench",
			Listeners: []net.Listener{through}, Prompter: instant{},
		})
	})
	group.Go(func() error {
		defer stop()
		if err := connected(ctx, through); err != nil {
			return err
		}
		fmt.Println("ok")
		return obey(ctx, os.Getenv(portEnv))
	})
	return true, group.Wait()
}

// obey does what is said.
func obey(ctx context.Context, address string) error {
	var kept []net.Conn
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		var what string
		var n int
		_, err := fmt.Sscan(lines.Text(), &what, &n)
		switch {
		case err != nil:
		case what == "signin":
			err = signInTimes(ctx, address, n)
		case what == "hold":
			for range n {
				var conn net.Conn
				if conn, err = net.Dial("tcp", address); err != nil {
					break
				}
				kept = append(kept, conn)
			}
		default:
			err = fmt.Errorf("what is %q?", what)
		}
		if err != nil {
			fmt.Println(strings.ReplaceAll(err.Error(), "\n", " "))
			continue
		}
		fmt.Println("ok")
	}
	for _, conn := range kept {
		_ = conn.Close()
	}
	return lines.Err()
}

func signInTimes(ctx context.Context, address string, n int) error {
	page, err := endpointtest.Open(ctx, address, origin)
	if err != nil {
		return err
	}
	defer page.Close()
	for range n {
		if _, err := signIn(ctx, page); err != nil {
			return err
		}
	}
	return nil
}
