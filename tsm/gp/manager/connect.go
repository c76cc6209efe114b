package manager

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"

	"mobileid/mdoc/apdu"
	"mobileid/tsm/gp"
	"mobileid/tsm/scp03"
)

var (
	// ErrNoDomain says that no security domain answered SELECT: the card is not one of GlobalPlatform, or it is terminated.
	ErrNoDomain = errors.New("no security domain on the card")
	// ErrHostRefused says that the card does not accept our cryptogram, though it proved the keys.
	ErrHostRefused = errors.New("card refuses the host's cryptogram")
	// ErrBlocked says that the card has blocked the key set after failed authentications.
	ErrBlocked = errors.New("key set blocked on the card")
	// ErrNoKeySet says that the card has no key set of the version asked for.
	ErrNoKeySet = errors.New("card has no key set of this version")
	// ErrOtherCard says that the keys were made for another card than the one that answered.
	ErrOtherCard = errors.New("card tells other diversification data than before")
	// ErrOtherDomain says that another security domain answered SELECT than the one asked for, or that no domain was named and
	// the one that answered has no issuer security domain's AID.
	ErrOtherDomain = errors.New("another security domain answered")
)

// isds are the AIDs issuer security domains have; no AID at all asks for the one there is.
func isds() []gp.AID {
	return []gp.AID{"", gp.ISD, "\xA0\x00\x00\x00\x03\x00\x00\x00", "\xA0\x00\x00\x00\x18\x43\x4D\x00"}
}

// Options of Connect. The zero value is the issuer security domain at level 33.
type Options struct {
	// Domain is the security domain to talk to, its whole AID; empty means the issuer's, if that has one of the usual AIDs.
	Domain gp.AID
	// Level is the security level; 0 means scp03.Full.
	Level scp03.Level
	// Mode is the size of challenges and MACs; 0 is S8, and S16 where the card wants that.
	Mode scp03.Mode
	// Rand is the source of the host challenge; nil means crypto/rand.
	Rand io.Reader
}

// A Session is an open secure channel with a security domain. It is for one goroutine.
type Session struct {
	t          apdu.Transmitter
	channel    *scp03.HostSession
	dek        []byte
	fci        gp.FCI
	cardLocked bool
}

// Connect selects the security domain, authenticates both ways and gives the session. Nothing is tried twice: a second
// wrong authentication is one nearer to a blocked card.
//
// SELECT and its answer are under no MAC, and a new domain has the keys of the one above it: the challenge of a card that
// derives it shows which domain answers, and one of another domain is refused with scp03.ErrChallenge. A card whose
// challenge is random shows nothing of the kind.
func Connect(ctx context.Context, t apdu.Transmitter, keys Keys, o Options) (*Session, error) {
	s := &Session{t: t}
	var err error
	if s.fci, s.cardLocked, err = selectDomain(ctx, t, o.Domain); err != nil {
		return nil, fmt.Errorf("connecting: %w", err)
	}
	if !meant(s.fci.AID, o.Domain) {
		return nil, fmt.Errorf("connecting: %s: %w", s.fci.AID, ErrOtherDomain)
	}
	var asked []byte
	set, err := keys(ctx, func() ([]byte, error) {
		var err error
		asked, err = diversification(ctx, t)
		return asked, err
	})
	if err != nil {
		return nil, fmt.Errorf("connecting: %w", err)
	}
	defer set.Erase()
	if err := s.authenticate(ctx, set, asked, o); err != nil {
		return nil, fmt.Errorf("connecting: %w", err)
	}
	s.dek = bytes.Clone(set.DEK)
	return s, nil
}

// selectDomain selects the security domain, and tells whether the card is locked.
func selectDomain(ctx context.Context, t apdu.Transmitter, aid gp.AID) (gp.FCI, bool, error) {
	candidates := isds()
	if aid != "" {
		candidates = []gp.AID{aid}
	}
	var last error
	for _, aid := range candidates {
		r, err := apdu.Exchange(ctx, t, gp.Select(aid))
		if err != nil {
			return gp.FCI{}, false, fmt.Errorf("SELECT: %w", err)
		}
		if r.SW != apdu.OK && r.SW != apdu.WarnCardLocked {
			last = r.Err()
			continue
		}
		f, err := gp.ParseFCI(r.Data)
		if err != nil && aid == "" {
			last = err // whatever is selected by default, it is no security domain
			continue
		}
		return f, r.SW == apdu.WarnCardLocked, err
	}
	return gp.FCI{}, false, fmt.Errorf("SELECT: %w: %w", ErrNoDomain, last)
}

// meant tells whether a domain is the one asked for.
func meant(got, asked gp.AID) bool {
	if asked != "" {
		return got == asked
	}
	return got != "" && slices.Contains(isds(), got)
}

