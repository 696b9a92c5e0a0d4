package card

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/cardea-agent/cardea/agent/signin"
	"github.com/cardea-agent/cardea/pcsc"
	"github.com/cardea-agent/cardea/pcsc/pcscdtest"
	"github.com/cardea-agent/cardea/pcsc/virtual"
)

// The length of the run. "make soak" sets both.
const (
	cyclesEnv     = "CARDEA_SOAK_CYCLES"
	signaturesEnv = "CARDEA_SOAK_SIGNATURES"
)

// soak is a long run over two cards behind pcscd that are spoken to through
// OpenSC, with everything happening to them that happens to cards and modules.
type soak struct {
	*desk
	random *rand.Rand
	slots  [2]*virtual.VPCD
	cards  [2]*soaked // in the slot of the same number; moved by a swap
	sums   map[string]int
	made   int
}

// soaked is one card and what it must have been sent since the last look.
type soaked struct {
	*virtual.Card
	name, pin string
	left      int // tries
}

func TestSoakNothingIsLeakedAndNoPINIsTriedTwiceWhateverHappens(t *testing.T) {
	cycles, signatures := number(t, cyclesEnv, 10), number(t, signaturesEnv, 100)
	s := newSoak(t)
	var warm usage
	began := time.Now()
	for cycle := range cycles {
		s.move()
		s.settle()
		for s.made < signatures*(cycle+1)/cycles {
			s.signSomething()
		}
		if cycle == max(cycles/10, 2) {
			warm = s.usage()
		}
		if cycles >= 100 && (cycle+1)%(cycles/10) == 0 {
			t.Logf("%d cycles and %d signatures in %v: %v, using %+v", cycle+1, s.made, time.Since(began).Round(time.Second), s.sums, s.usage())
		}
	}
	end := s.usage()
	t.Logf("%d cycles and %d signatures in %v: %v; used %+v after the warm-up and %+v at the end",
		cycles, s.made, time.Since(began).Round(time.Second), s.sums, warm, end)
	if end.files > warm.files || end.goroutines > warm.goroutines {
		t.Errorf("something is leaked: %+v after the warm-up, %+v at the end", warm, end)
	}
	if end.heap > most(warm.heap) || end.resident > most(warm.resident) {
		t.Errorf("the memory grew: %+v after the warm-up, %+v at the end", warm, end)
	}
}

// most is a tenth more, and what a short run cannot tell from chance.
func most(bytes int64) int64 { return bytes + max(bytes/10, 4<<20) }

