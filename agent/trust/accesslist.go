package trust

import "slices"

// What is below is Windows' rules without its calls, so that they are tested
// everywhere.

// access is the part of a security descriptor that matters. Identities are in
// the text form of security identifiers.
type access struct {
	owner   string
	missing bool // there is no list: everybody may do everything
	entries []entry
}

// entry is one entry of an access list.
type entry struct {
	kind        byte
	inheritOnly bool // it is for what is made below, not for this object
	who         string
	mask        uint32
}

// The kinds of entries (winnt.h). All but a plain permission and the denials
// may permit something under a condition.
const (
	kindAllow      = 0
	kindDeny       = 1
	kindDenyObject = 6
)

// administrators are those who may write what is trusted: the local system,
// the Administrators group, the installer of Windows' own files, and the
// owner, whoever that is, because the owner is checked.
var administrators = []string{
	"S-1-5-18",
	"S-1-5-32-544",
	"S-1-5-80-956008885-3418522649-1831038044-1853292631-2271478464",
	ownerRights,
}

const ownerRights = "S-1-3-4"

// Rights (winnt.h). Some bits have one meaning for files and one for folders.
const (
	writeData       = 0x2 // folder: make files
	appendData      = 0x4 // folder: make folders
	writeExtended   = 0x10
	deleteChild     = 0x40
	writeAttributes = 0x100
	deleteThis      = 0x10000
	writeList       = 0x40000
	writeOwner      = 0x80000
	maximum         = 0x02000000
	genericAll      = 0x10000000
	genericWrite    = 0x40000000

	replaceThis = deleteThis | writeList | writeOwner | maximum | genericAll
	writeThis   = replaceThis | writeData | appendData | writeExtended | genericWrite
)

// forbidden is what others than administrators must not have. On the system's
// own drives every user may make folders in the root, which harms nothing that
// is there already; so that is allowed above the file's own folder. Where a
// link leads can be changed by its attributes' right alone.
var forbidden = map[role]uint32{
	folderAbove: replaceThis | deleteChild,
	folderOf:    replaceThis | deleteChild | writeData | genericWrite,
	link:        writeThis | writeAttributes,
	theFile:     writeThis,
}

// judge says what is wrong with the access to a file, folder or link.
func (a access) judge(r role) Reason {
	if a.owner == ownerRights || !slices.Contains(administrators, a.owner) {
		return Owner
	}
	if a.missing {
		return Writable
	}
	for _, e := range a.entries {
		if e.inheritOnly || e.kind == kindDeny || e.kind == kindDenyObject {
			continue
		}
		if e.kind != kindAllow || e.mask&forbidden[r] != 0 && !slices.Contains(administrators, e.who) {
			return Writable
		}
	}
	return ""
}
