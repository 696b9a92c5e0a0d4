package portal_test

import (
	"bytes"
	"crypto"
	"crypto/sha256"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"mime"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/cardea-agent/cardea/agent/token"
	"github.com/cardea-agent/cardea/pcsc/piv"
	"github.com/cardea-agent/cardea/pcsc/virtual"
	"github.com/cardea-agent/cardea/web/portal/accounts"
	"github.com/cardea-agent/cardea/web/portal/store"
	"github.com/cardea-agent/cardea/web/verify"
)

// item is a signed document as the page sends it.
type item struct {
	ID        string `json:"id"`
	Sample    string `json:"sample,omitempty"`
	Name      string `json:"name"`
	Size      int    `json:"size"`
	Digest    []byte `json:"digest"`
	Signature []byte `json:"signature"`
}

// signed does what page and agent do: a signature of the text by the key for
// documents, and what describes it.
func (s *site) signed(card *virtual.Card, slot virtual.KeySlot, id, text string) (i item, certificate []byte, algorithm string) {
	s.t.Helper()
	cert := card.Certificate(slot)
	algorithm, err := token.AlgorithmFor(cert)
	if err != nil {
		s.t.Fatal(err)
	}
	digest := sha256.Sum256([]byte(text))
	signature := sign(s.t, card, piv.SignRequest{
		Slot: piv.Slot(slot), Public: cert.PublicKey, Opts: crypto.SHA256, Digests: [][]byte{digest[:]}, PIN: []byte(virtual.DefaultPIN),
	})
	return item{ID: id, Name: "file " + id + ".pdf", Size: len(text), Digest: digest[:], Signature: signature}, cert.Raw, algorithm
}

// outcome is what the site says of one of them.
type outcome struct {
	ID   string `json:"id"`
	Kept int    `json:"kept"`
	Code string `json:"code"`
}

func batchOf(t *testing.T, certificate []byte, algorithm string, items ...item) string {
	t.Helper()
	body, err := json.Marshal(map[string]any{"certificate": certificate, "algorithm": algorithm, "items": items})
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}

func (s *site) sends(body string) []outcome {
	s.t.Helper()
	answer, text := s.do("POST", "/documents/signed", body, "Origin", s.server.URL, "Sec-Fetch-Site", "same-origin", "Content-Type", "application/json")
	var got struct {
		Items []outcome `json:"items"`
	}
	if err := json.Unmarshal([]byte(text), &got); err != nil || answer.StatusCode != http.StatusOK {
		s.t.Fatalf("%d %s", answer.StatusCode, text)
	}
	return got.Items
}

func TestSignedDocumentsAreCheckedKeptAndShown(t *testing.T) {
	s := newSite(t)
	card := s.card("Anna Example")
	s.signIn(card, "agent-1")
	page := s.page("/documents")
	name := regexp.MustCompile(`data-sample="(discharge-letter[^"]*)"`).FindStringSubmatch(page)
	if name == nil || !strings.Contains(page, "You have signed nothing here yet.") {
		t.Fatalf("the page shows\n%s", page)
	}
	letter := s.page("/documents/samples/" + name[1])
	if !strings.Contains(letter, "Gwen Example") {
		t.Errorf("the letter is %s", letter)
	}
	sample, certificate, algorithm := s.signed(card, virtual.Signature, "1", letter)
	sample.Sample, sample.Name, sample.Digest, sample.Size = name[1], "Discharge letter", nil, 0 // which the site knows
	own, _, _ := s.signed(card, virtual.Signature, "2", "my notes")
	body := batchOf(t, certificate, algorithm, sample, own)
	kept := s.sends(body)
	if len(kept) != 2 || kept[0].Kept == 0 || kept[1].Kept == 0 || kept[1].ID != "2" {
		t.Fatalf("got %+v", kept)
	}
	if again := s.sends(body); fmt.Sprint(again) != fmt.Sprint(kept) {
		t.Errorf("sent again, they are %+v, not %+v", again, kept)
	}
	page = s.page("/documents")
	for _, want := range []string{"Discharge letter", "file 2.pdf", fmt.Sprintf(`id="signature-%d"`, kept[1].Kept), fmt.Sprintf("%x", own.Digest), "8 bytes"} {
		if !strings.Contains(page, want) {
			t.Errorf("the page does not show %s:\n%s", want, page)
		}
	}
	if !s.has("anna.example@hospital.example", accounts.ActionDocumentsSigned, "documents", "2") {
		t.Error("the trail does not say what was signed")
	}
	s.verifiesElsewhere(kept[0].Kept, "Discharge letter", letter)
	s.verifiesElsewhere(kept[1].Kept, "file 2.pdf", "my notes")
}

