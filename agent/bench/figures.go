//go:build linux

package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"os"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"
)

// figure is one line of the result. A pointer is nil where there is no such
// number: no floor, no goal, or nothing measured.
type figure struct {
	Name   string   `json:"name"`
	Unit   string   `json:"unit"`
	Median *float64 `json:"median"`
	P99    *float64 `json:"p99"`
	N      int      `json:"n"` // samples
	Floor  *float64 `json:"floor"`
	Goal   *float64 `json:"goal"`           // an upper bound
	From   string   `json:"from,omitempty"` // who measured it and when, if it was not this run

	goalOfP99 bool   // the goal is for the 99th percentile, else for the median
	why       string // nothing was measured
}

// series are samples of one thing.
type series []float64

func (s *series) add(d time.Duration) { *s = append(*s, milliseconds(d)) }

func milliseconds(d time.Duration) float64 { return d.Seconds() * 1000 }

// quantile is the smallest sample that q of all samples do not exceed (nearest
// rank). There must be a sample.
func (s series) quantile(q float64) float64 {
	sorted := slices.Sorted(slices.Values(s))
	rank := int(math.Ceil(q * float64(len(sorted))))
	return sorted[max(rank, 1)-1]
}

func (s series) median() float64 { return s.quantile(0.5) }

// summary makes a figure without floor and goal.
func summary(name, unit string, s series) figure {
	return figure{Name: name, Unit: unit, Median: rounded(s.median()), P99: rounded(s.quantile(0.99)), N: len(s)}
}

// within sets a goal.
func (f figure) within(goal float64) figure {
	f.Goal = rounded(goal)
	return f
}

// above sets a floor.
func (f figure) above(floor series) figure {
	f.Floor = rounded(floor.median())
	return f
}

func notMeasured(name, unit, why string) figure { return figure{Name: name, Unit: unit, why: why} }

// rounded keeps a microsecond of a millisecond.
func rounded(v float64) *float64 {
	v = math.Round(v*1000) / 1000
	return &v
}

// verdict says whether the goal was met.
func (f figure) verdict() string {
	value := f.Median
	if f.goalOfP99 {
		value = f.P99
	}
	switch {
	case value == nil:
		return "not measured: " + f.why
	case f.Goal == nil:
		return ""
	case *value > *f.Goal:
		return "MISSED"
	}
	return "met"
}

// source says where a figure comes from that is not of this run.
func (f figure) source() string {
	if f.From == "" {
		return ""
	}
	return " (" + f.From + ")"
}

func (f figure) missed() bool { return f.verdict() == "MISSED" }

// printTable writes the figures for people.
func printTable(out io.Writer, figures []figure) error {
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "figure\tgoal\tmedian\tp99\tfloor\tratio\tn\t")
	for _, f := range figures {
		goal := number(f.Goal)
		if f.goalOfP99 && f.Goal != nil {
			goal += " (p99)"
		}
		ratio := "-"
		if f.Floor != nil && f.Median != nil && *f.Floor > 0 {
			ratio = strconv.FormatFloat(*f.Median / *f.Floor, 'f', 2, 64)
		}
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\t%s\t%d\t%s\n",
			f.Name, goal, number(f.Median), number(f.P99), number(f.Floor), ratio, f.N, strings.TrimSpace(f.verdict()+f.source()))
	}
	return table.Flush()
}

func number(v *float64) string {
	if v == nil {
		return "-"
	}
	return strconv.FormatFloat(*v, 'f', -1, 64)
}

// writeFile writes the figures for programs.
func writeFile(path string, figures []figure) error {
	b, err := json.MarshalIndent(figures, "", "  ")
	if err != nil {
		return err
	}
	// No secret, and other tools read it.
	return os.WriteFile(path, append(b, '\n'), 0o644) //nolint:gosec // see above
}

// loadAverage is how many programs wanted to run in the last minute.
func loadAverage() (float64, error) {
	b, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return 0, err
	}
	var load float64
	_, err = fmt.Sscan(string(b), &load)
	return load, err
}

// compare runs floor and product in turns, so that what else the machine does
// slows both down alike. Some rounds before the first are not counted. The
// product's function says itself what of its time counts.
func compare(rounds int, floor func() error, product func() (time.Duration, error)) (floors, products series, err error) {
	warm := cmp.Or(min(rounds/10, 20), 1)
	for i := range warm + rounds {
		began := time.Now()
		if err := floor(); err != nil {
			return nil, nil, fmt.Errorf("the floor: %w", err)
		}
		raw := time.Since(began)
		took, err := product()
		if err != nil {
			return nil, nil, err
		}
		if i >= warm {
			floors.add(raw)
			products.add(took)
		}
	}
	return floors, products, nil
}
