//go:build linux && cgo

package pkcs11test

import (
	"bytes"
	"crypto/x509"
	"errors"
	"fmt"
	"strings"

	p11 "github.com/miekg/pkcs11"
)

// Raw makes signatures with a module in this very process, with the fewest calls
// that will do. It is what a process of the module's own is measured against.
type Raw struct {
	lib         *p11.Ctx
	reader, pin string
	certificate *x509.Certificate
}

// NewRaw loads a module. The environment that leads it to its tokens is this
// process's own.
func NewRaw(module, reader string, certificate *x509.Certificate, pin string) (*Raw, error) {
	lib := p11.New(module)
	if lib == nil {
		return nil, fmt.Errorf("%s cannot be loaded", module)
	}
	return &Raw{lib, reader, pin, certificate}, nil
}

// Close unloads the module.
func (r *Raw) Close() { r.lib.Destroy() }

// Sign signs digests with ECDSA: C_Initialize, everything, C_Finalize.
func (r *Raw) Sign(digests [][]byte) (signatures [][]byte, err error) {
	if err := r.lib.Initialize(); err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, r.lib.Finalize()) }()
	session, err := r.open()
	if err != nil {
		return nil, err
	}
	id, err := r.findCertificate(session)
	if err != nil {
		return nil, err
	}
	if err := r.lib.Login(session, p11.CKU_USER, r.pin); err != nil {
		return nil, err
	}
	key, err := r.findOne(session, p11.NewAttribute(p11.CKA_CLASS, p11.CKO_PRIVATE_KEY), p11.NewAttribute(p11.CKA_ID, id))
	if err != nil {
		return nil, err
	}
	for _, digest := range digests {
		if err := r.lib.SignInit(session, []*p11.Mechanism{p11.NewMechanism(p11.CKM_ECDSA, nil)}, key); err != nil {
			return nil, err
		}
		signature, err := r.lib.Sign(session, digest)
		if err != nil {
			return nil, err
		}
		signatures = append(signatures, signature)
	}
	return signatures, errors.Join(r.lib.Logout(session), r.lib.CloseSession(session))
}

// open opens a session with the token in the reader.
func (r *Raw) open() (p11.SessionHandle, error) {
	slots, err := r.lib.GetSlotList(true)
	if err != nil {
		return 0, err
	}
	for _, slot := range slots {
		info, err := r.lib.GetSlotInfo(slot)
		if err != nil {
			return 0, err
		}
		if strings.TrimRight(info.SlotDescription, " \x00") != r.reader {
			continue
		}
		if _, err := r.lib.GetTokenInfo(slot); err != nil {
			return 0, err
		}
		return r.lib.OpenSession(slot, p11.CKF_SERIAL_SESSION)
	}
	return 0, fmt.Errorf("no token is in %q", r.reader)
}

// findCertificate returns the identifier of the certificate.
func (r *Raw) findCertificate(session p11.SessionHandle) ([]byte, error) {
	object, err := r.findOne(session, p11.NewAttribute(p11.CKA_CLASS, p11.CKO_CERTIFICATE), p11.NewAttribute(p11.CKA_VALUE, r.certificate.Raw))
	if err != nil {
		return nil, err
	}
	attributes, err := r.lib.GetAttributeValue(session, object, []*p11.Attribute{p11.NewAttribute(p11.CKA_VALUE, nil), p11.NewAttribute(p11.CKA_ID, nil)})
	if err != nil {
		return nil, err
	}
	if !bytes.Equal(attributes[0].Value, r.certificate.Raw) {
		return nil, errors.New("another certificate was found")
	}
	return attributes[1].Value, nil
}

func (r *Raw) findOne(session p11.SessionHandle, template ...*p11.Attribute) (p11.ObjectHandle, error) {
	if err := r.lib.FindObjectsInit(session, template); err != nil {
		return 0, err
	}
	found, _, err := r.lib.FindObjects(session, 2)
	if err = errors.Join(err, r.lib.FindObjectsFinal(session)); err != nil {
		return 0, err
	}
	if len(found) != 1 {
		return 0, fmt.Errorf("%d objects were found in place of one", len(found))
	}
	return found[0], nil
}