// verifiesElsewhere downloads a signature and checks it by what is in the file.
func (s *site) verifiesElsewhere(id int, name, text string) {
	s.t.Helper()
	answer, body := s.do("GET", "/documents/signatures/"+strconv.Itoa(id), "")
	_, params, err := mime.ParseMediaType(answer.Header.Get("Content-Disposition"))
	if err != nil || params["filename"] != name+".signature.json" {
		s.t.Errorf("the file is %q, %v", params, err)
	}
	var file struct {
		Document, Hash, Algorithm      string
		Size                           int
		Digest, Signature, Certificate []byte
	}
	if err := json.Unmarshal([]byte(body), &file); err != nil {
		s.t.Fatal(err)
	}
	digest := sha256.Sum256([]byte(text))
	if file.Document != name || file.Size != len(text) || file.Hash != "SHA-256" || !bytes.Equal(file.Digest, digest[:]) {
		s.t.Errorf("the file says %+v", file)
	}
	who, err := s.verifier.VerifyDocument(s.t.Context(), strings.NewReader(text), verify.Signature{
		Certificate: file.Certificate, Algorithm: file.Algorithm, Signature: file.Signature,
	})
	if err != nil || who.UserID != "Anna Example" {
		s.t.Errorf("%s: %+v, %v", name, who, err)
	}
}

func TestEachSignatureIsCheckedByItself(t *testing.T) {
	s := newSite(t)
	card := s.card("Anna Example")
	s.signIn(card, "agent-1")
	good, certificate, algorithm := s.signed(card, virtual.Signature, "good", "one")
	altered, _, _ := s.signed(card, virtual.Signature, "altered", "two")
	altered.Digest = good.Digest
	other, _, _ := s.signed(card, virtual.Signature, "not the site's letter", "three")
	other.Sample = "referral.en.txt"
	missing := good
	missing.ID, missing.Sample = "no such letter", "../portal.go"
	late, _, _ := s.signed(card, virtual.Signature, "late", "four")
	want := []outcome{
		{ID: "altered", Code: "signatureInvalid"}, {ID: "not the site's letter", Code: "signatureInvalid"},
		{ID: "no such letter", Code: "pageNotFound"}, {ID: "good", Kept: 1}, {ID: "late", Kept: 2},
	}
	if got := s.sends(batchOf(t, certificate, algorithm, altered, other, missing, good, late)); fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
	if page := s.page("/documents"); strings.Contains(page, "altered") || !strings.Contains(page, "file late.pdf") {
		t.Error("the page shows what was refused")
	}
}

func TestACertificateThatMayNotSignIsRefusedForAll(t *testing.T) {
	s := newSite(t)
	card := s.card("Anna Example")
	s.signIn(card, "agent-1")
	for name, c := range map[string]struct {
		card *virtual.Card
		slot virtual.KeySlot
		code string
	}{
		"the key of sign-ins": {card, virtual.Authentication, "wrongUsage"},
		"another authority's": {virtual.NewCard(virtual.NewCA("Other CA"), virtual.P256("Anna Example")), virtual.Signature, "certificateUntrusted"},
		"an expired one":      {virtual.NewCard(s.ca, virtual.P256("Anna Example").With(virtual.Expired)), virtual.Signature, "certificateExpired"},
		"a lying certificate": {virtual.NewCard(s.ca, virtual.P256("Anna Example").With(func(p *virtual.Profile) {
			p.Key(virtual.Signature).Usage = x509.KeyUsageDigitalSignature
		})), virtual.Signature, "wrongUsage"},
	} {
		one, certificate, algorithm := s.signed(c.card, c.slot, "1", "one")
		two, _, _ := s.signed(c.card, c.slot, "2", "two")
		if _, code := s.post("/documents/check", batchOf(t, certificate, algorithm)); code != c.code {
			t.Errorf("%s: before the signature it is %s, want %s", name, code, c.code)
		}
		got := s.sends(batchOf(t, certificate, algorithm, one, two))
		if len(got) != 2 || got[0] != (outcome{ID: "1", Code: c.code}) || got[1].Code != c.code {
			t.Errorf("%s: %+v, want %s", name, got, c.code)
		}
	}
	one, certificate, _ := s.signed(card, virtual.Signature, "1", "one")
	if got := s.sends(batchOf(t, certificate, "ES999", one)); got[0].Code != "algorithmUnsupported" {
		t.Errorf("an unknown algorithm: %+v", got)
	}
	if page := s.page("/documents"); !strings.Contains(page, "You have signed nothing here yet.") {
		t.Error("something was kept")
	}
}

