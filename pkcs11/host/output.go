package host

import (
	"bufio"
	"log/slog"
	"os"
	"strings"
	"sync/atomic"
)

// output is what a module prints, and what Go's runtime prints when a module
// crashes. It is logged, up to a limit, until the module has the PIN: nobody
// knows what it prints then, and the runtime prints registers.
type output struct {
	from   *os.File
	log    *slog.Logger
	module string
	secret atomic.Bool   // the module has the PIN, or will have it
	ended  chan struct{} // closed when nothing more comes
}

// The limits of what is logged of one process, in bytes.
const (
	maxOutput = 2 << 10
	maxLine   = 512
)

// read logs what comes, line by line.
func (o *output) read() {
	defer close(o.ended)
	lines := bufio.NewReaderSize(o.from, maxLine)
	logged, dropped, trace := 0, 0, false
	for {
		line, err := lines.ReadSlice('\n')
		text := strings.TrimSpace(string(line))
		// What follows is about this program, and not about the module.
		trace = trace || strings.HasPrefix(text, "goroutine ")
		switch {
		case text == "":
		case o.secret.Load() || trace || logged+len(line) > maxOutput:
			dropped += len(line)
		default:
			logged += len(line)
			o.log.Info("a PKCS#11 module printed", "module", o.module, "text", text)
		}
		if err != nil && err != bufio.ErrBufferFull { //nolint:errorlint // bare, by its documentation
			break
		}
	}
	if dropped > 0 {
		o.log.Info("a PKCS#11 module printed more, which is not kept", "module", o.module, "bytes", dropped)
	}
}
