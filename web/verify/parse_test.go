package verify

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"math/big"
	"slices"
	"strings"
	"testing"

	"github.com/go-json-experiment/json"
)

// someCertificate is any certificate: parsing trusts nothing in it.
func someCertificate(t testing.TB) string {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "1"}}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return base64.StdEncoding.EncodeToString(der)
}

const rest = `"algorithm":"ES256","signature":"AAAA","appVersion":"x"`

func TestATokenIsReadStrictly(t *testing.T) {
	cert := `"unverifiedCertificate":"` + someCertificate(t) + `",`
	for name, test := range map[string]struct {
		token string
		want  Code // "" means accepted
	}{
		"plain":                {`{` + cert + rest + `,"format":"web-eid:1.0"}`, ""},
		"minor version":        {`{` + cert + rest + `,"format":"web-eid:1.1","supportedSignatureAlgorithms":[{"a":1}]}`, ""},
		"no minor version":     {`{` + cert + rest + `,"format":"web-eid:1"}`, ""},
		"extra member":         {`{` + cert + rest + `,"format":"web-eid:1.0","x":null}`, ""},
		"version 2":            {`{` + cert + rest + `,"format":"web-eid:2.0"}`, CodeFormatUnsupported},
		"version 10":           {`{` + cert + rest + `,"format":"web-eid:10"}`, CodeFormatUnsupported},
		"line after version":   {`{` + cert + rest + `,"format":"web-eid:1.0\n"}`, CodeFormatUnsupported},
		"no format":            {`{` + cert + rest + `}`, CodeFormatUnsupported},
		"format in capitals":   {`{` + cert + rest + `,"Format":"web-eid:1.0"}`, CodeFormatUnsupported},
		"null":                 {`null`, CodeFormatUnsupported},
		"format twice":         {`{` + cert + rest + `,"format":"web-eid:1.0","format":"web-eid:1.0"}`, CodeTokenMalformed},
		"certificate twice":    {`{` + cert + cert + rest + `,"format":"web-eid:1.0"}`, CodeTokenMalformed},
		"unknown name twice":   {`{` + cert + rest + `,"format":"web-eid:1.0","x":1,"x":2}`, CodeTokenMalformed},
		"twice by an escape":   {`{` + cert + rest + `,"format":"web-eid:1.0","\u0066ormat":"web-eid:1.0"}`, CodeTokenMalformed},
		"no certificate":       {`{` + rest + `,"format":"web-eid:1.0"}`, CodeTokenMalformed},
		"another case":         {`{` + strings.Replace(cert, "unv", "Unv", 1) + rest + `,"format":"web-eid:1.0"}`, CodeTokenMalformed},
		"certificate null":     {`{"unverifiedCertificate":null,` + rest + `,"format":"web-eid:1.0"}`, CodeTokenMalformed},
		"certificate number":   {`{"unverifiedCertificate":1,` + rest + `,"format":"web-eid:1.0"}`, CodeTokenMalformed},
		"certificate list":     {`{"unverifiedCertificate":["AAAA"],` + rest + `,"format":"web-eid:1.0"}`, CodeTokenMalformed},
		"certificate none":     {`{"unverifiedCertificate":"AAAA",` + rest + `,"format":"web-eid:1.0"}`, CodeTokenMalformed},
		"certificate and more": {`{"unverifiedCertificate":"` + someCertificate(t) + `AAAA",` + rest + `,"format":"web-eid:1.0"}`, CodeTokenMalformed},
		"line break in base64": {strings.Replace(`{`+cert+rest+`,"format":"web-eid:1.0"}`, "AAAA", `AA\nAA`, 1), CodeTokenMalformed},
		"base64url":            {strings.Replace(`{`+cert+rest+`,"format":"web-eid:1.0"}`, "AAAA", `AA-_`, 1), CodeTokenMalformed},
		"loose base64 bits":    {strings.Replace(`{`+cert+rest+`,"format":"web-eid:1.0"}`, "AAAA", `AAB=`, 1), CodeTokenMalformed},
		"no signature":         {strings.Replace(`{`+cert+rest+`,"format":"web-eid:1.0"}`, "AAAA", ``, 1), CodeTokenMalformed},
		"trailing data":        {`{` + cert + rest + `,"format":"web-eid:1.0"}{}`, CodeTokenMalformed},
		"a list of tokens":     {`[{` + cert + rest + `,"format":"web-eid:1.0"}]`, CodeTokenMalformed},
		"broken UTF-8":         {`{` + cert + rest + `,"format":"web-eid:1.0","x":"` + "\xff" + `"}`, CodeTokenMalformed},
		"empty":                {``, CodeTokenMalformed},
		"too long":             {`{` + cert + rest + `,"format":"web-eid:1.0"}` + strings.Repeat(" ", MaxTokenSize), CodeTokenMalformed},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := parseToken([]byte(test.token))
			if test.want == "" && err != nil {
				t.Error(err)
			}
			if test.want != "" && (err == nil || CodeOf(err) != test.want) {
				t.Errorf("error %v, want %s", err, test.want)
			}
		})
	}
}

// What is read, written and read again is the same; nothing panics.
func FuzzTokensAreReadOneWay(f *testing.F) {
	cert := someCertificate(f)
	f.Add([]byte(`{"unverifiedCertificate":"` + cert + `",` + rest + `,"format":"web-eid:1.0"}`))
	f.Add([]byte(`{"format":"web-eid:1.0","unverifiedCertificate":"AAAA","x":[1,{"y":null}]}`))
	f.Add([]byte(`{"format":"web-eid:2.0"}`))
	f.Add([]byte(`null`))
	f.Fuzz(func(t *testing.T, text []byte) {
		first, err := parseToken(text)
		if err != nil {
			if code := CodeOf(err); code != CodeTokenMalformed && code != CodeFormatUnsupported {
				t.Fatalf("%q: %v", text, err)
			}
			return
		}
		written, err := json.Marshal(wireToken{
			UnverifiedCertificate: base64.StdEncoding.EncodeToString(first.certificate.Raw),
			Algorithm:             first.algorithm,
			Signature:             base64.StdEncoding.EncodeToString(first.signature),
			Format:                "web-eid:1.0",
		})
		if err != nil {
			t.Fatal(err)
		}
		second, err := parseToken(written)
		if err != nil || !second.certificate.Equal(first.certificate) ||
			second.algorithm != first.algorithm || !slices.Equal(second.signature, first.signature) {
			t.Fatalf("%q was read as %+v and %+v, %v", text, first, second, err)
		}
		if alg, err := second.checkedAlgorithm(); err == nil && second.verify(alg, "https://signin.example", "nonce") {
			t.Fatalf("%q verifies", text)
		}
	})
}