func TestOnlyTheAccountsOwnCardSignsForIt(t *testing.T) {
	s := newSite(t)
	anna, bryn := s.card("Anna Example"), s.card("Bryn Example")
	s.signIn(anna, "agent-1")
	for code, card := range map[string]*virtual.Card{
		"differentCard": bryn, "cardNotRegistered": virtual.NewCard(s.ca, virtual.P256("Carys Example")),
	} {
		one, certificate, algorithm := s.signed(card, virtual.Signature, "1", "one")
		for _, path := range []string{"/documents/check", "/documents/signed"} {
			if status, got := s.post(path, batchOf(t, certificate, algorithm, one)); status != http.StatusForbidden || got != code {
				t.Errorf("%s: %d %s, want %s", path, status, got, code)
			}
		}
	}
	one, certificate, algorithm := s.signed(anna, virtual.Signature, "1", "one")
	if status, code := s.post("/documents/check", batchOf(t, certificate, algorithm)); status != http.StatusOK {
		t.Errorf("one's own card: %d %s", status, code)
	}
	id := s.sends(batchOf(t, certificate, algorithm, one))[0].Kept
	s.browser = s.newBrowser()
	s.signIn(bryn, "agent-2")
	for _, path := range []string{strconv.Itoa(id), "99", "x", "-1"} {
		if answer, text := s.do("GET", "/documents/signatures/"+path, ""); answer.StatusCode != http.StatusNotFound || !strings.Contains(text, "signatureNotFound") {
			t.Errorf("somebody else gets the signature %s: %d", path, answer.StatusCode)
		}
	}
}

func TestASignatureWaitsForALockedPage(t *testing.T) {
	s := newSite(t)
	card := s.card("Anna Example")
	s.signIn(card, "agent-1")
	one, certificate, algorithm := s.signed(card, virtual.Signature, "1", "one")
	body := batchOf(t, certificate, algorithm, one)
	id := s.sends(body)[0].Kept
	s.post("/lock", `{"session":"agent-1"}`)
	two, _, _ := s.signed(card, virtual.Signature, "2", "two")
	later := batchOf(t, certificate, algorithm, two)
	if status, code := s.post("/documents/signed", later); status != http.StatusForbidden || code != "pageLocked" {
		t.Errorf("locked: %d %s", status, code)
	}
	if _, text := s.do("GET", "/documents", ""); strings.Contains(text, "file 1.pdf") {
		t.Error("a locked page shows what was signed")
	}
	if answer, _ := s.do("GET", "/documents/signatures/"+strconv.Itoa(id), ""); answer.StatusCode == http.StatusOK {
		t.Error("a locked page gives a signature out")
	}
	s.post("/resume", s.prove(card, s.server.URL, s.challenge(), ""))
	if got := s.sends(later); got[0].Kept == 0 {
		t.Errorf("unlocked: %+v", got)
	}
}

func TestWhoeverIsNotSignedInKeepsNoSignature(t *testing.T) {
	s := newSite(t)
	one, certificate, algorithm := s.signed(s.card("Anna Example"), virtual.Signature, "1", "one")
	if status, code := s.post("/documents/signed", batchOf(t, certificate, algorithm, one)); status != http.StatusUnauthorized || code != "signedOut" {
		t.Errorf("%d %s", status, code)
	}
	if status, code := s.post("/documents/check", batchOf(t, certificate, algorithm)); status != http.StatusUnauthorized || code != "signedOut" {
		t.Errorf("before the signature: %d %s", status, code)
	}
	for _, path := range []string{"/documents", "/documents/samples/referral.en.txt", "/documents/signatures/1"} {
		if answer, _ := s.do("GET", path, ""); answer.StatusCode != http.StatusSeeOther {
			t.Errorf("%s answers %d", path, answer.StatusCode)
		}
	}
	answer, _ := s.do("POST", "/documents/signed", "{}", "Origin", "https://evil.example")
	if answer.StatusCode != http.StatusForbidden {
		t.Errorf("another site's page: %d", answer.StatusCode)
	}
}

