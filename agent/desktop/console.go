package desktop

import "regexp"

// screenLocked is the mark of a locked screen among the users of the console,
// in the property list that macOS's ioreg prints.
var screenLocked = regexp.MustCompile(`<key>CGSSessionScreenIsLocked</key>\s*<true\s*/>`)

func screenIsLocked(list []byte) bool { return screenLocked.Match(list) }
