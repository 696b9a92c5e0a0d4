package endpoint

import (
	"strconv"
	"strings"
)

// hostAllowed reports whether a Host header is one of the agent's own names
// with its port, letter by letter. A page whose name was rebound to loopback
// (DNS rebinding) sends its own name here.
func hostAllowed(host string, port int) bool {
	name, ok := strings.CutSuffix(host, ":"+strconv.Itoa(port))
	return ok && (name == "127.0.0.1" || name == "localhost" || name == "[::1]")
}
