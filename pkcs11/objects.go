//go:build cgo

package pkcs11

import (
	"bytes"
	"crypto"
	"crypto/rsa"
	"crypto/x509"
	"slices"

	p11 "github.com/miekg/pkcs11"
)

// The limits of what is read of a token.
const (
	maxObjects = 256
	maxValue   = 64 << 10 // of one attribute: a certificate is a few kilobytes
)

// Tokens reads the tokens in a reader, or in all for an empty name, without a
// log-in.
func (m *Module) Tokens(reader string) ([]Token, error) {
	slots, err := m.slots(reader)
	if err != nil {
		return nil, err
	}
	tokens := []Token{}
	for _, s := range slots {
		err := m.session(s.id, func(session p11.SessionHandle) (err error) {
			s.token.Keys, err = m.keys(s.id, session)
			return err
		})
		if err != nil {
			return nil, err
		}
		tokens = append(tokens, s.token)
	}
	return tokens, nil
}

// Token returns the token in a reader that holds a certificate, without Keys.
func (m *Module) Token(reader string, certificate []byte) (Token, error) {
	var found Token
	err := m.holding(reader, certificate, func(s slot, _ p11.SessionHandle, _ []byte) error {
		found = s.token
		return nil
	})
	return found, err
}

// holding runs f with a session on the token that holds a certificate, and the
// certificate's CKA_ID.
func (m *Module) holding(reader string, certificate []byte, f func(slot, p11.SessionHandle, []byte) error) error {
	slots, err := m.slots(reader)
	if err != nil {
		return err
	}
	if len(slots) == 0 {
		return found(ErrTokenGone)
	}
	for _, s := range slots {
		here := false
		err := m.session(s.id, func(session p11.SessionHandle) error {
			id, has, err := m.findCertificate(session, certificate)
			if err != nil || !has {
				return err
			}
			here = true
			return f(s, session, id)
		})
		if here || err != nil {
			return err
		}
	}
	return found(ErrKeyGone)
}

// session runs f with a session of its own. Its end is no part of f's outcome.
func (m *Module) session(id uint, f func(p11.SessionHandle) error) error {
	var session p11.SessionHandle
	err := m.call("C_OpenSession", func() (err error) {
		session, err = m.lib.OpenSession(id, p11.CKF_SERIAL_SESSION)
		return err
	})
	if err != nil {
		return err
	}
	err = f(session)
	_ = m.call("C_CloseSession", func() error { return m.lib.CloseSession(session) })
	return err
}

// keys reads the certificates of people; those of authorities have no key here.
func (m *Module) keys(id uint, session p11.SessionHandle) ([]Key, error) {
	mechanisms, err := m.mechanisms(id)
	if err != nil {
		return nil, err
	}
	objects, err := m.find(session, p11.NewAttribute(p11.CKA_CLASS, uint(p11.CKO_CERTIFICATE)))
	if err != nil {
		return nil, err
	}
	var keys []Key
	for _, object := range objects {
		value, err := m.attribute(session, object, p11.CKA_VALUE)
		if err != nil {
			return nil, err
		}
		certificate, err := x509.ParseCertificate(value)
		if err != nil || certificate.IsCA {
			continue // of another type (CKC_WTLS), damaged, or nobody's
		}
		key := Key{Certificate: value}
		if key.ID, err = m.attribute(session, object, p11.CKA_ID); err != nil {
			return nil, err
		}
		label, err := m.attribute(session, object, p11.CKA_LABEL)
		if err != nil {
			return nil, err
		}
		key.Label = text(string(label))
		for _, mechanism := range mechanismsFor(certificate.PublicKey) {
			if mechanisms[mechanism] {
				key.Mechanisms = append(key.Mechanisms, mechanism)
			}
		}
		if key.AlwaysAuthenticate, err = m.insists(session, key.ID, certificate.PublicKey); err != nil {
			return nil, err
		}
		keys = append(keys, key)
	}
	return keys, nil
}

// insists reports whether the private key of a certificate shows, and asks for
// the PIN each time.
func (m *Module) insists(session p11.SessionHandle, id []byte, public crypto.PublicKey) (bool, error) {
	private, shows, err := m.findPrivate(session, id, public)
	if err != nil || !shows {
		return false, err
	}
	return m.alwaysAuthenticate(session, private)
}

// mechanismNumbers are those of pkcs11t.h.
var mechanismNumbers = map[Mechanism]uint{
	RSAPKCS1: p11.CKM_RSA_PKCS, RSAPSS: p11.CKM_RSA_PKCS_PSS, ECDSA: p11.CKM_ECDSA,
}

