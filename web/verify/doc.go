// Package verify checks on a server the tokens that Cardea gives to pages: Web
// eID authentication tokens, format "web-eid:1.0" and later minor versions.
//
// A site makes one Verifier with New. Challenge gives the nonce for one attempt
// of one browser session; Verify takes the page's token and returns who signed
// in; Resume does the same for a person who comes back to a locked session, and
// accepts only the certificate that began it.
//
// Verify checks in this order and ends with the first that fails:
//
//  1. the nonce of the session is taken out of the store, so that it serves one
//     attempt whatever comes of it, and must not be too old
//  2. the token's size, JSON, format and fields
//  3. the algorithm belongs to the key in the certificate, and to no other
//  4. the signature over origin and nonce
//  5. validity of the certificate, chain to the configured roots
//  6. key usage, extended usage, policy
//  7. the user id can be read
//  8. for Resume: it is the same certificate
//  9. revocation
//
// The signature comes before everything that says something about the
// certificate: only who has the card learns why it is refused. Revocation comes
// last: the network is asked about certificates of trusted issuers only, at
// addresses from the configuration or from such a certificate.
//
// VerifyDocument checks the binding signature of a document, and VerifyDigest
// that of a document which the site does not have, by rules of their own: no key
// may serve both. CheckSigner holds these rules against a certificate alone.
//
// A token for another origin cannot be told from one with a broken signature,
// because the origin is not in the token: it is in what was signed. Both are
// CodeSignatureInvalid.
//
// The session key given to Challenge, Verify and Resume must be a secret of one
// browser, such as the value of a cookie with HttpOnly, Secure and SameSite that
// existed before the sign-in. A site must change it on sign-in.
//
// Identity names a person by issuer and user id, which survive a renewal of the
// card, never by a fingerprint or a serial number of a certificate.
//
// It never trusts the system's roots, never checks that intermediate
// certificates (which the site itself configures) or delegated OCSP responders
// are not revoked, and never follows redirects to a revocation service with its
// own HTTP client.
//
// It is tested with certificates made in the tests, with OCSP responders and
// CRL servers on loopback, with a fuzzed parser, and in agent/token against
// what the agent makes.
package verify