func TestABodyThatIsNoBatchIsRefused(t *testing.T) {
	s := newSite(t)
	s.signInByPassword(s.addUser("Anna Example", store.RoleUser))
	many := make([]item, 251)
	for i := range many {
		many[i].ID = strconv.Itoa(i)
	}
	for _, body := range []string{"", "[]", "{}", `{"certificate":"` + strings.Repeat("A", 1<<17) + `"}`} {
		if status, code := s.post("/documents/check", body); status != http.StatusForbidden || code != "tokenMalformed" {
			t.Errorf("before the signature, %.20q: %d %s", body, status, code)
		}
	}
	for name, body := range map[string]string{
		"empty": "", "no object": "[]", "no items": batchOf(t, nil, "ES256"), "too many": batchOf(t, nil, "ES256", many...),
		"no id": batchOf(t, nil, "ES256", item{}), "a long id": batchOf(t, nil, "ES256", item{ID: strings.Repeat("x", 65)}),
		"less than nothing": batchOf(t, nil, "ES256", item{ID: "1", Size: -1}), "too long": `{"algorithm":"` + strings.Repeat("x", 1<<20) + `"}`,
	} {
		if status, code := s.post("/documents/signed", body); status != http.StatusForbidden || code != "tokenMalformed" {
			t.Errorf("%s: %d %s", name, status, code)
		}
	}
	if got := s.sends(batchOf(t, []byte("no certificate"), "ES256", many[:250]...)); len(got) != 250 || got[249].Code != "tokenMalformed" {
		t.Errorf("no certificate: %+v", got)
	}
}

func TestOlderSignaturesAreOnFurtherPages(t *testing.T) {
	s := newSite(t)
	card := s.card("Anna Example")
	s.signIn(card, "agent-1")
	var all []item
	var certificate []byte
	var algorithm string
	for i := range accounts.SignaturesOnPage + 1 {
		var one item
		one, certificate, algorithm = s.signed(card, virtual.Signature, strconv.Itoa(i), fmt.Sprint("text ", i))
		all = append(all, one)
	}
	s.sends(batchOf(t, certificate, algorithm, all...))
	first := s.page("/documents")
	link := regexp.MustCompile(`href="(/documents\?before=\d+)"`).FindStringSubmatch(first)
	if link == nil || strings.Contains(first, "file 0.pdf") || !strings.Contains(first, "file 1.pdf") {
		t.Fatal("the first page is not the latest ones")
	}
	if second := s.page(link[1]); !strings.Contains(second, "file 0.pdf") || strings.Contains(second, "file 1.pdf") || !strings.Contains(second, `id="latest"`) {
		t.Error("the second page does not go on")
	}
}

func TestTheDocumentsPageIsWelshAndEnglish(t *testing.T) {
	s := newSite(t)
	s.signInByPassword(s.addUser("Anna Example", store.RoleUser))
	for language, wants := range map[string][]string{"en": {"Sign documents", "Prescription"}, "cy": {"Llofnodi dogfennau", "Presgripsiwn"}} {
		s.submit("/language", "language", language)
		page := s.page("/documents")
		name := regexp.MustCompile(`data-sample="(prescription[^"]*)" data-size="(\d+)"`).FindStringSubmatch(page)
		if name == nil {
			t.Fatalf("%s: no prescription:\n%s", language, page)
		}
		for _, want := range wants {
			if !strings.Contains(page, want) {
				t.Errorf("%s: the page has no %q", language, want)
			}
		}
		if text := s.page("/documents/samples/" + name[1]); strconv.Itoa(len(text)) != name[2] {
			t.Errorf("%s: the document has %d bytes, the page says %s", language, len(text), name[2])
		}
	}
}
