package store

import (
	"context"
	"math"
	"time"
)

// SignatureID is the number of a kept signature. It rises with time.
type SignatureID int64

// Signature is a person's binding signature of a document. The document itself
// is not kept: of one that never left the person's computer there is nothing
// here but its name and its digest.
type Signature struct {
	ID       SignatureID
	User     UserID
	Document string // its name
	Size     int64  // of the document, in bytes
	Digest   []byte // by the hash function of Algorithm

	Algorithm   string // JWA name
	Signature   []byte // ECDSA as r || s
	Certificate []byte // DER
	// Who signed, by the certificate, on the day that it was checked.
	Signer string
	Holder Holder
	Kept   time.Time // when it was checked
}

// Signatures are those of documents.
type Signatures interface {
	// AddSignature returns the number of the signature. One that was kept before
	// stays as it was, and nothing is added. s.ID is not used.
	AddSignature(ctx context.Context, s Signature) (id SignatureID, added bool, err error)
	Signature(ctx context.Context, id SignatureID) (Signature, error)
	// SignaturesOf returns a user's: at most limit before the one numbered before
	// (zero: from the end), the latest first.
	SignaturesOf(ctx context.Context, user UserID, before SignatureID, limit int) ([]Signature, error)
}

const selectSignature = `SELECT id, user, document, size, digest, algorithm, signature, certificate,
	signer, issuer, holder, kept FROM signatures `

func scanSignature(row scanner) (s Signature, err error) {
	err = row.Scan(&s.ID, &s.User, &s.Document, &s.Size, &s.Digest, &s.Algorithm, &s.Signature, &s.Certificate,
		&s.Signer, &s.Holder.Issuer, &s.Holder.ID, (*moment)(&s.Kept))
	return s, err
}

func (q queries) AddSignature(ctx context.Context, s Signature) (id SignatureID, added bool, err error) {
	n, err := q.exec(ctx, `INSERT INTO signatures
		(user, document, size, digest, algorithm, signature, certificate, signer, issuer, holder, kept)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (user, digest, signature) DO NOTHING`,
		s.User, s.Document, s.Size, s.Digest, s.Algorithm, s.Signature, s.Certificate,
		s.Signer, s.Holder.Issuer, s.Holder.ID, moment(s.Kept))
	if err != nil {
		return 0, false, err
	}
	// By the connection that writes: a transaction's own row is seen by no other.
	kept, err := one(ctx, queries{read: q.write}, scanSignature,
		selectSignature+`WHERE user = ? AND digest = ? AND signature = ?`, s.User, s.Digest, s.Signature)
	return kept.ID, n > 0, err
}

func (q queries) Signature(ctx context.Context, id SignatureID) (Signature, error) {
	return one(ctx, q, scanSignature, selectSignature+`WHERE id = ?`, id)
}

func (q queries) SignaturesOf(ctx context.Context, user UserID, before SignatureID, limit int) ([]Signature, error) {
	if before <= 0 {
		before = math.MaxInt64
	}
	return all(ctx, q, scanSignature, selectSignature+`WHERE user = ? AND id < ? ORDER BY id DESC LIMIT ?`, user, before, limit)
}
