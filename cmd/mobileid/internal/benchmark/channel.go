package benchmark

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"time"

	"mobileid/mdoc/apdu"
	"mobileid/tsm/cmac"
	"mobileid/tsm/diversify"
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

func newSecureChannel(ctx context.Context, random io.Reader) (*secureChannel, error) {
	master := make([]byte, 16)
	if _, err := io.ReadFull(random, master); err != nil {
		return nil, err
	}
	id := []byte("an element")
	c := &secureChannel{}
	var err error
	if c.keys, err = diversify.KDF3(ctx, diversify.Memory(master), id, len(master), 0x30); err != nil {
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
	c, err := newSecureChannel(ctx, rand.Reader)
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
// can make: the card must not take longer for one of them. Each ends a session, which is opened before its time is taken.
func channelFaults(ctx context.Context, h harness, _ *world, p *printer) error {
	c, err := newSecureChannel(ctx, rand.Reader)
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
	const pairs = 200 // in a round
	var times [2][]time.Duration
	for i := range h.rounds * pairs {
		if err := ctx.Err(); err != nil {
			return err
		}
		first := i % 2 // in turns, so that neither is always the one that warms the other up
		for k := range times {
			which := (first + k) % 2
			took, err := c.fault(h, [...]apdu.Command{mac, padding}[which])
			if err != nil {
				return err
			}
			times[which] = append(times[which], took)
		}
	}
	macTook, paddingTook := median(times[0]), max(1, median(times[1]))
	p.comment("a command refused for its MAC %s, for its padding behind a right MAC %s, medians of %d pairs", macTook, paddingTook, len(times[0]))
	p.ratio("scp03_fault_mac_over_padding", float64(macTook)/float64(paddingTook))
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

// fault has one command refused by a session of its own, and takes the time of that.
func (c *secureChannel) fault(h harness, command apdu.Command) (time.Duration, error) {
	s, err := c.open()
	if err != nil {
		return 0, err
	}
	var buffer [256]byte
	begun := h.clock()
	_, err = s.AppendUnwrap(buffer[:0], command)
	took := h.clock().Sub(begun)
	if !errors.Is(err, apdu.ErrSecurityStatus) || s.Open() {
		return 0, errors.New("a faulty command was taken")
	}
	return took, nil
}
