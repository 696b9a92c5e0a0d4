// Package prompt carries questions from the session agent to the program that
// can show windows, cardea-tray, and carries the answers back.
//
// The agent runs a [Server], which is a signin.Prompter. The tray runs a
// [Client], which is handed a signin.Prompter of the tray's own: its windows.
// So both ends speak the same Go interface and what lies between is frames on
// a unix socket (a named pipe on Windows) that only the same user may open.
// Each end asks the operating system who the other is before it believes a
// word. [NewTerminal] is a third signin.Prompter for people without a desktop.
// Each of the three can ask about a site that nobody listed, too ([OriginAsker]);
// such a question gives way to every other.
//
// A frame is a length (4 bytes, big endian), the length of its kind (1 byte),
// the kind in ASCII and a body. Bodies are strict JSON, but for the kind "pin":
// its body is the PIN as it was typed and nothing else, so that a PIN is never
// in a string, in JSON or in a buffer that grows. It is read into a buffer of
// exactly its size and wiped on every path. Kinds that an end does not know are
// answered "unsupported" and change nothing.
//
// The newest tray wins: when a second one says hello, the first gets
// "superseded" and its open questions are asked again by the new one.
//
// A program of the same user that wants to know how the agent stands, such as
// "cardea-agent doctor", calls [Inquire]. Its connection says "inquire" in place
// of hello, gets its answer, and is no tray. So does the tray itself when the person
// looks at what they answered about sites, or takes an answer back.
//
// The package never logs a body, never draws, never talks to a card, and never
// holds a lock while it waits for a person.
//
// It is tested over real sockets, with a second user where the tests run as
// root, over a pseudo terminal, and with a canary PIN that is searched for in
// every byte that is not the PIN frame. The frame parser is fuzzed.
package prompt
