// Package rsakeys holds RSA-2048 keys for virtual cards, made beforehand
// because making one takes a tenth of a second and more.
//
// They are published with this source and protect nothing: never put one of
// them behind a certificate that anything trusts outside a test or a demo.
// `go run ./testdata/rsakeys/gen` makes new ones. Tested by package virtual,
// whose RSA cards are made from them.
package rsakeys

import (
	"crypto/rsa"
	"crypto/x509"
	_ "embed" // for keys.pem
	"encoding/pem"
	"fmt"
	"sync"
)

//go:embed keys.pem
var file []byte

// All returns the keys of the file, always the same ones in the same order.
// The slice and the keys are shared: do not change them.
var All = sync.OnceValue(func() []*rsa.PrivateKey {
	var keys []*rsa.PrivateKey
	for block, rest := pem.Decode(file); block != nil; block, rest = pem.Decode(rest) {
		key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
		if err != nil {
			panic(fmt.Sprintf("rsakeys: key %d of keys.pem: %v", len(keys), err))
		}
		keys = append(keys, key.(*rsa.PrivateKey))
	}
	return keys
})