// diversification asks for the key diversification data.
func diversification(ctx context.Context, t apdu.Transmitter) ([]byte, error) {
	r, err := apdu.Exchange(ctx, t, gp.GetData(gp.DataDiversification))
	if err != nil {
		return nil, fmt.Errorf("GET DATA: %w", err)
	}
	if r.SW != apdu.OK {
		return nil, fmt.Errorf("%w: %w", ErrNoKDD, r.Err())
	}
	return gp.ParseDiversification(r.Data)
}

// authenticate opens the secure channel.
func (s *Session) authenticate(ctx context.Context, keys scp03.Keys, asked []byte, o Options) error {
	if o.Level == 0 {
		o.Level = scp03.Full
	}
	host, r, err := s.initializeUpdate(ctx, keys, o)
	if err != nil {
		return err
	}
	if r.SW == apdu.OK && asked != nil && !bytes.HasPrefix(r.Data, asked) {
		return ErrOtherCard // before its keys are tried
	}
	external, channel, err := host.Authenticate(r, o.Level)
	if err != nil {
		return fmt.Errorf("INITIALIZE UPDATE: %w", refusal(r.SW, err))
	}
	if r, err = apdu.Exchange(ctx, s.t, external); err == nil {
		err = channel.Opened(r)
	}
	if err != nil {
		channel.Close()
		return fmt.Errorf("EXTERNAL AUTHENTICATE: %w", refusal(r.SW, err))
	}
	s.channel = channel
	return nil
}

// initializeUpdate begins the handshake. A card that finds the challenge too short is asked once more with 16 bytes: no
// keys have been tried by then.
func (s *Session) initializeUpdate(ctx context.Context, keys scp03.Keys, o Options) (*scp03.Host, apdu.Response, error) {
	cfg := scp03.HostConfig{Mode: o.Mode, Rand: o.Rand, AID: []byte(s.fci.AID)}
	for {
		host, err := scp03.NewHostWith(keys, cfg)
		if err != nil {
			return nil, apdu.Response{}, err
		}
		r, err := apdu.Exchange(ctx, s.t, host.InitializeUpdate())
		if err != nil {
			return nil, apdu.Response{}, fmt.Errorf("INITIALIZE UPDATE: %w", err)
		}
		if r.SW != apdu.WrongLength || cfg.Mode != 0 {
			return host, r, nil
		}
		cfg.Mode = scp03.S16
	}
}

// refusal names what a status word of the handshake means.
func refusal(sw apdu.SW, err error) error {
	for _, known := range []struct {
		sw   apdu.SW
		name error
	}{{apdu.ReferenceNotFound, ErrNoKeySet}, {apdu.Blocked, ErrBlocked}, {apdu.WarnChanged, ErrHostRefused}} {
		if sw == known.sw {
			return fmt.Errorf("%w: %w", known.name, err)
		}
	}
	return err
}

// Card is what the card told at the handshake.
func (s *Session) Card() scp03.CardInfo { return s.channel.Card() }

// Domain is the security domain of the session, and CardLocked whether SELECT said that the card is locked.
func (s *Session) Domain() gp.AID { return s.fci.AID }

// CardLocked tells whether SELECT said that the card is locked.
func (s *Session) CardLocked() bool { return s.cardLocked }

// Close drops the session's keys. The card forgets its own at the next SELECT.
func (s *Session) Close() {
	s.channel.Close()
	clear(s.dek)
}

// Transmit sends one plain command through the secure channel. Every status word is a result. A fault of the channel ends
// the session, and so does an answer that is missing: the card may have carried the command out, or not.
func (s *Session) Transmit(ctx context.Context, c apdu.Command) (apdu.Response, error) {
	r, err := s.channel.Exchange(ctx, s.t, c)
	if err != nil && !errors.Is(err, apdu.ErrTooLong) {
		s.Close()
	}
	return r, err
}

// do sends a command that must be answered with 9000.
func (s *Session) do(ctx context.Context, name string, c apdu.Command) (apdu.Response, error) {
	r, err := s.Transmit(ctx, c)
	if err == nil {
		err = r.Err()
	}
	if err != nil {
		return apdu.Response{}, fmt.Errorf("%s: %w", name, err)
	}
	return r, nil
}

// blockSize is how much plain data one short command takes: what fits beside its protection, or less if the card says so.
func (s *Session) blockSize() int {
	room := s.channel.MaxData(false)
	if n := s.fci.MaxData; n > 0 && n < apdu.MaxShortLc {
		const block = 16
		mac := int(s.Card().Option.Mode())
		return max(min(room, (n-mac)/block*block-1), 1)
	}
	return min(room, gp.BlockSize)
}
