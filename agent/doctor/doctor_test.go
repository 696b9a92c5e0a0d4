package doctor_test

import (
	"context"
	"go/ast"
	"go/parser"
	"go/token"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cardea-agent/cardea/agent/doctor"
)

func TestEveryCodeHasAWholeRow(t *testing.T) {
	file, err := parser.ParseFile(token.NewFileSet(), "table.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	codes := 0
	ast.Inspect(file, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok || len(spec.Values) != 1 {
			return true
		}
		if typ, ok := spec.Type.(*ast.Ident); !ok || typ.Name != "Code" {
			return true
		}
		codes++
		code := doctor.Code(strings.Trim(spec.Values[0].(*ast.BasicLit).Value, `"`))
		if _, ok := doctor.Table[code]; !ok {
			t.Errorf("%s has no row", code)
		}
		return true
	})
	if codes == 0 || codes != len(doctor.Table) {
		t.Errorf("%d codes and %d rows", codes, len(doctor.Table))
	}
	for code, row := range doctor.Table {
		mend := row.Severity == doctor.Warning || row.Severity == doctor.Problem
		if row.Area == "" || row.Severity == "" || !strings.HasSuffix(row.Meaning, ".") || mend != (row.Who != "") || mend != strings.HasSuffix(row.Fix, ".") {
			t.Errorf("%s: something is missing or too much in %+v", code, row)
		}
	}
}

func TestFindingsComeInTheOrderOfTheProbes(t *testing.T) {
	probe := func(code doctor.Code, after time.Duration) doctor.Probe {
		return doctor.ProbeFunc{Title: string(code), Func: func(context.Context) []doctor.Finding {
			time.Sleep(after)
			return []doctor.Finding{{Code: code}}
		}}
	}
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		found := doctor.Run(t.Context(), doctor.Patience, probe(doctor.NoReader, 3*time.Second), probe(doctor.NoCard, time.Second))
		if len(found) != 2 || found[0].Code != doctor.NoReader || found[1].Code != doctor.NoCard {
			t.Errorf("found %+v", found)
		}
		if took := time.Since(start); took != 3*time.Second {
			t.Errorf("it took %v, though all are asked at once", took)
		}
	})
}

func TestAProbeThatHangsIsLeftBehindAndTheOthersAreHeard(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		found := doctor.Run(t.Context(), 5*time.Second,
			doctor.ProbeFunc{Title: "driver", Func: func(context.Context) []doctor.Finding { <-release; return nil }},
			doctor.ProbeFunc{Title: "panics", Func: func(context.Context) []doctor.Finding { panic("broken table") }},
			doctor.ProbeFunc{Title: "slow", Func: func(ctx context.Context) []doctor.Finding {
				<-ctx.Done() // it ends in time, with what it has
				return []doctor.Finding{{Code: doctor.CardBusy}}
			}},
			doctor.ProbeFunc{Title: "sound", Func: func(context.Context) []doctor.Finding { return []doctor.Finding{{Code: doctor.ServiceRuns}} }},
		)
		var codes []doctor.Code
		for _, f := range found {
			codes = append(codes, f.Code)
		}
		want := []doctor.Code{doctor.CheckTimedOut, doctor.CheckFailed, doctor.CardBusy, doctor.ServiceRuns}
		if !slices.Equal(codes, want) {
			t.Errorf("found %v, want %v", codes, want)
		}
		if !strings.Contains(found[0].Seen, `"driver" did not end within 5s`) || !strings.Contains(found[1].Seen, "broken table") {
			t.Errorf("found %+v", found)
		}
		close(release)
	})
}

func TestTheWorstFindingCounts(t *testing.T) {
	for _, c := range []struct {
		codes []doctor.Code
		want  doctor.Severity
	}{
		{nil, doctor.OK},
		{[]doctor.Code{doctor.ServiceRuns}, doctor.OK},
		{[]doctor.Code{doctor.NoCard, doctor.ServiceRuns}, doctor.Note},
		{[]doctor.Code{doctor.PINLow, doctor.NoCard}, doctor.Warning},
		{[]doctor.Code{doctor.ServiceRuns, doctor.ServiceDown, doctor.PINLow}, doctor.Problem},
	} {
		var findings []doctor.Finding
		for _, code := range c.codes {
			findings = append(findings, doctor.Finding{Code: code})
		}
		if got := doctor.Worst(findings); got != c.want {
			t.Errorf("%v: %s, want %s", c.codes, got, c.want)
		}
	}
}
