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
}
