package peer

import (
	"golang.org/x/sys/windows"
)

// tcpTableOwnerPIDListener is TCP_TABLE_OWNER_PID_LISTENER of iprtrmib.h.
const tcpTableOwnerPIDListener = 3

func listening(port uint16) ([]Listener, error) {
	var found []Listener
	for _, family := range []uint32{windows.AF_INET, windows.AF_INET6} {
		table, err := tcpTable(family, tcpTableOwnerPIDListener)
		if err != nil {
			return nil, err
		}
		for _, row := range pidListeners(table, family == windows.AF_INET6) {
			if reached(row.address, port) {
				found = append(found, describe(row))
			}
		}
	}
	return found, nil
}

// describe says what this user may know of a process.
func describe(row pidListener) Listener {
	l := Listener{Address: row.address, Process: int(row.pid)}
	process, err := windows.OpenProcess(windows.PROCESS_QUERY_LIMITED_INFORMATION, false, row.pid)
	if err != nil {
		return l
	}
	defer func() { _ = windows.CloseHandle(process) }()
	name := make([]uint16, windows.MAX_LONG_PATH)
	size := uint32(len(name))
	if err := windows.QueryFullProcessImageName(process, 0, &name[0], &size); err == nil {
		l.Program = windows.UTF16ToString(name[:size])
	}
	var token windows.Token
	if err := windows.OpenProcessToken(process, windows.TOKEN_QUERY, &token); err == nil {
		defer func() { _ = token.Close() }()
		l.Owner, _ = tokenOwner(token, row.pid)
	}
	return l
}
