package portal

import (
	"bytes"
	"crypto"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"mime"
	"net/http"
	"strconv"
	"strings"

	"github.com/cardea-agent/cardea/agent/protocol"
	"github.com/cardea-agent/cardea/web/portal/accounts"
	"github.com/cardea-agent/cardea/web/portal/store"
	"github.com/cardea-agent/cardea/web/portal/texts"
	"github.com/cardea-agent/cardea/web/verify"
)

// documentsRoutes are the page on which documents are signed, all with one PIN,
// and what it needs. Those of the site's own are read here; a file of the
// person's never leaves their computer: the page sends its digest.
func (p *portal) documentsRoutes(mux *http.ServeMux) {
	mux.HandleFunc("GET /documents", p.show(page{name: "documents", data: p.documents}))
	mux.HandleFunc("GET /documents/samples/{name}", p.sample)
	mux.HandleFunc("POST /documents/check", p.checkSigner)
	mux.HandleFunc("POST /documents/signed", p.keepSigned)
	mux.HandleFunc("GET /documents/signatures/{id}", p.signature)
}

//go:embed samples
var sampleFiles embed.FS

// sampleKinds are the documents that the site offers to try it with, each in a
// file for every language.
var sampleKinds = []string{"discharge-letter", "prescription", "referral"}

// sample is one of them.
type sample struct {
	Kind  string
	Name  string // of its file
	Title string
	Text  string
	Size  int64
}

func readSample(name string) ([]byte, error) {
	text, err := fs.ReadFile(sampleFiles, "samples/"+name)
	if err != nil {
		return nil, refusal{codePageNotFound}
	}
	return text, nil
}

func samples(t texts.Texts) []sample {
	var all []sample
	for _, kind := range sampleKinds {
		name := kind + "." + string(t.Language) + ".txt"
		text := must(readSample(name))
		all = append(all, sample{kind, name, word(t, "documents.sample."+kind), string(text), int64(len(text))})
	}
	return all
}

type documentsView struct {
	Samples []sample
	Most    int // documents in one go
	Signed  []store.Signature
	First   bool              // the latest of all are here
	Earlier store.SignatureID // where the next page begins; zero if there is none
}

func (p *portal) documents(r *http.Request, v *visit) (any, error) {
	before := signatureID(r.FormValue("before"))
	signed, err := p.Accounts.Signatures(r.Context(), v.Token, before)
	out := documentsView{Samples: samples(v.Texts), Most: protocol.MaxItems, Signed: signed, First: before == 0}
	if len(signed) == accounts.SignaturesOnPage {
		out.Earlier = signed[len(signed)-1].ID
	}
	return out, err
}

// signatureID is zero, which no signature has, if the text is no number.
func signatureID(text string) store.SignatureID {
	id, err := strconv.ParseInt(text, 10, 64)
	if err != nil || id < 0 {
		return 0
	}
	return store.SignatureID(id)
}

