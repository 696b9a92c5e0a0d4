// Command standin stands in for cardea-agent and cardea-tray under Wine: it says
// by which name and how it was started to the test that waits at the address in
// the file beside it, and ends as the test says. As visitor.exe it is a browser's
// page, which asks an agent for a connection and prints the answer; it also opens
// and closes a pipe, and ends a process as Windows' task manager does, which Wine's
// taskkill does not. It is no part of anything that is installed.
package main

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(99)
	}
}

func run() error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	name := strings.TrimSuffix(filepath.Base(self), ".exe")
	if name == "visitor" {
		return does[os.Args[1]](os.Args[2:])
	}
	address, err := os.ReadFile(filepath.Join(filepath.Dir(self), "test.txt"))
	if err != nil {
		return err
	}
	conn, err := net.Dial("tcp", strings.TrimSpace(string(address)))
	if err != nil {
		return err
	}
	said := []string{name, strconv.Itoa(os.Getpid()), os.Getenv("USERPROFILE"), strings.Join(os.Args[1:], " ")}
	if _, err := fmt.Fprintf(conn, "%s\n", strings.Join(said, "\t")); err != nil {
		return err
	}
	if slices.Contains(os.Args, "--until-stdin-ends") {
		go func() { _, _ = io.Copy(io.Discard, os.Stdin); os.Exit(0) }()
	}
	order, err := bufio.NewReader(conn).ReadString('\n')
	if err != nil {
		return err
	}
	code, err := strconv.Atoi(strings.TrimSpace(order))
	if err != nil {
		return err
	}
	os.Exit(code)
	return nil
}

var does = map[string]func(args []string) error{"visit": visit, "open": open, "kill": kill}

// visit asks for a WebSocket as a page of a site does, and prints the status.
func visit(args []string) error {
	address, origin, subprotocol := args[0], args[1], args[2]
	conn, err := net.Dial("tcp", address)
	if err != nil {
		return err
	}
	defer conn.Close()
	_, err = fmt.Fprintf(conn, "GET /cardea HTTP/1.1\r\nHost: %s\r\nOrigin: %s\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"+
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Protocol: %s\r\n\r\n", address, origin, subprotocol)
	if err != nil {
		return err
	}
	line, err := bufio.NewReader(conn).ReadString('\n')
	fmt.Printf("%q %v\n", strings.TrimSpace(line), err)
	return nil
}

// open opens a pipe and closes it.
func open(args []string) error {
	f, err := os.OpenFile(args[0], os.O_RDWR, 0)
	if err != nil {
		return err
	}
	return f.Close()
}

// kill ends a process with the code 1.
func kill(args []string) error {
	pid, err := strconv.Atoi(args[0])
	if err != nil {
		return err
	}
	p, err := os.FindProcess(pid)
	if err != nil {
		return err
	}
	return p.Kill()
}
