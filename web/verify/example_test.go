package verify_test

import (
	"crypto/rand"
	"crypto/x509"
	"encoding/json"
	"io"
	"log"
	"net/http"
	"os"

	"github.com/cardea-agent/cardea/web/verify"
)

// A site gives a nonce to its page at GET /challenge, and the page posts the
// token that the agent returned to POST /sign-in.
func Example() {
	pem, err := os.ReadFile("/etc/signin/card-issuers.pem")
	if err != nil {
		log.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(pem)
	verifier, err := verify.New(verify.Config{
		Origins:    []string{"https://signin.example"},
		Roots:      roots,
		UserID:     verify.SubjectSerialNumber,
		Revocation: verify.Revocation{Mode: verify.RevocationHardFail, OCSP: true, CRLFromCertificate: true},
	})
	if err != nil {
		log.Fatal(err)
	}

	const name = "__Host-attempt"
	http.HandleFunc("GET /challenge", func(w http.ResponseWriter, r *http.Request) {
		attempt := rand.Text()
		nonce, err := verifier.Challenge(r.Context(), attempt)
		if err != nil {
			http.Error(w, "try again later", http.StatusServiceUnavailable)
			return
		}
		http.SetCookie(w, &http.Cookie{Name: name, Value: attempt, Path: "/", Secure: true, HttpOnly: true, SameSite: http.SameSiteStrictMode})
		w.Header().Set("Cache-Control", "no-store")
		_ = json.NewEncoder(w).Encode(map[string]string{"nonce": nonce})
	})
	http.HandleFunc("POST /sign-in", func(w http.ResponseWriter, r *http.Request) {
		attempt, err := r.Cookie(name)
		if err != nil {
			http.Error(w, string(verify.CodeNonceUnknown), http.StatusForbidden)
			return
		}
		token, err := io.ReadAll(http.MaxBytesReader(w, r.Body, verify.MaxTokenSize))
		if err != nil {
			http.Error(w, string(verify.CodeTokenMalformed), http.StatusForbidden)
			return
		}
		who, err := verifier.Verify(r.Context(), attempt.Value, token)
		if err != nil {
			log.Print(err) // the cause is for this log, the code for the page
			http.Error(w, string(verify.CodeOf(err)), http.StatusForbidden)
			return
		}
		// Look who.Issuer and who.UserID up, and begin a session of a new key.
		// Keep who.Certificate.Raw with it, for Resume.
		_ = json.NewEncoder(w).Encode(map[string]string{"welcome": who.DisplayName})
	})
	log.Fatal(http.ListenAndServe("127.0.0.1:8080", nil)) // behind what ends TLS
}

// A page has documents signed and posts what sign returned to POST /signatures.
// The documents are the site's own: the page named them by their ids.
func ExampleVerifier_VerifyDocument() {
	var verifier *verify.Verifier // as above, with DocumentUserID where the signing certificate has another name
	documents := map[string]string{"letter": "/srv/documents/letter.pdf"}
	signedBy := func(*http.Request, string, verify.Identity, verify.Signature) {}

	http.HandleFunc("POST /signatures", func(w http.ResponseWriter, r *http.Request) {
		var sent struct {
			Certificate []byte `json:"certificate"` // base64 in JSON
			Algorithm   string `json:"algorithm"`
			Signatures  []struct {
				ID        string `json:"id"`
				Signature []byte `json:"signature"`
			} `json:"signatures"`
		}
		if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, 1<<20)).Decode(&sent); err != nil {
			http.Error(w, string(verify.CodeTokenMalformed), http.StatusForbidden)
			return
		}
		refused := map[string]verify.Code{} // by document
		for _, s := range sent.Signatures {
			signature := verify.Signature{Certificate: sent.Certificate, Algorithm: sent.Algorithm, Signature: s.Signature}
			document, err := os.Open(documents[s.ID])
			if err != nil {
				http.Error(w, "there is no such document", http.StatusNotFound)
				return
			}
			who, err := verifier.VerifyDocument(r.Context(), document, signature)
			_ = document.Close()
			if err != nil {
				log.Print(err)
				refused[s.ID] = verify.CodeOf(err)
				continue
			}
			signedBy(r, s.ID, who, signature) // if who is the person of this session: keep it
		}
		_ = json.NewEncoder(w).Encode(refused)
	})
}
