package trust

import "testing"

func TestAnAccessListMayLetOnlyAdministratorsWrite(t *testing.T) {
	const (
		system         = "S-1-5-18"
		administrators = "S-1-5-32-544"
		users          = "S-1-5-32-545"
		somebody       = "S-1-5-21-1-2-3-1001"
		creator        = "S-1-3-0"
		full           = 0x1F01FF
		read           = 0x1200A9
		modify         = 0x1301BF
	)
	allow := func(who string, mask uint32) entry { return entry{kind: kindAllow, who: who, mask: mask} }
	sound := []entry{allow(system, full), allow(administrators, full), allow(users, read)}
	with := func(more ...entry) access {
		return access{owner: administrators, entries: append(more, sound...)}
	}
	inherited := allow(creator, full)
	inherited.inheritOnly = true
	for name, c := range map[string]struct {
		access access
		role   role
		want   Reason
	}{
		"a sound file":                           {with(), theFile, ""},
		"a file that Windows itself put there":   {access{owner: "S-1-5-80-956008885-3418522649-1831038044-1853292631-2271478464", entries: sound}, theFile, ""},
		"a file of a user":                       {access{owner: somebody, entries: sound}, theFile, Owner},
		"a file without an owner":                {access{entries: sound}, theFile, Owner},
		"a file without a list":                  {access{owner: system, missing: true}, theFile, Writable},
		"a file with an empty list":              {access{owner: system}, theFile, ""},
		"a file that users may change":           {with(allow(users, modify)), theFile, Writable},
		"a file that users may add to":           {with(allow(users, appendData)), theFile, Writable},
		"a file that somebody may delete":        {with(allow(somebody, deleteThis)), theFile, Writable},
		"a file whose list somebody may write":   {with(allow(somebody, writeList)), theFile, Writable},
		"a file with a generic right":            {with(allow(users, genericWrite)), theFile, Writable},
		"what is denied harms nothing":           {with(entry{kind: kindDeny, who: users, mask: full}), theFile, ""},
		"what only is inherited":                 {with(inherited), folderOf, ""},
		"a right under a condition":              {with(entry{kind: 9}), theFile, Writable},
		"the root of a drive, as it comes":       {with(allow(users, appendData)), folderAbove, ""},
		"ProgramData, as it comes":               {with(allow(users, writeData|appendData|writeAttributes)), folderAbove, ""},
		"a folder above that users may empty":    {with(allow(users, deleteChild)), folderAbove, Writable},
		"the file's folder, with users' files":   {with(allow(users, writeData)), folderOf, Writable},
		"the file's folder, with users' folders": {with(allow(users, appendData)), folderOf, ""},
		"a link that users may turn":             {with(allow(users, writeAttributes)), link, Writable},
		"a sound link":                           {with(), link, ""},
	} {
		if got := c.access.judge(c.role); got != c.want {
			t.Errorf("%s: got %q, want %q", name, got, c.want)
		}
	}
}
