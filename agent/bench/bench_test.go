//go:build linux

package main

import (
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cardea-agent/cardea/agent/endpoint/endpointtest"
	"github.com/cardea-agent/cardea/pcsc/pcscdtest"
	"github.com/cardea-agent/cardea/pkcs11/host"
)

func TestMain(m *testing.M) {
	for _, be := range []func() (bool, error){beCard, bePerson, beFlood} {
		if is, err := be(); is {
			if err != nil {
				panic(err)
			}
			return
		}
	}
	if len(os.Args) > 1 && os.Args[1] == moduleRole {
		if err := host.Serve(os.Args[2:]); err != nil {
			panic(err)
		}
		return
	}
	os.Exit(m.Run())
}

// names are the figures that other programs look for.
var names = []string{
	"authenticate_p256_ms", "authenticate_rsa2048_ms", "request_p256_ms", "request_rsa2048_ms", "authenticate_apdus",
	"contact_card_sign_in_ms", "event_to_page_ms", "click_to_pin_window_ms", "start_to_listening_ms", "agent_rss_mb",
	"hostile_load_failed_sign_ins", "hostile_load_per_s", "hostile_load_let_in", "hostile_load_rss_mb",
	"agent_idle_switches_per_s", "agent_idle_cpu_ms_per_min", "tray_rss_mb", "tray_start_ms",
	"hosted_sign_p256_ms", "hosted_batch_250_ms", "module_crash_recovery_ms", "module_hang_recovery_ms", "opensc_first_sign_ms",
	"broker_connect_ms", "broker_round_trip_ms", "broker_signins_per_s", "broker_rss_mb", "broker_rss_500_mb", "broker_restart_ms",
}

// fromElsewhere are figures that another program measures.
var fromElsewhere = []string{"package_deb_mb", "package_rpm_mb", "package_msi_mb", "installed_mb", "first_sign_in_after_install_ms"}

// No time is judged here: a machine that runs tests is no measure.
func TestAShortRunHasEveryFigureAndAsFewCommandsAsTheFloor(t *testing.T) {
	folder := t.TempDir()
	o := options{agent: filepath.Join(folder, "cardea-agent"), out: filepath.Join(folder, "bench.json"), rounds: 2, idle: 10 * time.Millisecond, load: 200 * time.Millisecond}
	if out, err := exec.Command("go", "build", "-o", o.agent, "..").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if os.Geteuid() == 0 {
		o.broker = filepath.Join(folder, "cardea-broker")
		build := exec.Command("go", "build", "-o", o.broker, "../broker")
		build.Env = append(os.Environ(), "CGO_ENABLED=0")
		if out, err := build.CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
	}
	var table strings.Builder
	err := o.run(t.Context(), &table, io.Discard)
	if errors.Is(err, pcscdtest.ErrMissing) && os.Getenv("CARDEA_E2E_REQUIRED") != "1" {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(o.out)
	if err != nil {
		t.Fatal(err)
	}
	var figures []figure
	if err := json.Unmarshal(b, &figures); err != nil {
		t.Fatal(err)
	}
	for _, name := range slices.Concat(names, fromElsewhere) {
		i := slices.IndexFunc(figures, func(f figure) bool { return f.Name == name })
		if i < 0 {
			t.Errorf("there is no figure %s", name)
			continue
		}
		f := figures[i]
		// There is no file of make pkg-check in the folder either.
		missing := slices.Contains(fromElsewhere, name) || strings.HasPrefix(name, "tray_") || name == "click_to_pin_window_ms" || o.broker == "" && strings.HasPrefix(name, "broker_")
		switch {
		case missing && (f.Median != nil || f.N != 0):
			t.Errorf("%s was measured without what it is of: %+v", name, f)
		case !missing && (f.Median == nil || f.P99 == nil || *f.P99 < *f.Median || f.N < 1 || *f.Median < 0):
			t.Errorf("%s is no measurement: %+v", name, f)
		case !strings.Contains(table.String(), "\n"+name+" "):
			t.Errorf("%s is not in the table", name)
		}
	}
	counts := 0
	for _, f := range figures {
		if (f.Name == "hostile_load_failed_sign_ins" || f.Name == "hostile_load_let_in") && *f.Median != 0 {
			t.Errorf("%s: %v", f.Name, *f.Median)
		}
		if f.Unit == "APDUs" {
			counts++
			if *f.P99 != *f.Floor || *f.Median != *f.Floor || *f.Floor < 5 {
				t.Errorf("%s: the agent sent %v commands, at most %v, and the floor %v", f.Name, *f.Median, *f.P99, *f.Floor)
			}
		}
	}
	if counts != 4 {
		t.Errorf("%d figures count commands", counts)
	}
	if got := strings.Count(table.String(), "not measured: no cardea-tray was named"); got != 3 {
		t.Errorf("the table says %d times that there was no tray:\n%s", got, table.String())
	}
}

// A machine that is too slow for the load says so, and judges nothing.
func TestALoadThatWasNotReachedIsNoMeasurement(t *testing.T) {
	calm, slow := visits{took: series{2, 2}}, visits{took: series{5, 5}}
	reached := endpointtest.Report{Refused: 30000, Silent: 30000, Took: 30 * time.Second}
	if f := hostileFigures(calm, slow, reached)[0]; !f.missed() || *f.Floor != 2 || *f.Goal != 4 {
		t.Errorf("%+v", f)
	}
	if f := hostileFigures(calm, visits{took: series{3}}, reached)[0]; f.verdict() != "met" {
		t.Errorf("%+v", f)
	}
	reached.Took = time.Minute
	if f := hostileFigures(calm, slow, reached)[0]; f.Median != nil || !strings.Contains(f.verdict(), "only 1000 connections") {
		t.Errorf("%+v", f)
	}
}

func TestAGoalIsJudgedByWhatItIsFor(t *testing.T) {
	s := series{9, 1, 3, 2, 4}
	if s.median() != 3 || s.quantile(0.99) != 9 || (series{7}).quantile(0.99) != 7 || (series{1, 2}).median() != 1 {
		t.Errorf("median %v, p99 %v", s.median(), s.quantile(0.99))
	}
	f := summary("a_ms", "ms", s)
	byP99 := f.within(5)
	byP99.goalOfP99 = true
	for want, got := range map[string]figure{
		"": f, "met": f.within(3), "MISSED": f.within(2.999), "not measured: why": notMeasured("a_ms", "ms", "why"),
	} {
		if got.verdict() != want {
			t.Errorf("%+v: %q, want %q", got, got.verdict(), want)
		}
	}
	if !byP99.missed() {
		t.Error("a goal of the 99th percentile was judged by the median")
	}
}

func TestAProgramThatDoesNotListenIsAnError(t *testing.T) {
	if _, err := startAgent("/bin/false", t.TempDir()); err == nil || !strings.Contains(err.Error(), "does not listen") {
		t.Errorf("got %v", err)
	}
}
