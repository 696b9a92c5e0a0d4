package endpoint

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"time"
)

// forgeEnv makes this test program another user's: it sends a handshake with a
// forged Origin to the address.
const forgeEnv = "ENDPOINT_TEST_FORGE"

// forge prints the first line that comes back, if any does before the
// connection is closed.
func forge(addr string) int {
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		fmt.Println("dial:", err)
		return 1
	}
	defer func() { _ = conn.Close() }()
	_ = conn.SetDeadline(time.Now().Add(20 * time.Second))
	_, port, _ := net.SplitHostPort(addr)
	// The server may have closed the connection already: only what comes
	// back counts.
	_, _ = io.WriteString(conn, strings.ReplaceAll(handshake, ":P", ":"+port))
	answer, err := bufio.NewReader(conn).ReadString('\n')
	if os.IsTimeout(err) {
		fmt.Println("the connection is still open")
		return 1
	}
	fmt.Print(answer)
	return 0
}
