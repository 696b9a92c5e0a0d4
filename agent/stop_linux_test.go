//go:build linux && cgo

package main

import (
	"syscall"
	"testing"
	"time"
)

// TestTheTerminationSignalLetsTheCardFinish: an upgrade sends it, also in the
// midst of a sign-in.
func TestTheTerminationSignalLetsTheCardFinish(t *testing.T) {
	s := newStation(t)
	s.goOn = make(chan struct{})
	s.hold.Store(true)
	done := s.authenticate()
	s.asked().Type(s.right)
	select {
	case <-s.verifying:
	case <-time.After(30 * time.Second):
		t.Fatal("the card was never given the PIN")
	}
	if err := s.agent.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	s.awaitNoListener()
	select {
	case err := <-s.ended:
		t.Fatalf("the agent ended while the card was at work: %v", err)
	default:
	}
	close(s.goOn)
	for what, end := range map[string]<-chan error{"the sign-in": done, "the agent": s.ended} {
		select {
		case err := <-end:
			if err != nil {
				t.Errorf("%s ends with %v", what, err)
			}
		case <-time.After(30 * time.Second):
			t.Fatalf("%s does not end", what)
		}
	}
}
