package trust

import (
	"io/fs"
	"unsafe"

	"golang.org/x/sys/windows"
)

// judge goes by owner and access list. The object is opened for that alone, and
// a link as itself and not as what it leads to.
func judge(path string, _ fs.FileInfo, r role) (Reason, error) {
	a, err := accessOf(path)
	if err != nil {
		return Unreadable, err
	}
	return a.judge(r), nil
}

func accessOf(path string) (access, error) {
	name, err := windows.UTF16PtrFromString(path)
	if err != nil {
		return access{}, err
	}
	h, err := windows.CreateFile(name, windows.READ_CONTROL,
		windows.FILE_SHARE_READ|windows.FILE_SHARE_WRITE|windows.FILE_SHARE_DELETE, nil, windows.OPEN_EXISTING,
		windows.FILE_FLAG_BACKUP_SEMANTICS|windows.FILE_FLAG_OPEN_REPARSE_POINT, 0)
	if err != nil {
		return access{}, err
	}
	defer func() { _ = windows.CloseHandle(h) }() // it was read from
	sd, err := windows.GetSecurityInfo(h, windows.SE_FILE_OBJECT, windows.OWNER_SECURITY_INFORMATION|windows.DACL_SECURITY_INFORMATION)
	if err != nil {
		return access{}, err
	}
	owner, _, err := sd.Owner()
	if err != nil {
		return access{}, err
	}
	a := access{}
	if owner != nil {
		a.owner = owner.String()
	}
	list, _, err := sd.DACL()
	if err != nil || list == nil {
		// A descriptor without a list lets everybody in.
		a.missing = true
		return a, nil
	}
	for i := range uint32(list.AceCount) {
		var ace *windows.ACCESS_ALLOWED_ACE
		if err := windows.GetAce(list, i, &ace); err != nil {
			return access{}, err
		}
		e := entry{kind: ace.Header.AceType, inheritOnly: ace.Header.AceFlags&windows.INHERIT_ONLY_ACE != 0}
		if e.kind == kindAllow { // the others have another layout
			e.mask = uint32(ace.Mask)
			e.who = (*windows.SID)(unsafe.Pointer(&ace.SidStart)).String() //nolint:gosec // as winnt.h lays the entry out
		}
		a.entries = append(a.entries, e)
	}
	return a, nil
}
