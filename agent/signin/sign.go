package signin

import (
	"bytes"
	"context"
	"crypto"
	"crypto/x509"
	"errors"
	"slices"
	"time"
)

// SignRequest is a page's wish for binding signatures. The caller has checked
// that there are items, that their ids differ and that each digest is of Hash's
// length.
type SignRequest struct {
	Origin      string // the handshake's
	Lang        string
	Certificate []byte // DER, as GetSigningCertificate gave it
	Hash        crypto.Hash
	Items       []SignItem
}

// SignItem is one document to sign, by the digest of what its signature covers.
type SignItem struct {
	ID     string // the page's own
	Digest []byte
}

// SignResult is what became of a batch: each item is either signed or not.
type SignResult struct {
	Key        Key
	Algorithm  string // JWA name
	Signatures []ItemSignature
	Failures   []ItemFailure
}

// ItemSignature is one document's signature; ECDSA as r || s.
type ItemSignature struct {
	ID        string
	Signature []byte
}

// ItemFailure says why a document was not signed.
type ItemFailure struct {
	ID   string
	Code Code
}

// SigningCertificate is what a page may know of a signing key after the
// person's yes.
type SigningCertificate struct {
	Certificate *x509.Certificate
	Algorithms  []Algorithm
}

// GetSigningCertificate lets the person choose the certificate to sign with and
// show it to the page. No PIN is asked for.
func (s *Service) GetSigningCertificate(ctx context.Context, origin, lang string, report func(Progress)) (SigningCertificate, error) {
	j := job{
		what: "getSigningCertificate", purpose: ToShowCertificate, origin: origin, lang: lang, report: report,
		serving: s.signing, showKeys: true,
	}
	p, err := s.show(ctx, j)
	s.record(j, p, err)
	if err != nil {
		return SigningCertificate{}, err
	}
	return SigningCertificate{Certificate: p.key.Certificate, Algorithms: s.Tokens.Algorithms(p.key)}, nil
}

func (s *Service) show(ctx context.Context, j job) (proof, error) {
	ctx, stop, err := WhileUnlocked(ctx, s.Desktop)
	if err != nil {
		return proof{}, err
	}
	defer stop()
	return s.await(ctx, j, CodeNoCard)
}

// Sign has the person sign a batch of documents with one PIN. When the card
// goes or the person stops it in the middle, the result says what was signed
// and what was not; the error is for a batch of which nothing was.
func (s *Service) Sign(ctx context.Context, req SignRequest, report func(Progress)) (SignResult, error) {
	var algorithm Algorithm
	j := job{
		what: "sign", purpose: ToSign, origin: req.Origin, lang: req.Lang, items: len(req.Items), report: report,
		serving: func(keys []Key) ([]Key, Why) { return s.signingBy(keys, req.Certificate) },
		compose: func(k Key) (crypto.Hash, [][]byte, error) {
			algorithms := s.Tokens.Algorithms(k)
			i := slices.IndexFunc(algorithms, func(a Algorithm) bool { return a.Hash == req.Hash })
			if i < 0 {
				return 0, nil, &Error{Code: CodeInvalidRequest, Field: "hash"}
			}
			algorithm = algorithms[i]
			digests := make([][]byte, len(req.Items))
			for i, item := range req.Items {
				digests[i] = item.Digest
			}
			return req.Hash, digests, nil
		},
	}
	p, err := s.prove(ctx, j)
	result := SignResult{Key: p.key, Algorithm: algorithm.Name}
	for i, signature := range p.signatures {
		// What the card made is given out only if it is what was asked for.
		if wrong := s.Tokens.Verify(p.key, algorithm, req.Items[i].Digest, signature); wrong != nil {
			p.signatures, err = p.signatures[:i], &Error{Code: CodeCardUnreadable, Err: errors.Join(wrong, err)}
			break
		}
		result.Signatures = append(result.Signatures, ItemSignature{ID: req.Items[i].ID, Signature: signature})
	}
	s.record(j, p, err)
	if len(result.Signatures) == 0 {
		return SignResult{}, err
	}
	for _, item := range req.Items[len(result.Signatures):] {
		result.Failures = append(result.Failures, ItemFailure{ID: item.ID, Code: CodeOf(err)})
	}
	return result, nil
}

// signing returns the keys that may sign documents. A key whose public key is
// behind another certificate of the card as well may not: what it signs could
// be taken for a sign-in by that one.
func (s *Service) signing(keys []Key) (signing []Key, why Why) {
	why = WhyNone
	for _, k := range keys {
		ok, reason := s.Rules.MaySign(k, time.Now())
		if ok && isShared(k, keys) {
			ok, reason = false, WhyBothUsages
		}
		switch {
		case ok:
			signing = append(signing, k)
		case why == WhyNone || reason != WhyWrongUsage:
			why = reason // an authentication key is always of the wrong usage
		}
	}
	return signing, why
}

// signingBy returns the signing key of one certificate. A card without that
// certificate is not the right one; with it, why says what is wrong.
func (s *Service) signingBy(keys []Key, certificate []byte) ([]Key, Why) {
	isIt := func(k Key) bool { return bytes.Equal(k.Certificate.Raw, certificate) }
	if !slices.ContainsFunc(keys, isIt) {
		return nil, ""
	}
	all, why := s.signing(keys)
	i := slices.IndexFunc(all, isIt)
	switch {
	case i >= 0:
		return all[i : i+1], ""
	case len(all) > 0: // it is another one of the card's, as a sign-in's
		return nil, WhyWrongUsage
	}
	return nil, why
}

// isShared reports whether another certificate of the card is of the same key.
func isShared(k Key, keys []Key) bool { return k.Shared || slices.ContainsFunc(keys, k.isTwin) }

// isTwin reports whether another certificate of the same card is of the same key.
func (k Key) isTwin(o Key) bool {
	return o.ID != k.ID && bytes.Equal(o.Certificate.RawSubjectPublicKeyInfo, k.Certificate.RawSubjectPublicKeyInfo)
}
