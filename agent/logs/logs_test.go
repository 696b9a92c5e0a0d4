package logs_test

import (
	"bytes"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/cardea-agent/cardea/agent/logs"
)

func TestEveryWriterGetsARecordAndMemoryKeepsItToo(t *testing.T) {
	var file, screen bytes.Buffer
	log, memory := logs.New(slog.LevelInfo, &file, &screen)
	log.With("part", "door").Info("listening", "port", 1)
	for name, text := range map[string]string{
		"file": file.String(), "screen": screen.String(), "memory": strings.Join(memory.Lines(), "\n"),
	} {
		if !strings.Contains(text, "msg=listening part=door port=1") {
			t.Errorf("the %s has %q", name, text)
		}
	}
}

func TestWhatIsLoggedChangesWhileTheAgentRuns(t *testing.T) {
	var file bytes.Buffer
	level := new(slog.LevelVar)
	log, memory := logs.New(level, &file)
	log.Debug("first")
	if got := logs.Toggle(level, slog.LevelInfo); got != slog.LevelDebug {
		t.Errorf("the level is %v", got)
	}
	log.Debug("second")
	if got := logs.Toggle(level, slog.LevelInfo); got != slog.LevelInfo {
		t.Errorf("the level is %v", got)
	}
	log.Debug("third")
	logs.Announce(t.Context(), log, level.Level())
	if text := file.String(); strings.Contains(text, "first") || !strings.Contains(text, "second") || strings.Contains(text, "third") ||
		!strings.Contains(text, "least=INFO") {
		t.Errorf("the file has %q", text)
	}
	if got := len(memory.Lines()); got != 4 {
		t.Errorf("memory has %d records, want all 4", got)
	}
}

func TestMemoryIsBounded(t *testing.T) {
	log, memory := logs.New(slog.LevelInfo)
	for i := range logs.KeptRecords + 7 {
		log.Info(fmt.Sprint("record ", i))
	}
	lines := memory.Lines()
	if len(lines) != logs.KeptRecords || !strings.Contains(lines[0], `"record 7"`) ||
		!strings.Contains(lines[len(lines)-1], fmt.Sprintf(`"record %d"`, logs.KeptRecords+6)) {
		t.Errorf("%d records, from %s to %s", len(lines), lines[0], lines[len(lines)-1])
	}
	log.Info(strings.Repeat("x", 100_000))
	lines = memory.Lines()
	if last := lines[len(lines)-1]; len(last) > 3000 || !strings.HasSuffix(last, "...") {
		t.Errorf("a record of %d bytes is kept", len(last))
	}
}
