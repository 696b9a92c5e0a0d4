package peer

import (
	"errors"
	"fmt"
	"strconv"
	"time"
	"unsafe"

	"golang.org/x/sys/windows"
)

var getExtendedTCPTable = windows.NewLazySystemDLL("iphlpapi.dll").NewProc("GetExtendedTcpTable")

// tcpTableOwnerModuleConnections is TCP_TABLE_OWNER_MODULE_CONNECTIONS of
// iprtrmib.h: connections alone, with their age.
const tcpTableOwnerModuleConnections = 7

// ownerOf guards against a process number that was used again: the process is
// opened first, which keeps its number taken, then the row is read again, and
// the process must not be younger than the connection.
func ownerOf(p pair) (Owner, error) {
	asked := filetime(time.Now())
	row, err := findRow(p)
	if err != nil {
		return Owner{}, err
	}
	process, err := windows.OpenProcess(windows.PROCESS_QUERY_LIMITED_INFORMATION, false, row.PID)
	if err != nil {
		return Owner{}, fmt.Errorf("peer: open process %d: %w", row.PID, err)
	}
	defer func() { _ = windows.CloseHandle(process) }()
	again, err := findRow(p)
	if err != nil {
		return Owner{}, err
	}
	if again != row {
		return Owner{}, fmt.Errorf("%w: the connection changed hands", ErrNotFound)
	}
	var created, exited, kernel, user windows.Filetime
	if err := windows.GetProcessTimes(process, &created, &exited, &kernel, &user); err != nil {
		return Owner{}, fmt.Errorf("peer: age of process %d: %w", row.PID, err)
	}
	began := row.Created
	if began == 0 {
		began = asked
	}
	if uint64(created.HighDateTime)<<32|uint64(created.LowDateTime) > began {
		return Owner{}, fmt.Errorf("%w: process %d is younger than the connection", ErrNotFound, row.PID)
	}
	var token windows.Token
	if err := windows.OpenProcessToken(process, windows.TOKEN_QUERY, &token); err != nil {
		return Owner{}, fmt.Errorf("peer: token of process %d: %w", row.PID, err)
	}
	defer func() { _ = token.Close() }()
	return tokenOwner(token, row.PID)
}

func self() (Owner, error) {
	return tokenOwner(windows.GetCurrentProcessToken(), windows.GetCurrentProcessId())
}

func tokenOwner(token windows.Token, pid uint32) (Owner, error) {
	user, err := token.GetTokenUser()
	if err != nil {
		return Owner{}, fmt.Errorf("peer: user of process %d: %w", pid, err)
	}
	var session uint32
	if err := windows.ProcessIdToSessionId(pid, &session); err != nil {
		return Owner{}, fmt.Errorf("peer: session of process %d: %w", pid, err)
	}
	return Owner{UID: user.User.Sid.String(), Session: strconv.FormatUint(uint64(session), 10)}, nil
}

// findRow looks for an IPv4 connection in the IPv6 table too: a socket of both
// families may be listed there under its mapped address.
func findRow(p pair) (tcpRow, error) {
	if p.client.Addr().Is4() {
		row, err := findRowIn(windows.AF_INET, p)
		if !errors.Is(err, ErrNotFound) {
			return row, err
		}
	}
	return findRowIn(windows.AF_INET6, p)
}

func findRowIn(family uint32, p pair) (tcpRow, error) {
	table, err := tcpTable(family, tcpTableOwnerModuleConnections)
	if err != nil {
		return tcpRow{}, err
	}
	return tcpTableRow(table, family == windows.AF_INET6, p)
}

// tcpTable reads a table. It grows between asking for its size and reading it,
// so it is asked again a few times with more room.
func tcpTable(family, class uint32) ([]byte, error) {
	if err := getExtendedTCPTable.Find(); err != nil {
		return nil, fmt.Errorf("peer: %w", err)
	}
	size := uint32(64 << 10)
	for range 5 {
		table := make([]byte, size)
		code, _, _ := getExtendedTCPTable.Call(
			uintptr(unsafe.Pointer(&table[0])), uintptr(unsafe.Pointer(&size)),
			0, uintptr(family), uintptr(class), 0)
		switch errno := windows.Errno(code); errno {
		case windows.ERROR_SUCCESS:
			return table[:min(int(size), len(table))], nil
		case windows.ERROR_INSUFFICIENT_BUFFER:
			size += size / 4
		default:
			return nil, fmt.Errorf("peer: GetExtendedTcpTable: %w", errno)
		}
	}
	return nil, errors.New("peer: GetExtendedTcpTable: the table keeps growing")
}

func filetime(t time.Time) uint64 {
	f := windows.NsecToFiletime(t.UnixNano())
	return uint64(f.HighDateTime)<<32 | uint64(f.LowDateTime)
}
