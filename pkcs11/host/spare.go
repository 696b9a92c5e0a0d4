package host

import "time"

// begin counts an operation, unless the Host is closed.
func (h *Host) begin() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed {
		return ErrClosed
	}
	h.working.Add(1)
	return nil
}

// take returns the spare process, or a new one.
func (h *Host) take() (p *process, wasSpare bool, err error) {
	h.mu.Lock()
	p = h.takeSpareLocked()
	h.mu.Unlock()
	if p != nil && p.dead() {
		p.end()
		p = nil
	}
	if p != nil {
		return p, true, nil
	}
	p, err = start(h.config)
	return p, false, err
}

func (h *Host) takeSpareLocked() *process {
	p := h.spare
	h.spare = nil
	if h.expiry != nil {
		h.expiry.Stop()
	}
	return p
}

// finish kills a process. One that did not let go of the cards is waited for;
// the end of another takes as long as a signature, and nobody need wait for it.
func (h *Host) finish(p *process, left bool) {
	if !left {
		p.end()
		return
	}
	p.kill()
	h.working.Add(1) // the caller's operation still counts
	go func() {
		defer h.working.Done()
		p.end()
	}()
}

// prepare starts the spare process, if there is none.
func (h *Host) prepare() {
	var dead *process
	h.mu.Lock()
	if h.spare != nil && h.spare.dead() {
		dead = h.takeSpareLocked()
	}
	wanted := !h.closed && h.spare == nil && h.config.SpareFor > 0
	h.mu.Unlock()
	if dead != nil {
		dead.end()
	}
	if !wanted {
		return
	}
	p, err := start(h.config)
	if err != nil {
		return // the next operation tries it again, and says so
	}
	h.mu.Lock()
	wanted = !h.closed && h.spare == nil
	if wanted {
		h.spare = p
		h.expiry = time.AfterFunc(h.config.SpareFor, func() { h.expire(p) })
	}
	h.mu.Unlock()
	if !wanted { // another operation was quicker
		p.end()
	}
}

// expire ends a spare process that nobody needed.
func (h *Host) expire(p *process) {
	h.mu.Lock()
	if h.spare != p || h.closed {
		h.mu.Unlock()
		return
	}
	h.spare = nil
	h.working.Add(1)
	h.mu.Unlock()
	defer h.working.Done()
	p.end()
}
