package benchmark

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"errors"
	"fmt"
	"io"

	"mobileid/mdoc/apdu"
	"mobileid/tsm/cmac"
	"mobileid/tsm/scp03"
)

// elementKeys is a key set and its state in memory.
type elementKeys struct {
	keys  scp03.Keys
	state scp03.SetState
}

func (k *elementKeys) KeySet(byte) (scp03.Keys, error)              { return k.keys, nil }
func (k *elementKeys) SetState(byte) (scp03.SetState, error)        { return k.state, nil }
func (k *elementKeys) StoreSetState(_ byte, s scp03.SetState) error { k.state = s; return nil }

// fixed is randomness that does not change, so that a session can be opened a second time with the same keys.
type fixed byte

func (f fixed) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = byte(f)
	}
	return len(p), nil
}

const (
	hostChallenge fixed = 0x0C
	cardChallenge fixed = 0x0D
)

// secureChannel is a card whose sessions are all alike, with the two commands that open one.
type secureChannel struct {
	keys             scp03.Keys
	card             *scp03.Card
	update, external apdu.Command
	host             *scp03.HostSession
}

func newSecureChannel(random io.Reader) (*secureChannel, error) {
	master := make([]byte, 16)
	if _, err := io.ReadFull(random, master); err != nil {
		return nil, err
	}
	id := []byte("an element")
	c := &secureChannel{}
	var err error
	if c.keys, err = scp03.Diversify(master, id, 0x30); err != nil {
		return nil, err
	}
	c.card, err = scp03.NewCard(scp03.CardConfig{Keys: &elementKeys{keys: c.keys}, KDD: id, Option: scp03.OptionRandom, Rand: cardChallenge})
	if err != nil {
		return nil, err
	}
	host, err := scp03.NewHost(c.keys, hostChallenge)
	if err != nil {
		return nil, err
	}
	c.update = host.InitializeUpdate()
	c.external, c.host, err = host.Authenticate(c.card.InitializeUpdate(c.update, nil), scp03.Full)
	return c, err
}

// open gives the card's end of a session, begun anew.
func (c *secureChannel) open() (*scp03.CardSession, error) {
	if r := c.card.InitializeUpdate(c.update, nil); r.SW != apdu.OK {
		return nil, fmt.Errorf("beginning a session: %w", r.Err())
	}
	r, s := c.card.ExternalAuthenticate(c.external)
	if s == nil {
		return nil, fmt.Errorf("opening a session: %w", r.Err())
	}
	return s, nil
}

