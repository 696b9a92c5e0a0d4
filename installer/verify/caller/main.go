// Command caller is a page's browser for the tests of package verify: it opens a
// connection to the agent at an address, as a page of an origin would, and says
// what came of it. It is built for Windows, and is in no package.
//
// It never signs anybody in. It is used by the tests alone, which read its words.
package main

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"net/http"
	"os"
	"time"
)

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "caller ADDRESS ORIGIN")
		os.Exit(2)
	}
	fmt.Println(call(os.Args[1], os.Args[2]))
}

// call is "let in", "refused" with the status, or why there was no answer.
func call(address, origin string) string {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+address+"/cardea", nil)
	if err != nil {
		return err.Error()
	}
	key := make([]byte, 16)
	_, _ = rand.Read(key) // it never fails
	for name, value := range map[string]string{
		"Origin": origin, "Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13",
		"Sec-WebSocket-Protocol": "cardea.v1", "Sec-WebSocket-Key": base64.StdEncoding.EncodeToString(key),
	} {
		request.Header.Set(name, value)
	}
	response, err := http.DefaultTransport.RoundTrip(request)
	if err != nil {
		return "no answer: " + err.Error()
	}
	defer response.Body.Close()
	if response.StatusCode == http.StatusSwitchingProtocols {
		return "let in"
	}
	return fmt.Sprintf("refused %d", response.StatusCode)
}
