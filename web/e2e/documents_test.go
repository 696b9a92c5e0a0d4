//go:build linux

package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cardea-agent/cardea/pcsc/virtual"
)

// verifyPIN is the instruction by which a card is given a PIN, or asked about it.
const verifyPIN = 0x20

// samples are the documents that the site offers.
var samples = []string{"discharge-letter", "prescription", "referral"}

// openDocuments goes to the page of documents and chooses all samples.
func (s *scene) openDocuments() {
	s.t.Helper()
	s.press("documents")
	s.at("/documents")
	s.stands("present")
	s.notAsked()
	for _, id := range samples {
		s.press(id)
	}
	s.reads("chosen", "3 documents will be signed: Discharge letter, Prescription, Referral.")
}

// addFiles chooses n files, as the browser's own window would.
func (s *scene) addFiles(n int) {
	s.t.Helper()
	if !get[bool](s.page, fmt.Sprintf(`(() => {
		const files = new DataTransfer();
		for (let i = 1; i <= %d; i++) {
			files.items.add(new File(["text " + i], "file " + i + ".pdf"));
		}
		const field = document.getElementById("files");
		field.files = files.files;
		field.dispatchEvent(new Event("change", { bubbles: true }));
		return true; })()`, n)) {
		s.t.Fatal("no file was chosen")
	}
}

// asksToSign begins a batch, and answers Cardea's windows until the card signs.
func (s *scene) asksToSign() {
	s.t.Helper()
	s.press("sign")
	s.askedPIN() // for the certificate
	s.keep("documents-certificate")
	s.desk.keys(s.t, "Tab", "Return")
	s.askedPIN()
	s.keep("documents-pin")
	s.typePIN(s.desk.canary)
}

// signatures is how many the site has kept and shows.
func (s *scene) signatures() int {
	s.t.Helper()
	return get[int](s.page, `document.querySelectorAll("#kept > ul > li").length`)
}

func TestAPersonSignsThreeDocumentsWithOnePIN(t *testing.T) {
	eachBrowser(t, func(t *testing.T, b browser) {
		s := newScene(t, b)
		s.insertCard("Robin Example")
		s.signIn()
		s.openDocuments()
		s.asksToSign()
		s.reads("outcome", "All 3 documents are signed.")
		until(t, "all are kept", func() bool { return s.signatures() == 3 }, s.show)
		s.notAsked()
		if text := s.text("error"); text != "" {
			t.Error(text)
		}
		s.keep("documents-signed")
		audit, err := os.ReadFile(filepath.Join(s.desk.dir, "state", "cardea", "audit.log"))
		if err != nil || !strings.Contains(string(audit), `"items":3,"signed":3`) {
			t.Errorf("the audit log does not tell of the batch: %v", err)
		}
		if n := get[int](s.page, `fetch(document.querySelector("#kept a").href).then((answer) => answer.status)`); n != 200 {
			t.Errorf("the signature's file answers %d", n)
		}
	})
}

func TestACardPulledInABatchLeavesWhatItSigned(t *testing.T) {
	eachBrowser(t, func(t *testing.T, b browser) {
		s := newScene(t, b)
		card := s.insertCard("Robin Example")
		s.signIn()
		s.openDocuments()
		s.press("sign")
		s.askedPIN()
		s.desk.keys(t, "Tab", "Return")
		s.askedPIN()
		// The second document's PIN is answered when the card is out.
		first := virtual.On(verifyPIN, virtual.Action{})
		card.Script(slices.Concat(
			slices.Repeat([]virtual.Fault{first}, 2), // it is asked about the PIN, and given it
			[]virtual.Fault{virtual.On(verifyPIN, virtual.Delay(time.Minute))})...)
		s.typePIN(s.desk.canary)
		s.reads("of", "1 of 3 signed")
		s.trayWrote("keys count") // in the window that counts
		s.keep("documents-pulled-1-signing")
		s.removeCard()
		s.keep("documents-pulled-2-locked")
		card.Script()
		s.desk.insert(t, 0, card)
		s.askedPIN()
		s.typePIN(s.desk.canary)
		s.stands("present")
		s.fails("cardRemoved", "sign those that are left")
		s.reads("outcome", "1 of 3 documents signed. What is left is still chosen.")
		until(t, "the first is kept", func() bool { return s.signatures() == 1 }, s.show)
		s.keep("documents-pulled-3-told")

		s.reads("sign", "Sign 2 documents")
		s.notAsked()
		s.asksToSign()
		s.reads("outcome", "All 2 documents are signed.")
		until(t, "all are kept", func() bool { return s.signatures() == 3 }, s.show)
	})
}

func TestAPersonStopsABatch(t *testing.T) {
	eachBrowser(t, func(t *testing.T, b browser) {
		for where, stop := range map[string]func(s *scene){
			"on the page":   func(s *scene) { s.press("cancel") },
			"in the window": func(s *scene) { s.inFront(); s.desk.keys(t, "Escape") },
		} {
			t.Run(where, func(t *testing.T) {
				s := newScene(t, b)
				card := s.insertCard("Robin Example")
				s.signIn()
				s.openDocuments()
				s.addFiles(37)
				s.reads("sign", "Sign 40 documents")
				s.press("sign")
				s.askedPIN()
				s.desk.keys(t, "Tab", "Return")
				s.askedPIN()
				card.Script(virtual.On(verifyPIN, virtual.Delay(time.Second)).Always())
				s.typePIN(s.desk.canary)
				s.reads("of", "2 of 40 signed")
				s.keep("documents-stopped-1-signing")
				stop(s)
				s.reads("outcome", "of 40 documents signed. What is left is still chosen.")
				card.Script()
				s.notAsked()
				signed := get[int](s.page, `document.querySelectorAll("#documents-here [data-state=kept]").length`)
				until(t, "what is signed is kept", func() bool {
					signed = get[int](s.page, `document.querySelectorAll("#documents-here [data-state=kept]").length`)
					return signed > 0 && signed == s.signatures()
				}, s.show)
				if signed < 2 || signed > 20 {
					t.Errorf("%d documents are signed", signed)
				}
				s.reads("outcome", fmt.Sprintf("%d of 40 documents signed.", signed))
				s.reads("sign", fmt.Sprintf("Sign %d documents", 40-signed))
				s.keep("documents-stopped-2-told")
			})
		}
	})
}

func TestDocumentsAreSignedByKeyboardAlone(t *testing.T) {
	eachBrowser(t, func(t *testing.T, b browser) {
		s := newScene(t, b)
		s.insertCard("Robin Example")
		s.signIn()
		s.notAsked()
		s.tabTo("documents")
		s.desk.keys(t, "Return")
		s.at("/documents")
		s.stands("present")
		s.tabTo("prescription")
		s.desk.keys(t, "space")
		s.reads("chosen", "1 document will be signed: Prescription.")
		s.tabTo("files")
		s.keep("documents-keyboard-on-files")
		s.tabTo("sign")
		s.desk.keys(t, "Return")
		s.askedPIN()
		s.desk.keys(t, "Tab", "Return")
		s.askedPIN()
		s.typePIN(s.desk.canary)
		s.reads("outcome", "The document is signed.")
		until(t, "it is kept", func() bool { return s.signatures() == 1 }, s.show)
		if !get[bool](s.page, `document.activeElement.id === "sign"`) {
			t.Error("the keyboard is not where it was")
		}
	})
}