// mechanisms are those of ours that a token has.
func (m *Module) mechanisms(id uint) (map[Mechanism]bool, error) {
	var list []*p11.Mechanism
	err := m.call("C_GetMechanismList", func() (err error) {
		list, err = m.lib.GetMechanismList(id)
		return err
	})
	if err != nil {
		return nil, err
	}
	has := map[Mechanism]bool{}
	for mechanism, number := range mechanismNumbers {
		has[mechanism] = slices.ContainsFunc(list, func(l *p11.Mechanism) bool { return l.Mechanism == number })
	}
	return has, nil
}

// find returns the objects that match.
func (m *Module) find(session p11.SessionHandle, template ...*p11.Attribute) (objects []p11.ObjectHandle, err error) {
	err = m.call("C_FindObjectsInit", func() error { return m.lib.FindObjectsInit(session, template) })
	if err != nil {
		return nil, err
	}
	for len(objects) < maxObjects {
		var more []p11.ObjectHandle
		err = m.call("C_FindObjects", func() (err error) {
			more, _, err = m.lib.FindObjects(session, maxObjects)
			return err
		})
		if err != nil || len(more) == 0 {
			break
		}
		objects = append(objects, more...)
	}
	final := m.call("C_FindObjectsFinal", func() error { return m.lib.FindObjectsFinal(session) })
	if err == nil {
		err = final
	}
	return objects, err
}

// attribute reads one attribute. One that the object does not have is empty.
func (m *Module) attribute(session p11.SessionHandle, object p11.ObjectHandle, kind uint) ([]byte, error) {
	var values []*p11.Attribute
	err := m.call("C_GetAttributeValue", func() (err error) {
		values, err = m.lib.GetAttributeValue(session, object, []*p11.Attribute{p11.NewAttribute(kind, nil)})
		return err
	})
	switch code := codeOf(err); {
	case code == attributeTypeInvalid || code == attributeSensitive:
		return nil, nil
	case err != nil:
		return nil, err
	case len(values[0].Value) > maxValue:
		return nil, &Error{Call: "C_GetAttributeValue", Kind: ErrFailed}
	}
	return values[0].Value, nil
}

// findCertificate looks for exactly this certificate, and returns its CKA_ID.
func (m *Module) findCertificate(session p11.SessionHandle, certificate []byte) (id []byte, has bool, err error) {
	objects, err := m.find(session,
		p11.NewAttribute(p11.CKA_CLASS, uint(p11.CKO_CERTIFICATE)), p11.NewAttribute(p11.CKA_VALUE, certificate))
	if err == nil && len(objects) == 0 { // or the module cannot search by it
		objects, err = m.find(session, p11.NewAttribute(p11.CKA_CLASS, uint(p11.CKO_CERTIFICATE)))
	}
	if err != nil {
		return nil, false, err
	}
	for _, object := range objects {
		value, err := m.attribute(session, object, p11.CKA_VALUE)
		if err != nil {
			return nil, false, err
		}
		if bytes.Equal(value, certificate) {
			id, err = m.attribute(session, object, p11.CKA_ID)
			return id, err == nil, err
		}
	}
	return nil, false, nil
}

// findPrivate looks for the private key of a certificate: the one with its
// CKA_ID, or with its modulus where a token has no ids.
func (m *Module) findPrivate(session p11.SessionHandle, id []byte, public crypto.PublicKey) (p11.ObjectHandle, bool, error) {
	class := p11.NewAttribute(p11.CKA_CLASS, uint(p11.CKO_PRIVATE_KEY))
	var templates [][]*p11.Attribute
	if len(id) > 0 {
		templates = append(templates, []*p11.Attribute{class, p11.NewAttribute(p11.CKA_ID, id)})
	}
	kind := uint(p11.CKK_EC)
	if key, is := public.(*rsa.PublicKey); is {
		kind = p11.CKK_RSA
		templates = append(templates, []*p11.Attribute{class, p11.NewAttribute(p11.CKA_MODULUS, key.N.Bytes())})
	}
	want := p11.NewAttribute(p11.CKA_KEY_TYPE, kind).Value
	for _, template := range templates {
		objects, err := m.find(session, template...)
		if err != nil {
			return 0, false, err
		}
		for _, object := range objects {
			has, err := m.attribute(session, object, p11.CKA_KEY_TYPE)
			if err != nil {
				return 0, false, err
			}
			if bytes.Equal(has, want) {
				return object, true, nil
			}
		}
	}
	return 0, false, nil
}

// alwaysAuthenticate reads CKA_ALWAYS_AUTHENTICATE, which older modules lack.
func (m *Module) alwaysAuthenticate(session p11.SessionHandle, key p11.ObjectHandle) (bool, error) {
	value, err := m.attribute(session, key, p11.CKA_ALWAYS_AUTHENTICATE)
	return len(value) == 1 && value[0] != 0, err
}
