//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"time"
)

const megabyte = 1e6

var (
	residentLine = regexp.MustCompile(`(?m)^VmRSS:\s+(\d+) kB$`)
	switchesLine = regexp.MustCompile(`(?m)^voluntary_ctxt_switches:\s+(\d+)$`)
)

// field reads a number out of a file of /proc.
func field(path string, line *regexp.Regexp) (float64, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return 0, err
	}
	m := line.FindSubmatch(b)
	if m == nil {
		return 0, fmt.Errorf("%s has no line %v", path, line)
	}
	return strconv.ParseFloat(string(m[1]), 64)
}

// resident is the memory of a process that is in RAM, in megabytes.
func resident(process int) (float64, error) {
	kib, err := field(fmt.Sprintf("/proc/%d/status", process), residentLine)
	return kib * 1024 / megabyte, err
}

// usage is what a process has used so far, over all its threads.
type usage struct {
	switches float64 // voluntary context switches
	cpu      float64 // ms
}

// cpuFile begins with the nanoseconds that a thread spent on a processor: the
// usual file counts in hundredths of a second, which is too coarse.
var cpuFile = regexp.MustCompile(`^(\d+) `)

func usageOf(process int) (usage, error) {
	threads, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*", process))
	if err != nil || len(threads) == 0 {
		return usage{}, errors.Join(err, fmt.Errorf("there is no process %d", process))
	}
	var sum usage
	for _, thread := range threads {
		switches, err := field(filepath.Join(thread, "status"), switchesLine)
		nanoseconds, err2 := field(filepath.Join(thread, "schedstat"), cpuFile)
		if err := errors.Join(err, err2); errors.Is(err, fs.ErrNotExist) {
			continue // the thread ended meanwhile
		} else if err != nil {
			return usage{}, err
		}
		sum.switches += switches
		sum.cpu += nanoseconds / 1e6
	}
	return sum, nil
}

// The goals of an agent that has nothing to do.
const (
	memoryGoal   = 20 // MB
	switchesGoal = 1  // a second
	idleCPUGoal  = 5  // ms a minute
)

// settling is how long a process is left alone before its idling counts: the
// watcher looks once more a second after the last event.
const settling = 5 * time.Second

// measureIdle lets a process be for a while.
func measureIdle(ctx context.Context, process int, while time.Duration) ([]figure, error) {
	if err := pass(ctx, min(while, settling)); err != nil {
		return nil, err
	}
	before, err := usageOf(process)
	if err != nil {
		return nil, err
	}
	began := time.Now()
	if err := pass(ctx, while); err != nil {
		return nil, err
	}
	after, err := usageOf(process)
	if err != nil {
		return nil, err
	}
	passed := time.Since(began)
	switches := (after.switches - before.switches) / passed.Seconds()
	cpu := (after.cpu - before.cpu) / passed.Minutes()
	return []figure{
		summary("agent_idle_switches_per_s", "1/s", series{switches}).within(switchesGoal),
		summary("agent_idle_cpu_ms_per_min", "ms/min", series{cpu}).within(idleCPUGoal),
	}, nil
}

// pass lets time pass.
func pass(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
