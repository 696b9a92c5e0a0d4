// Package pinprompt is the window in which a person types the PIN of their card
// or chooses one of several cards.
//
// [Prompter] is a signin.Prompter. It has one window, kept from one question to
// the next so that it is there at once; questions of several sites wait for each
// other in the order in which they came. The window shows the whole origin, what
// the PIN is for, whose card it is and how many tries are left. Nothing in it
// comes from a page.
//
// The same window asks whether a site that no administrator listed may ask for
// sign-ins (prompt.OriginAsker). The No has the focus, and the question gives way
// to every other.
//
// Keys pressed in the window's first half second do not count, because they may
// have been meant for the window that was in front before; the window says so
// when there were any. The last try needs an extra yes.
//
// The PIN is kept in an array of a fixed size inside a widget of this package's
// own, never in a string and never in one of Fyne's entries, whose undo history
// cannot be wiped. It cannot be shown, selected, copied or pasted, and it is
// wiped on every path.
//
// The package never logs what was typed, never judges a PIN beyond its form, and
// never touches a widget outside Fyne's goroutine. It is tested with Fyne's test
// driver on a clock of the test's own; the test of the whole program types into
// the real window.
package pinprompt