func number(t *testing.T, name string, usual int) int {
	t.Helper()
	text := os.Getenv(name)
	if text == "" {
		return usual
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 {
		t.Fatalf("%s=%s is no number", name, text)
	}
	return n
}

func newSoak(t *testing.T) *soak {
	t.Helper()
	daemon := pcscdtest.Shared(t)
	seed := uint64(time.Now().UnixNano())
	t.Logf("the seed is %d", seed)
	log := slog.New(slog.DiscardHandler)
	s := &soak{random: rand.New(rand.NewPCG(seed, 1)), sums: map[string]int{}}
	for i, name := range []string{"Anna", "Bill"} {
		pin := []string{oursPIN, theirsPIN}[i]
		profile := virtual.P256(name).With(func(p *virtual.Profile) { p.PIN = pin })
		s.cards[i] = &soaked{Card: virtual.NewCard(virtual.NewCA("CA of "+name), profile), name: name, pin: pin, left: 3}
		s.slots[i] = virtual.NewVPCD(daemon.Readers[i].Addr)
		t.Cleanup(s.slots[i].Remove)
	}
	s.desk = startDesk(t, Config{Driver: pcsc.System{}, List: listOf(t, formatATR(s.cards[0].ATR()), openSC(t)), Modules: hosts(t, log), Log: log})
	s.until("both readers are empty", func(n signin.Snapshot) bool { return len(n.Readers) == 2 && n.State == signin.NoCard })
	for i := range s.slots {
		s.slots[i].Insert(s.cards[i].Card)
	}
	s.settle()
	return s
}

// move takes cards out and puts them in, here or there.
func (s *soak) move() {
	switch s.random.IntN(3) {
	case 0: // one is out for a while
		i := s.random.IntN(2)
		s.empty(i)
		s.slots[i].Insert(s.cards[i].Card)
		s.sums["taken out"]++
	case 1: // both change places
		s.empty(0, 1)
		s.cards[0], s.cards[1] = s.cards[1], s.cards[0]
		for i := range s.slots {
			s.slots[i].Insert(s.cards[i].Card)
		}
		s.sums["swapped"]++
	case 2: // one is pulled while it signs, after which some modules hang
		i := s.random.IntN(2)
		req := batch(s.in(i).Keys()[0], s.cards[i].pin, 200)
		var pulled sync.WaitGroup
		at := 1 + s.random.IntN(20)
		req.Signed = func(n int) {
			if n == at {
				pulled.Go(s.slots[i].Remove)
			}
		}
		s.sign(i, req, wasPulled)
		pulled.Wait()
		s.empty(i)
		s.slots[i].Insert(s.cards[i].Card)
		s.sums["pulled"]++
	}
}

// empty empties slots and waits until the agent knows.
func (s *soak) empty(slots ...int) {
	s.t.Helper()
	for _, i := range slots {
		s.slots[i].Remove()
	}
	s.until("the readers are empty", func(n signin.Snapshot) bool {
		for _, i := range slots {
			if n.Readers[i].Status != signin.NoCard || n.Readers[i].Pending {
				return false
			}
		}
		return true
	})
}

// settle waits until each reader shows its own card. Where the reader stays
// empty, the card is put in again: vpcd overlooks one that comes after one that
// was pulled in the middle of a command.
func (s *soak) settle() {
	s.t.Helper()
	overlooked := time.NewTicker(5 * time.Second)
	defer overlooked.Stop()
	for tries := 0; tries < 5; {
		n, changed := s.Snapshot()
		missing := -1
		for i, c := range s.cards {
			if n.Readers[i].Problem != "" { // its module was killed twice
				s.ReadAgain()
			}
			if !shows(n, i, c.Card) {
				missing = i
			}
		}
		if missing < 0 {
			return
		}
		select {
		case <-changed:
		case <-overlooked.C:
			tries++
			if n.Readers[missing].Status == signin.NoCard {
				s.sums["overlooked by vpcd"]++
				s.slots[missing].Remove()
				s.slots[missing].Insert(s.cards[missing].Card)
			}
		}
	}
	n, _ := s.Snapshot()
	s.t.Fatalf("the cards are not read: %+v", n)
}

func (s *soak) in(i int) signin.Card {
	n, _ := s.Snapshot()
	return n.Readers[i].Card
}

// signSomething signs a batch with either card, and now and then with a wrong PIN
// or with its module's process killed in the middle.
func (s *soak) signSomething() {
	s.t.Helper()
	i := s.random.IntN(2)
	pin := s.cards[i].pin
	done := wellDone
	if s.cards[i].left == 3 && s.random.IntN(10) == 0 {
		pin, done = "90817263", wrongPIN
	}
	killed := make(chan struct{})
	kill := time.AfterFunc(time.Hour, func() { s.killHosts(); close(killed) })
	if s.random.IntN(3) == 0 {
		kill.Reset(time.Duration(s.random.IntN(60)) * time.Millisecond)
	}
	s.sign(i, batch(s.in(i).Keys()[0], pin, 1+s.random.IntN(20)), done)
	if !kill.Stop() {
		<-killed // else it would meet the next request's process
	}
	s.settle()
	if s.in(i) == nil {
		s.t.Fatal("the card is lost")
	}
}

// how is what is done to a request.
type how int

const (
	wellDone how = iota
	wrongPIN
	wasPulled
)

// sign signs and checks what became of both cards.
func (s *soak) sign(i int, req signin.CardSignRequest, done how) {
	s.t.Helper()
	this, other := s.cards[i], s.cards[1-i]
	this.ResetCount()
	other.ResetCount()
	made, err := s.in(i).Sign(context.Background(), req)
	verifyBatch(s.t, req, made)
	s.made += len(made)
	code := "ok"
	if err != nil {
		code = string(signin.CodeOf(err))
		if e, is := errors.AsType[*signin.Error](err); is && e.How != "" {
			code += " " + string(e.How)
		}
	}
	s.sums[code]++
	tried, _ := secretly(this.Card)
	if tried > 1 {
		s.t.Fatalf("%s's card was sent a PIN %d times for one request", this.name, tried)
	}
	if pins, signatures := secretly(other.Card); pins != 0 || signatures != 0 || other.Resets() != 0 || other.PINVerified() {
		s.t.Fatalf("%s's card had %d PINs, %d signatures and %d resets that were for %s's", other.name, pins, signatures, other.Resets(), this.name)
	}
	switch left, _ := this.TriesLeft(); {
	case done == wrongPIN && tried == 1:
		this.left--
		if left != this.left || err == nil {
			s.t.Fatalf("%s's card has %d tries left after a wrong PIN, want %d: %v", this.name, left, this.left, err)
		}
	case tried == 1:
		this.left = left
		fallthrough
	default:
		if left != this.left {
			s.t.Fatalf("%s's card has %d tries left, want %d: %v", this.name, left, this.left, err)
		}
	}
	if done != wasPulled && this.PINVerified() { // one that is out has no power
		s.t.Fatalf("%s's card holds the PIN for verified after %s", this.name, code)
	}
	possible := map[how][]string{
		wellDone: {"ok", "moduleFailed crashed"}, wrongPIN: {"pinWrong", "moduleFailed crashed"}, wasPulled: {"ok", "cardRemoved"},
	}[done]
	if !slices.Contains(possible, code) {
		s.t.Fatalf("%s's card: %v", this.name, err)
	}
}

// killHosts kills the modules' processes of this one.
func (s *soak) killHosts() {
	for _, pid := range children(s.t) {
		_ = syscall.Kill(pid, syscall.SIGKILL) // it may have ended
	}
}

// children are the modules' processes of this one.
func children(t testing.TB) (pids []int) {
	t.Helper()
	files, err := filepath.Glob("/proc/self/task/*/children")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil && !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, syscall.ESRCH) {
			t.Error(err)
		}
		for _, word := range strings.Fields(string(text)) {
			command, _ := os.ReadFile("/proc/" + word + "/cmdline")
			if pid, err := strconv.Atoi(word); err == nil && bytes.Contains(command, []byte("\x00"+role+"\x00")) {
				pids = append(pids, pid)
			}
		}
	}
	return pids
}

