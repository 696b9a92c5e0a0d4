package apdu

import "fmt"

// MaxResponse is the most data, in bytes, that Send collects for one command.
// It is far above any PIV object and keeps a broken card from filling memory.
const MaxResponse = 64 << 10

// Transmitter carries one command APDU to a card and its answer back, status
// word included. The command must not be kept: it is cleared afterwards.
type Transmitter interface {
	Transmit(command []byte) ([]byte, error)
}

// Mode says which APDUs a connection can carry.
type Mode int

// The modes. The zero value is what every T=1 card understands.
const (
	// Chained sends short APDUs; long data goes as a chain.
	Chained Mode = iota
	// OneExtended sends long data, or a long Le, as one extended APDU.
	OneExtended
	// ChainedT0 is Chained for the protocol T=0: a command without data and
	// Le gets a zero length, and Le is left out after data, because T=0 has
	// only one length byte (ISO 7816-3:2006, 12.2). The card answers 61xx.
	ChainedT0
)

// ModeFor chooses the mode from a card's ATR and whether the protocol T=1 is
// used. Extended APDUs are chosen only where the ATR announces them: a card
// that does not know them may do anything.
func ModeFor(atr []byte, t1 bool) Mode {
	switch {
	case !t1:
		return ChainedT0
	case announcesExtended(atr):
		return OneExtended
	}
	return Chained
}

// Response is an answer without the parts of it that only carry it.
type Response struct {
	Data   []byte
	Status StatusWord
}

// ParseResponse splits one response APDU. Data is a part of b, not a copy.
func ParseResponse(b []byte) (Response, error) {
	if len(b) < 2 {
		return Response{}, fmt.Errorf("%w: %d bytes", ErrResponse, len(b))
	}
	n := len(b) - 2
	return Response{Data: b[:n:n], Status: StatusWord(b[n])<<8 | StatusWord(b[n+1])}, nil
}

// Send sends c and returns the whole answer with its last status word. It
// fails only when t fails, whose error it wraps, when the answer is malformed
// or too long, or when c has no encoding. A chain ends at the first status
// word that is not Success, which is then the answer.
func Send(t Transmitter, c Command, mode Mode) (Response, error) {
	encoding := Short
	if mode == OneExtended && (len(c.Data) > maxShortData || c.Le > maxShortLe) {
		encoding = Extended
	}
	cla := c.CLA
	if encoding == Short {
		for len(c.Data) > maxShortData {
			link := Command{CLA: cla | claChaining, INS: c.INS, P1: c.P1, P2: c.P2, Data: c.Data[:maxShortData]}
			r, err := transmit(t, link, Short, mode)
			if err != nil || r.Status != Success {
				return r, err
			}
			c.Data = c.Data[maxShortData:]
		}
		c.Le = min(c.Le, maxShortLe) // the rest comes with GET RESPONSE
	}
	r, err := exchange(t, c, encoding, mode)
	if err != nil {
		return Response{}, err
	}
	return collect(t, cla, r, mode)
}

// collect fetches what a card holds back with 61xx (ISO 7816-4:2013, 5.3.4).
// Every round must bring at least one byte, so it ends.
func collect(t Transmitter, cla byte, r Response, mode Mode) (Response, error) {
	for r.Status.SW1() == 0x61 {
		get := Command{CLA: cla, INS: InsGetResponse, Le: expected(int(r.Status.SW2()), maxShortLe)}
		next, err := exchange(t, get, Short, mode)
		if err != nil {
			return Response{}, err
		}
		if len(next.Data) == 0 && next.Status.SW1() == 0x61 {
			return Response{}, fmt.Errorf("%w: GET RESPONSE brings nothing", ErrResponse)
		}
		r.Data = append(r.Data, next.Data...)
		r.Status = next.Status
		if len(r.Data) > MaxResponse {
			return Response{}, fmt.Errorf("%w: more than %d bytes", ErrResponse, MaxResponse)
		}
	}
	return r, nil
}

// exchange sends one APDU, and once more with the Le that 6Cxx names. A card
// may ask that only of a command that expects data; anything else is its
// answer, so that no PIN is ever sent twice.
func exchange(t Transmitter, c Command, e Encoding, mode Mode) (Response, error) {
	r, err := transmit(t, c, e, mode)
	if err != nil || r.Status.SW1() != 0x6C || c.Le == 0 {
		return r, err
	}
	c.Le = expected(int(r.Status.SW2()), maxShortLe)
	return transmit(t, c, e, mode)
}

// transmit sends one APDU and clears it.
func transmit(t Transmitter, c Command, e Encoding, mode Mode) (Response, error) {
	if mode == ChainedT0 {
		c = forT0(c)
	}
	command, err := c.Marshal(e)
	if err != nil {
		return Response{}, err
	}
	defer clear(command)
	answer, err := t.Transmit(command)
	if err != nil {
		return Response{}, fmt.Errorf("apdu: transmit INS %02X: %w", c.INS, err)
	}
	if len(answer) > MaxResponse+2 {
		return Response{}, fmt.Errorf("%w: %d bytes in one APDU", ErrResponse, len(answer))
	}
	return ParseResponse(answer)
}

// forT0 makes the one length byte of T=0 come out right: Le is left out after
// data, and a command with neither gets a zero, which is how 256 is written.
func forT0(c Command) Command {
	switch {
	case len(c.Data) > 0:
		c.Le = 0
	case c.Le == 0:
		c.Le = maxShortLe
	}
	return c
}