// channelPair runs a command of 239 bytes and its answer of as many through both ends at level 33, over the AES blocks that
// takes.
func channelPair(ctx context.Context, h harness, _ *world, p *printer) error {
	c, err := newSecureChannel(rand.Reader)
	if err != nil {
		return err
	}
	card, err := c.open()
	if err != nil {
		return err
	}
	if err := c.host.Opened(apdu.Response{SW: apdu.OK}); err != nil {
		return err
	}
	command := apdu.Command{CLA: 0x80, INS: 0xE2, Data: make([]byte, scp03.MaxShortData)}
	buffers := make([]byte, 4*256)
	pair := func() error {
		wrapped, ticket, err := c.host.AppendWrap(buffers[0:0:256], command)
		if err != nil {
			return err
		}
		plain, err := card.AppendUnwrap(buffers[256:256:512], wrapped)
		if err != nil {
			return err
		}
		answer := card.AppendWrap(buffers[512:512:768], apdu.Response{Data: plain.Data, SW: apdu.OK})
		data, err := c.host.AppendUnwrap(buffers[768:768:1024], ticket, answer)
		if err == nil && len(data.Data) != len(command.Data) {
			err = errors.New("another answer came back")
		}
		return err
	}
	floor, err := channelBlocks()
	if err != nil {
		return err
	}
	m, err := h.compare(ctx, pair, floor)
	if err != nil {
		return err
	}
	const many = 100
	allocations, _, err := memory(16, func() error {
		for range many {
			if err := pair(); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	p.comment("a command and an answer of %d bytes through both ends of the secure channel %s, its AES blocks bare %s", scp03.MaxShortData, m.function, m.floor)
	p.ratio("scp03_pair_over_floor", m.ratio)
	p.count("scp03_pair_allocs", (allocations+many-1)/many)
	return nil
}

// channelBlocks does what the pair cannot do without, 132 AES blocks of the standard library: for the command and for the
// answer two initial vectors, 240 bytes encrypted and decrypted, and the 272 bytes of a MAC twice.
func channelBlocks() (func() error, error) {
	block, err := aes.NewCipher([]byte("sixteen bytes in"))
	if err != nil {
		return nil, err
	}
	vector, body, message := make([]byte, aes.BlockSize), make([]byte, 240), make([]byte, 272)
	encrypter, decrypter := cipher.NewCBCEncrypter(block, vector), cipher.NewCBCDecrypter(block, vector) //nolint:gosec // a floor to measure against, not a message
	return func() error {
		for range 2 {
			block.Encrypt(vector, vector)
			encrypter.CryptBlocks(body, body)
			encrypter.CryptBlocks(message, message)
			encrypter.CryptBlocks(message, message)
			block.Encrypt(vector, vector)
			decrypter.CryptBlocks(body, body)
		}
		return nil
	}, nil
}

// channelFaults runs a command with a wrong MAC against one with a right MAC and wrong padding, which only who has the keys
// can make: the card must not take longer for one of them. Each ends a session; opening it is not measured.
func channelFaults(ctx context.Context, h harness, _ *world, p *printer) error {
	h = h.withAside()
	h.batch, h.rounds = h.batch/8, 2*h.rounds // the sessions of a batch take ten times its time
	c, err := newSecureChannel(rand.Reader)
	if err != nil {
		return err
	}
	padding, err := c.wrongPadding()
	if err != nil {
		return err
	}
	mac := padding
	mac.Data = append([]byte(nil), padding.Data...)
	mac.Data[len(mac.Data)-1] ^= 1
	m, err := h.compare(ctx, c.fault(h, mac), c.fault(h, padding))
	if err != nil {
		return err
	}
	p.comment("a command refused for its MAC %s, for its padding behind a right MAC %s", m.function, m.floor)
	p.ratio("scp03_fault_mac_over_padding", m.ratio)
	return nil
}

// wrongPadding makes the first command of a session, of 240 bytes that end in no padding.
func (c *secureChannel) wrongPadding() (apdu.Command, error) {
	var context [16]byte
	_, _ = hostChallenge.Read(context[:8])
	_, _ = cardChallenge.Read(context[8:])
	sENC, err := scp03.KDF(c.keys.ENC, 0x04, context[:], len(c.keys.ENC))
	if err != nil {
		return apdu.Command{}, err
	}
	sMAC, err := scp03.KDF(c.keys.MAC, 0x06, context[:], len(c.keys.MAC))
	if err != nil {
		return apdu.Command{}, err
	}
	block, err := aes.NewCipher(sENC)
	if err != nil {
		return apdu.Command{}, err
	}
	vector, body := make([]byte, aes.BlockSize), make([]byte, 240)
	vector[15] = 1
	block.Encrypt(vector, vector)
	for i := range body {
		body[i] = 0x55
	}
	cipher.NewCBCEncrypter(block, vector).CryptBlocks(body, body)
	e := c.external
	chaining, err := cmac.Sum(sMAC, append(append(make([]byte, 16), e.CLA, e.INS, e.P1, e.P2, 16), e.Data[:8]...))
	if err != nil {
		return apdu.Command{}, err
	}
	out := apdu.Command{CLA: 0x84, INS: 0xE2}
	tag, err := cmac.Sum(sMAC, append(append(chaining[:], out.CLA, out.INS, out.P1, out.P2, byte(len(body)+8)), body...))
	out.Data = append(body, tag[:8]...)
	return out, err
}

// fault gives a function that has one command refused, by a session that was opened aside.
func (c *secureChannel) fault(h harness, command apdu.Command) func() error {
	var sessions []*scp03.CardSession
	buffer := make([]byte, 0, 256)
	return func() error {
		if len(sessions) == 0 {
			if err := h.without(func() (err error) { sessions, err = c.openMany(64); return err }); err != nil {
				return err
			}
		}
		s := sessions[len(sessions)-1]
		sessions = sessions[:len(sessions)-1]
		if _, err := s.AppendUnwrap(buffer, command); !errors.Is(err, apdu.ErrSecurityStatus) || s.Open() {
			return errors.New("a faulty command was taken")
		}
		return nil
	}
}

func (c *secureChannel) openMany(n int) ([]*scp03.CardSession, error) {
	out := make([]*scp03.CardSession, 0, n)
	for range n {
		s, err := c.open()
		if err != nil {
			return nil, err
		}
		out = append(out, s)
	}
	return out, nil
}