// usage is what this process uses.
type usage struct {
	files, goroutines int
	heap, resident    int64 // bytes
}

// usage waits until what was begun has ended: a spare process is made in the
// background, and what is left of the one before goes. A spare that was killed is
// replaced after the next use of the module, which is made here.
func (s *soak) usage() usage {
	s.t.Helper()
	c := s.in(0)
	if _, err := c.Tries(context.Background(), c.Keys()[0]); err != nil {
		s.t.Fatal(err)
	}
	var u usage
	for stable := 0; stable < 5; {
		runtime.GC()
		now := usage{files: entries(s.t, "/proc/self/fd"), goroutines: runtime.NumGoroutine()}
		if now.files == u.files && now.goroutines == u.goroutines && len(children(s.t)) == 1 {
			stable++
		} else {
			stable = 0
		}
		u = now
		time.Sleep(20 * time.Millisecond)
	}
	debug.FreeOSMemory()
	var memory runtime.MemStats
	runtime.ReadMemStats(&memory)
	text, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		s.t.Fatal(err)
	}
	var size, resident int64
	if _, err := fmt.Sscan(string(text), &size, &resident); err != nil {
		s.t.Fatal(err)
	}
	u.heap, u.resident = int64(memory.HeapAlloc), resident*int64(os.Getpagesize())
	return u
}

func entries(t testing.TB, folder string) int {
	t.Helper()
	all, err := os.ReadDir(folder)
	if err != nil {
		t.Fatal(err)
	}
	return len(all)
}
