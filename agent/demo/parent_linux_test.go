package main

import (
	"bufio"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"testing"
	"time"
)

// actAsDemo makes the test program be a demo that keeps a tray.
const actAsDemo = "CARDEA_DEMO_TEST_DEMO"

func actDemo(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv(actAsTray, "stay")
	t.Fatal(tray{path: self, socket: "s", notice: io.Discard, trace: os.Stderr, log: slog.New(slog.DiscardHandler)}.run(t.Context()))
}

func TestADemoThatIsKilledTakesTheTrayAlong(t *testing.T) {
	if os.Getenv(actAsDemo) != "" {
		actDemo(t)
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self, "-test.run", "^"+t.Name()+"$")
	cmd.Env = append(os.Environ(), actAsDemo+"=1")
	said, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewReader(said)
	if line, err := lines.ReadString('\n'); line != "--socket s\n" { // the tray runs, and has the pipe too
		t.Fatalf("%q, %v", line, err)
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() {
		_, err := io.Copy(io.Discard, lines) // until nobody has the pipe any more
		ended <- err
	}()
	select {
	case err := <-ended:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(30 * time.Second):
		t.Error("the tray goes on")
	}
	_ = cmd.Wait() // it was killed
}
