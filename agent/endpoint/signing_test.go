package endpoint

import (
	"bytes"
	"context"
	"crypto"
	"crypto/x509"
	"encoding/base64"
	"fmt"
	"strings"
	"testing"

	"github.com/coder/websocket"

	"github.com/cardea-agent/cardea/agent/protocol"
	"github.com/cardea-agent/cardea/agent/signin"
)

// batch is the params of a sign request with n items.
func batch(t *testing.T, n int) string {
	t.Helper()
	p := protocol.SignParams{Certificate: base64.StdEncoding.EncodeToString([]byte("der")), Hash: "SHA-256"}
	for i := range n {
		p.Items = append(p.Items, protocol.SignItem{
			ID: fmt.Sprintf("%064d", i), Digest: base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{byte(i)}, 32)),
		})
	}
	data, err := protocol.Encode(p)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func TestABatchIsPassedOnAndItsOutcomeTold(t *testing.T) {
	key := signin.Key{Certificate: &x509.Certificate{Raw: []byte("der")}}
	s := serve(t, defaults(&fakeBackend{
		sign: func(_ context.Context, req signin.SignRequest, progress func(signin.Progress)) (signin.SignResult, error) {
			if req.Origin != limited || req.Hash != crypto.SHA256 || string(req.Certificate) != "der" || len(req.Items) != 2 ||
				!bytes.Equal(req.Items[1].Digest, bytes.Repeat([]byte{1}, 32)) {
				return signin.SignResult{}, fmt.Errorf("got %+v", req)
			}
			progress(signin.Progress{Phase: signin.Signing, Total: 2})
			return signin.SignResult{
				Key: key, Algorithm: "ES256",
				Signatures: []signin.ItemSignature{{ID: req.Items[0].ID, Signature: []byte("s")}},
				Failures:   []signin.ItemFailure{{ID: req.Items[1].ID, Code: signin.CodeCardRemoved}},
			}, nil
		},
	}))
	p := s.open(t, limited)
	p.ask("sign", batch(t, 2))
	if got := p.next(); !strings.Contains(got, `"phase":"signing","done":0,"total":2`) {
		t.Errorf("progress %s", got)
	}
	got := p.next()
	for _, want := range []string{`"certificate":"ZGVy"`, `"algorithm":"ES256"`, `"signature":"cw=="`, `"code":"cardRemoved"`} {
		if !strings.Contains(got, want) {
			t.Errorf("the answer has no %s: %s", want, got)
		}
	}
}

func TestASigningCertificateIsNotGivenToAPageThatCancelled(t *testing.T) {
	cancelled := make(chan struct{})
	s := serve(t, defaults(&fakeBackend{
		certificate: func(ctx context.Context, origin, lang string) (signin.SigningCertificate, error) {
			if lang == "en" {
				<-ctx.Done() // and the person's yes came at the same time
				close(cancelled)
			}
			return signin.SigningCertificate{
				Certificate: &x509.Certificate{Raw: []byte("der")}, Algorithms: []signin.Algorithm{{Name: "RS256"}, {Name: "RS384"}},
			}, nil
		},
	}))
	p := s.open(t, limited)
	p.ask("getSigningCertificate", `{}`)
	if got := p.next(); !strings.Contains(got, `{"certificate":"ZGVy","algorithms":["RS256","RS384"]}`) {
		t.Errorf("the answer is %s", got)
	}
	p.send(`{"jsonrpc":"2.0","id":7,"method":"getSigningCertificate","params":{"lang":"en"}}`)
	p.send(`{"jsonrpc":"2.0","id":8,"method":"cancel","params":{"id":7}}`)
	<-cancelled
	for range 2 {
		if got := p.next(); strings.Contains(got, "certificate") {
			t.Errorf("the page got %s", got)
		}
	}
}

func TestOnlyABatchMayBeLong(t *testing.T) {
	s := serve(t, defaults(&fakeBackend{
		sign: func(context.Context, signin.SignRequest, func(signin.Progress)) (signin.SignResult, error) {
			return signin.SignResult{}, &signin.Error{Code: signin.CodeNoCard}
		},
	}))
	whole := batch(t, protocol.MaxItems)
	p := s.open(t, limited)
	p.ask("sign", whole+strings.Repeat(" ", maxBatch-len(whole)-100))
	if got := p.next(); !strings.Contains(got, string(signin.CodeNoCard)) {
		t.Errorf("a batch of the largest size: %s", got)
	}
	p.ask("watch", `{}`+strings.Repeat(" ", maxMessage))
	p.expectClose(websocket.StatusMessageTooBig)

	p = s.open(t, good) // which may not sign
	_ = p.ws.Write(t.Context(), websocket.MessageText, []byte(strings.Repeat(" ", maxMessage+1)))
	p.expectClose(websocket.StatusMessageTooBig)
}
