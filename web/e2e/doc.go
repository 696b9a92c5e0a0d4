// Package e2e signs people in the way they do it themselves: through a browser,
// a desktop and a smartcard service.
//
// Chromium and Firefox, with windows, show web/portal over https. The page's
// library reaches the built cardea-agent, which finds a virtual card in a
// private pcscd, and the built cardea-tray asks for the PIN in its window. Keys
// come from xdotool, as a keyboard's would. The tests look at what a person
// sees: the texts of the page, the windows on the screen, and afterwards the
// logs, in which no PIN may be.
//
// The package never replaces a part of Cardea by a double, never touches the
// desktop, the browser profile or the readers of whoever runs it, and leaves no
// process behind. It has no code but tests.
//
// The tests run where CARDEA_E2E is set ("make e2e"):
//
//	CARDEA_E2E=1           run; otherwise every test is skipped
//	CARDEA_E2E_REQUIRED=1  a program that is missing is a failure
//	CARDEA_E2E_OUT=FOLDER  where pictures of the screen and of the pages are kept,
//	                       and logs; build/e2e by default
//	CARDEA_E2E_ALL=1       let a card be pulled and the agent end at every moment in
//	                       every browser; some otherwise in Chromium alone
//	CARDEA_BIN=FOLDER      take cardea-agent, cardea-tray and cardea-broker from
//	                       there instead of building them
//
// All tests share one screen, one browser of each kind, one pcscd and one tray;
// each has an agent, a site and a browser profile of its own. They run one after
// another: there is one keyboard. Where several people use one computer, each has a
// screen, a browser, a card and a tray of their own, under a user of their own.
// "go test -run '/Firefox'" runs one browser's.
package e2e