// sample gives the page the bytes to be signed. People read the document on the
// page itself, which locks: another tab would not.
func (p *portal) sample(w http.ResponseWriter, r *http.Request) {
	v, err := p.begin(r)
	if err == nil && !v.SignedIn {
		err = refusal{codeSignedOut}
	}
	var text []byte
	if err == nil {
		text, err = readSample(r.PathValue("name"))
	}
	if err != nil {
		p.fail(w, r, v, err)
		return
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	_, _ = w.Write(text)
}

// checkSigner is asked before the PIN is: nobody signs what would be refused.
func (p *portal) checkSigner(w http.ResponseWriter, r *http.Request) {
	token := p.cookie(r, cookieSession)
	_, err := p.Accounts.Session(r.Context(), token)
	var sent signedBatch
	if err == nil && json.NewDecoder(http.MaxBytesReader(w, r.Body, maxBody)).Decode(&sent) != nil {
		err = refusal{codeTokenMalformed}
	}
	var signer verify.Identity
	if err == nil {
		signer, err = p.Verifier.CheckSigner(r.Context(), sent.Certificate)
	}
	if err == nil {
		err = p.Accounts.CheckSigner(r.Context(), token, signer)
	}
	p.done(w, err)
}

// maxSigned is the longest body with signatures: a whole batch of them.
const maxSigned = 1 << 20

// signedBatch is what the page sends: what the agent's sign gave, and of which
// documents.
type signedBatch struct {
	Certificate []byte       `json:"certificate"` // DER
	Algorithm   string       `json:"algorithm"`
	Items       []signedItem `json:"items"`
}

// signedItem is one signature. Of a sample the site knows the rest itself.
type signedItem struct {
	ID        string `json:"id"` // the page's own
	Sample    string `json:"sample"`
	Name      string `json:"name"`
	Size      int64  `json:"size"`
	Digest    []byte `json:"digest"`
	Signature []byte `json:"signature"`
}

// keptItem is what became of one: its number here, or why it was refused.
type keptItem struct {
	ID   string            `json:"id"`
	Kept store.SignatureID `json:"kept,omitzero"`
	Code code              `json:"code,omitzero"`
	Who  protocol.Who      `json:"who,omitzero"`
}

// keepSigned checks signatures, each by itself, and keeps those that are good.
func (p *portal) keepSigned(w http.ResponseWriter, r *http.Request) {
	token := p.cookie(r, cookieSession)
	session, err := p.Accounts.Session(r.Context(), token)
	if err == nil && session.Locked {
		err = refusal{code(accounts.CodePageLocked)} // before anything else is told
	}
	var sent signedBatch
	if err == nil {
		sent, err = readSigned(w, r)
	}
	var kept []keptItem
	if err == nil {
		kept, err = p.checkAndKeep(r, token, sent)
	}
	if err != nil {
		p.refuse(w, err)
		return
	}
	answer(w, http.StatusOK, map[string]any{"items": kept})
}

func readSigned(w http.ResponseWriter, r *http.Request) (sent signedBatch, err error) {
	err = json.NewDecoder(http.MaxBytesReader(w, r.Body, maxSigned)).Decode(&sent)
	if err != nil || len(sent.Items) == 0 || len(sent.Items) > protocol.MaxItems {
		return signedBatch{}, refusal{codeTokenMalformed}
	}
	for _, item := range sent.Items {
		if item.ID == "" || len(item.ID) > protocol.MaxItemID || item.Size < 0 {
			return signedBatch{}, refusal{codeTokenMalformed}
		}
	}
	return sent, nil
}

func (p *portal) checkAndKeep(r *http.Request, token string, sent signedBatch) ([]keptItem, error) {
	results := make([]keptItem, len(sent.Items))
	var good []store.Signature
	var places []int // of the good ones in results
	var signer verify.Identity
	var unfit error // the certificate's, which all have in common
	for i, item := range sent.Items {
		results[i].ID = item.ID
		signed, err := sent.document(item)
		if err == nil {
			err = unfit
		}
		var who verify.Identity
		if err == nil {
			who, err = p.Verifier.VerifyDigest(r.Context(), signed.Digest, verify.Signature{
				Certificate: sent.Certificate, Algorithm: sent.Algorithm, Signature: item.Signature,
			})
		}
		if err == nil {
			signer, good, places = who, append(good, signed), append(places, i)
			continue
		}
		c := codeOf(err)
		if c != code(verify.CodeSignatureInvalid) && c != codePageNotFound {
			unfit = err
		}
		p.Log.Info("a signature was refused", "code", string(c), "reason", err)
		results[i].Code, results[i].Who = c, whoHelps[c]
	}
	if len(good) == 0 {
		return results, nil
	}
	ids, err := p.Accounts.KeepSignatures(r.Context(), token, signer, good)
	if err != nil {
		return nil, err
	}
	for i, id := range ids {
		results[places[i]].Kept = id
	}
	return results, nil
}

// document is the signature of an item as it is kept. A sample's digest is the
// site's own: what was signed must be what the site has.
func (b signedBatch) document(item signedItem) (store.Signature, error) {
	s := store.Signature{
		Document: item.Name, Size: item.Size, Digest: item.Digest, Algorithm: b.Algorithm, Signature: item.Signature,
	}
	if item.Sample == "" {
		return s, nil
	}
	text, err := readSample(item.Sample)
	if err != nil {
		return s, err
	}
	s.Size, s.Digest = int64(len(text)), nil
	if hash, ok := hashes[strings.TrimLeft(b.Algorithm, "EPRS")]; ok {
		h := hash.New()
		_, _ = h.Write(text)
		s.Digest = h.Sum(nil)
	}
	return s, nil
}

// hashes are those of the algorithms ES256 to RS512 (RFC 7518, section 3.1).
var hashes = map[string]crypto.Hash{"256": crypto.SHA256, "384": crypto.SHA384, "512": crypto.SHA512}

// signature gives a signature to its person as a file, with all that is needed
// to check it elsewhere.
func (p *portal) signature(w http.ResponseWriter, r *http.Request) {
	v, err := p.begin(r)
	if err == nil && !v.SignedIn {
		err = refusal{codeSignedOut}
	}
	var s store.Signature
	if err == nil {
		s, err = p.Accounts.Signature(r.Context(), v.Token, signatureID(r.PathValue("id")))
	}
	var file []byte
	if err == nil {
		file, err = signatureFile(s)
	}
	if err != nil {
		p.fail(w, r, v, err)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Disposition", mime.FormatMediaType("attachment", map[string]string{"filename": s.Document + ".signature.json"}))
	_, _ = w.Write(file)
}

func signatureFile(s store.Signature) ([]byte, error) {
	name := s.Algorithm[min(2, len(s.Algorithm)):]
	hash, ok := hashes[name]
	if !ok {
		return nil, errors.New("portal: a signature of an unknown algorithm was kept")
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	err := e.Encode(struct {
		Document    string `json:"document"`
		Size        int64  `json:"size"`
		Hash        string `json:"hash"`
		Digest      []byte `json:"digest"`
		Algorithm   string `json:"algorithm"`
		Signature   []byte `json:"signature"`
		Certificate []byte `json:"certificate"`
		Checked     string `json:"checked"`
	}{
		s.Document, s.Size, hash.String(), s.Digest, s.Algorithm, s.Signature, s.Certificate, s.Kept.Format("2006-01-02T15:04:05Z"),
	})
	if err != nil {
		return nil, fmt.Errorf("portal: %w", err)
	}
	return b.Bytes(), nil
}
