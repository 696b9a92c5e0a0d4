package pcsc

// Protocol is the transmission protocol in use, ProtocolT0 or ProtocolT1. A
// reset by another program can change it; 0 when the connection was given up.
func (tx *Tx) Protocol() (p Protocol) {
	_ = tx.call(func(o *owner) error {
		p = o.handle.ActiveProtocol()
		return nil
	})
	return p
}
