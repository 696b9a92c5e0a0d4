package endpoint

import (
	"context"
	"encoding/base64"

	"github.com/cardea-agent/cardea/agent/protocol"
	"github.com/cardea-agent/cardea/agent/signin"
)

func (c *connection) getSigningCertificate(req protocol.Request, p protocol.GetSigningCertificateParams) {
	c.start(req, rightSign, protocol.Timeout(p.TimeoutSeconds), func(ctx context.Context, t *task) {
		found, err := c.Backend.GetSigningCertificate(ctx, c.origin, p.Lang, c.progress(req))
		if wanted := c.finish(req, t); err == nil && !wanted {
			err = context.Canceled // the person's yes came too late
		}
		if err != nil {
			c.fail(req, err)
			return
		}
		result := protocol.GetSigningCertificateResult{Certificate: base64.StdEncoding.EncodeToString(found.Certificate.Raw), Algorithms: []string{}}
		for _, a := range found.Algorithms {
			result.Algorithms = append(result.Algorithms, a.Name)
		}
		c.answer(req, result)
	})
}

// sign answers with what was signed even where the page has cancelled: a
// binding signature is not thrown away.
func (c *connection) sign(req protocol.Request, p protocol.SignParams) {
	batch := signin.SignRequest{Origin: c.origin, Lang: p.Lang, Certificate: protocol.Bytes(p.Certificate), Hash: protocol.Hashes[p.Hash]}
	for _, item := range p.Items {
		batch.Items = append(batch.Items, signin.SignItem{ID: item.ID, Digest: protocol.Bytes(item.Digest)})
	}
	c.start(req, rightSign, p.Timeout(), func(ctx context.Context, t *task) {
		result, err := c.Backend.Sign(ctx, batch, c.progress(req))
		c.finish(req, t)
		if err != nil {
			c.fail(req, err)
			return
		}
		c.answer(req, signResult(result))
	})
}

func signResult(r signin.SignResult) protocol.SignResult {
	result := protocol.SignResult{
		Certificate: base64.StdEncoding.EncodeToString(r.Key.Certificate.Raw), Algorithm: r.Algorithm,
		Signatures: []protocol.ItemSignature{}, Failures: []protocol.ItemFailure{},
	}
	for _, s := range r.Signatures {
		result.Signatures = append(result.Signatures, protocol.ItemSignature{ID: s.ID, Signature: base64.StdEncoding.EncodeToString(s.Signature)})
	}
	for _, f := range r.Failures {
		result.Failures = append(result.Failures, protocol.ItemFailure{ID: f.ID, Code: string(f.Code)})
	}
	return result
}
