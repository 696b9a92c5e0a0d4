// Package token composes what a card signs for a sign-in, and makes the token
// of the signature. The token is Web eID's, format "web-eid:1.0" (Web eID
// system architecture, "Authentication token specification"), so that the
// validators which exist for it work unchanged.
//
// The card signs H(origin) || H(nonce), where H is the hash of the JWA
// algorithm (RFC 7518, section 3). A signature algorithm hashes its message, so
// the digest that reaches the card is H(H(origin) || H(nonce)). Both inputs are
// hashed apart: no choice of nonce can imitate another origin.
//
// It never signs, never lets raw bytes of a page reach a card, and never makes
// a token of a signature that the certificate's own public key does not verify.
//
// It is tested with vectors that another program computed, with keys of every
// algorithm, with fuzzed signatures, and against package web/verify, which is
// written apart from it.
package token
