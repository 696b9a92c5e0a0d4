package piv

import (
	"bytes"
	"compress/gzip"
	"errors"
	"testing"

	"github.com/cardea-agent/cardea/pcsc/apdu"
	"github.com/cardea-agent/cardea/pcsc/virtual"
)

func compress(t testing.TB, b []byte) []byte {
	t.Helper()
	var out bytes.Buffer
	w := gzip.NewWriter(&out)
	_, err := w.Write(b)
	if err := errors.Join(err, w.Close()); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// certificateObject is what GET DATA answers for a certificate.
func certificateObject(certificate []byte, info ...byte) []byte {
	inside := apdu.AppendTLV(nil, 0x70, certificate)
	inside = apdu.AppendTLV(inside, 0x71, info)
	inside = apdu.AppendTLV(inside, 0xFE)
	return apdu.AppendTLV(nil, 0x53, inside)
}

func TestCertificatesAreReadPlainAndCompressed(t *testing.T) {
	der := virtual.NewCA("Test CA").Certificate.Raw
	for name, b := range map[string][]byte{
		"plain":                    certificateObject(der, 0x00),
		"no CertInfo value":        certificateObject(der),
		"compressed":               certificateObject(compress(t, der), 0x01),
		"compressed, early cards'": certificateObject(compress(t, der), 0x80),
		"certificate alone":        apdu.AppendTLV(nil, 0x53, apdu.AppendTLV(nil, 0x70, der)),
	} {
		certificate, err := parseCertificate(b)
		if err != nil || !bytes.Equal(certificate.Raw, der) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestMalformedCertificateObjectsAreRefused(t *testing.T) {
	der := virtual.NewCA("Test CA").Certificate.Raw
	plain := certificateObject(der, 0x00)
	bomb := compress(t, make([]byte, 16<<20))
	for name, c := range map[string]struct {
		b    []byte
		want error
	}{
		"empty object":               {unhex(t, "5300"), ErrNotFound},
		"empty certificate":          {unhex(t, "5302 7000"), ErrNotFound},
		"nothing":                    {nil, ErrMalformed},
		"other object":               {unhex(t, "7E00"), ErrMalformed},
		"cut off":                    {plain[:len(plain)-1], ErrMalformed},
		"bytes after it":             {append(bytes.Clone(plain), 0), ErrMalformed},
		"no certificate":             {certificateObject([]byte("certificate"), 0), ErrMalformed},
		"compressed, says plain":     {certificateObject(compress(t, der), 0), ErrMalformed},
		"plain, says compressed":     {certificateObject(der, 1), ErrMalformed},
		"compressed and cut off":     {certificateObject(compress(t, der)[:200], 1), ErrMalformed},
		"grows beyond what is taken": {certificateObject(bomb, 1), ErrMalformed},
	} {
		if _, err := parseCertificate(c.b); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
}

func TestOnlyAPIVApplicationIsTakenForOne(t *testing.T) {
	for name, c := range map[string]struct {
		hex  string
		want error
	}{
		"as the standard says":        {"6111 4F06000010000100 7907 4F05A000000308", nil},
		"whole identifier":            {"6112 4F0BA000000308000010000100 5003504956", nil},
		"another application":         {"6109 7907 4F05A000000527", ErrNotPIV},
		"prefix cut off":              {"6108 7906 4F04A0000003", ErrNotPIV},
		"no identifier":               {"6105 5003504956", ErrNotPIV},
		"nothing":                     {"", ErrNotPIV},
		"other template":              {"6F09 7907 4F05A000000308", ErrNotPIV},
		"cut off":                     {"6109 7907 4F05A0000003", ErrMalformed},
		"inner length beyond the end": {"6109 7908 4F05A000000308", ErrMalformed},
	} {
		if err := checkProperties(unhex(t, c.hex)); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
}

func TestDiscoverySaysWhichPINCounts(t *testing.T) {
	for name, c := range map[string]struct {
		hex   string
		want  PINReference
		fails bool
	}{
		"application's alone":            {"7E12 4F0BA000000308000010000100 5F2F024000", ApplicationPIN, false},
		"both, application's preferred":  {"7E05 5F2F026010", ApplicationPIN, false},
		"both, global preferred":         {"7E05 5F2F026020", GlobalPIN, false},
		"global preferred, not accepted": {"7E05 5F2F024020", ApplicationPIN, false},
		"no policy":                      {"7E00", ApplicationPIN, false},
		"policy of one byte":             {"7E04 5F2F0160", ApplicationPIN, true},
		"cut off":                        {"7E05 5F2F0260", ApplicationPIN, true},
	} {
		got, err := parseDiscovery(unhex(t, c.hex))
		if got != c.want || c.fails != errors.Is(err, ErrMalformed) {
			t.Errorf("%s: %02X, %v", name, got, err)
		}
	}
}

func TestACHUIDTellsCardsApart(t *testing.T) {
	const guid, zeros = "000102030405060708090a0b0c0d0e0f", "00000000000000000000000000000000"
	for name, c := range map[string]struct {
		hex, id string
		want    error
	}{
		"GUID":                      {"5316 3002ABCD 3410" + guid, guid, nil},
		"FASC-N when no GUID":       {"5304 3002ABCD", "abcd", nil},
		"FASC-N when GUID is zeros": {"5316 3002ABCD 3410" + zeros, "abcd", nil},
		"neither":                   {"5302 3E00", "", nil},
		"GUID too short":            {"5304 3402AABB", "", ErrMalformed},
		"cut off":                   {"5312 3410AABB", "", ErrMalformed},
	} {
		chuid, err := parseCHUID(unhex(t, c.hex))
		if !errors.Is(err, c.want) || chuid.ID() != c.id {
			t.Errorf("%s: %q, %v", name, chuid.ID(), err)
		}
	}
}

func FuzzCertificateObject(f *testing.F) {
	der := virtual.NewCA("Test CA").Certificate.Raw
	f.Add(certificateObject(der, 0))
	f.Add(certificateObject(compress(f, der), 1))
	f.Add(unhex(f, "5300"))
	f.Fuzz(func(t *testing.T, b []byte) {
		certificate, err := parseCertificate(b)
		if err == nil && (len(certificate.Raw) == 0 || len(certificate.Raw) > max(maxCertificate, len(b))) {
			t.Fatalf("certificate of %d bytes from %d", len(certificate.Raw), len(b))
		}
	})
}

func FuzzApplicationProperties(f *testing.F) {
	f.Add(unhex(f, "61114F0600001000010079074F05A000000308"))
	f.Add(unhex(f, "61124F0BA0000003080000100001005003504956"))
	f.Fuzz(func(t *testing.T, b []byte) {
		if checkProperties(b) == nil && !bytes.Contains(b, []byte(registeredID)) {
			t.Fatalf("%X is no PIV application", b)
		}
	})
}

func FuzzIdentityObjects(f *testing.F) {
	f.Add(unhex(f, "7E124F0BA0000003080000100001005F2F024000"))
	f.Add(unhex(f, "53123410000102030405060708090a0b0c0d0e0f"))
	f.Fuzz(func(t *testing.T, b []byte) {
		if ref, _ := parseDiscovery(b); ref != ApplicationPIN && ref != GlobalPIN {
			t.Fatalf("PIN reference %02X", ref)
		}
		if chuid, err := parseCHUID(b); err == nil && len(chuid.ID()) > 2*len(b) {
			t.Fatalf("%q is not in %X", chuid.ID(), b)
		}
	})
}
