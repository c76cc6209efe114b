package card

import (
	"context"
	"crypto"
	"errors"
	"fmt"
	"slices"

	"mobileid/mdoc/apdu"
)

// ClientOptions say how a Client talks.
type ClientOptions struct {
	// Extended reads with extended-length commands, until the reader or the card refuses one.
	Extended bool
	// SpendLastTry lets a secret be sent although one try is left. Without it that is ErrLastTry.
	SpendLastTry bool
}

// A Client talks to one My Number card or phone token. It sends nothing but what it is told: no secret is sent twice, and none is
// kept. Every operation is bounded to 1024 exchanges, and each exchange by its context.
//
// The card forgets which secrets were presented in an application when another is selected; operations on files of one application
// therefore belong together. After ErrCardGone or ErrCardSilent the Client is of no more use. It is not safe for concurrent use.
type Client struct {
	channel
	budget  *budget
	options ClientOptions
	current Application
	token   TokenInformation
	kind    Kind
	gone    error
}

// Connect selects JPKI-AP, proves by its token label which application answered (a SELECT alone may have matched a prefix) and
// gives a Client. It refuses what is no My Number card, and a 住基カード with ErrOldCard; a phone is taken.
func Connect(ctx context.Context, t apdu.Transmitter, o ClientOptions) (*Client, error) {
	c := newClient(t, o)
	if err := c.done(c.identify(ctx)); err != nil {
		return nil, fmt.Errorf("connecting to the card: %w", err)
	}
	return c, nil
}

func newClient(t apdu.Transmitter, o ClientOptions) *Client {
	b := &budget{t, maxExchanges}
	return &Client{channel: channel{t: b, extended: o.Extended}, budget: b, options: o}
}

func (c *Client) identify(ctx context.Context) error {
	if err := c.enter(ctx, JPKI); err != nil {
		return notFoundIsAnotherCard(err)
	}
	file, err := c.readWhole(ctx, TokenFile)
	if err != nil {
		return err
	}
	if c.token, err = ParseTokenInformation(file); err != nil {
		return fmt.Errorf("%w: %w", ErrNotMyNumberCard, err)
	}
	c.kind, err = c.token.Kind()
	return err
}

// enter selects an application unless it is the current one.
func (c *Client) enter(ctx context.Context, a Application) error {
	if c.current == a {
		return nil
	}
	if a != JPKI && c.kind.Phone() {
		return ErrPhone
	}
	c.current = 0
	if err := c.selectName(ctx, a.AID()); err != nil {
		return fmt.Errorf("selecting the %v application: %w", a, err)
	}
	c.current = a
	return nil
}

// begin opens an operation, and done ends it: a card that went away stays away, so that no other is taken for it.
func (c *Client) begin() error {
	c.budget.left = maxExchanges
	return c.gone
}

func (c *Client) done(err error) error {
	if errors.Is(err, ErrCardGone) || errors.Is(err, ErrCardSilent) || errors.Is(err, context.Canceled) {
		c.gone = err
	}
	return err
}

// Kind tells what kind of token it is.
func (c *Client) Kind() Kind { return c.kind }

// Token is what JPKI-AP says of the token.
func (c *Client) Token() TokenInformation { return c.token }

// ReadFile reads a file. A data object comes without the filler behind it, the individual number with it, because a digest covers
// that; of a record file it is record 1. A file that a secret opens must have been opened with Verify, without another application
// in between: the error is an *AccessError otherwise.
func (c *Client) ReadFile(ctx context.Context, id FileID) ([]byte, error) {
	if err := c.begin(); err != nil {
		return nil, err
	}
	content, err := c.readFile(ctx, id)
	return content, c.done(err)
}

func (c *Client) readFile(ctx context.Context, id FileID) (content []byte, err error) {
	ends, ok := id.fileForm()
	if !ok {
		return nil, fmt.Errorf("reading %v: no file that can be read", id)
	}
	if err := c.enter(ctx, id.Application()); err != nil {
		return nil, err
	}
	content, err = c.readForm(ctx, id, ends)
	if s, ok := errors.AsType[*apdu.StatusError](err); ok && s.SW == apdu.WrongFileType && id == CommonKeyIDFile {
		content, err = c.readForm(ctx, id, formRecord) // which of the two it is, is not public
	}
	return content, c.closed(id, err)
}

func (c *Client) readForm(ctx context.Context, id FileID, ends form) ([]byte, error) {
	switch ends {
	case formWhole:
		return c.readWhole(ctx, id)
	case formRecord:
		return c.readRecord(ctx, id)
	default:
		return c.readObject(ctx, id)
	}
}

// closed names the secrets that would have opened a file or key.
func (c *Client) closed(id FileID, err error) error {
	if !errors.Is(err, apdu.ErrSecurityStatus) {
		return err
	}
	e := &AccessError{File: id, Err: err}
	for _, f := range id.OpenedBy(c.kind) {
		name, _ := f.Secret()
		e.Secrets = append(e.Secrets, name)
	}
	return e
}

// PINStatus tells the state of secrets without spending a try; without arguments, of all the token may have. An application that is
// not on the card gives SecretAbsent.
func (c *Client) PINStatus(ctx context.Context, secrets ...FileID) ([]PINStatus, error) {
	if err := c.begin(); err != nil {
		return nil, err
	}
	if len(secrets) == 0 {
		secrets = SecretFiles(c.kind)
	}
	var all []PINStatus
	for _, f := range secrets {
		p, err := c.pinStatus(ctx, f)
		if err != nil {
			return nil, c.done(err)
		}
		all = append(all, p)
	}
	return all, nil
}

func (c *Client) pinStatus(ctx context.Context, f FileID) (PINStatus, error) {
	if _, ok := f.Secret(); !ok {
		return PINStatus{}, fmt.Errorf("asking for the tries of %v: it holds no secret", f)
	}
	if err := c.enter(ctx, f.Application()); err != nil {
		if s, ok := errors.AsType[*apdu.StatusError](err); ok {
			return newPINStatus(f, s.SW), nil
		}
		return PINStatus{}, err
	}
	return c.tries(ctx, f)
}

// Verify presents a secret, once. Its form is checked first, then the tries left are asked for: the last one is sent only with
// SpendLastTry. The error is a *SecretError when it is about the secret.
func (c *Client) Verify(ctx context.Context, secret FileID, value string) error {
	if err := c.begin(); err != nil {
		return err
	}
	name, _ := secret.Secret()
	value, err := name.normalize(value)
	if err != nil {
		return err
	}
	return c.done(c.open(ctx, secret, value))
}

func (c *Client) open(ctx context.Context, secret FileID, value string) error {
	if err := c.enter(ctx, secret.Application()); err != nil {
		return err
	}
	return c.verify(ctx, secret, value, c.options.SpendLastTry)
}

// Change verifies the old value and puts the new one in its place. Both forms are checked before anything is sent; a new signature
// password must have a letter and a digit. A new value that the card refuses leaves the old one in force.
func (c *Client) Change(ctx context.Context, secret FileID, old, replacement string) error {
	if err := c.begin(); err != nil {
		return err
	}
	name, _ := secret.Secret()
	replacement, err := name.normalizeNew(replacement)
	if err != nil {
		return fmt.Errorf("the new value: %w", err)
	}
	if old, err = name.normalize(old); err != nil {
		return fmt.Errorf("the old value: %w", err)
	}
	if err := c.done(c.open(ctx, secret, old)); err != nil {
		return err
	}
	if err := c.done(c.change(ctx, secret, replacement)); err != nil {
		return fmt.Errorf("changing the %s: %w", name, err)
	}
	return nil
}

// Sign signs a digest with AuthenticationKey or SignatureKey by RSASSA-PKCS1-v1_5 (RFC 8017, 8.2), hash being SHA-256, SHA-384 or
// SHA-512. The secret of the key must have been presented with Verify.
func (c *Client) Sign(ctx context.Context, key FileID, hash crypto.Hash, digest []byte) ([]byte, error) {
	if err := c.begin(); err != nil {
		return nil, err
	}
	prefix, ok := digestInfoPrefix(hash)
	if key != AuthenticationKey && key != SignatureKey || !ok || len(digest) != hash.Size() {
		return nil, errors.New("signing: no key for it, or no digest of this hash")
	}
	if err := c.enter(ctx, JPKI); err != nil {
		return nil, c.done(err)
	}
	signature, err := c.sign(ctx, key, append([]byte(prefix), digest...))
	if err != nil {
		return nil, c.done(fmt.Errorf("signing: %w", c.closed(key, err)))
	}
	return signature, nil
}

// Prove lets the chip prove its presence (active authentication): 補助AP, 券面AP or 共通カードAP signs SHA-256 of the challenge with a
// key that never leaves it. For 共通カードAP this is INTERNAL AUTHENTICATE, whose public key is not on the card; for the others the
// public key stands in signed records: DF51 of AttributesKeyFile; DF12, DF24 and DF42 of AgeFile, FaceFile and NumberImageFile.
func (c *Client) Prove(ctx context.Context, a Application, challenge []byte) ([]byte, error) {
	if err := c.begin(); err != nil {
		return nil, err
	}
	if len(challenge) < MinChallenge || len(challenge) > MaxChallenge {
		return nil, fmt.Errorf("proving the presence of the card: challenge of %d bytes, want %d to %d", len(challenge), MinChallenge, MaxChallenge)
	}
	proof, err := c.prove(ctx, a, challenge)
	return proof, c.done(err)
}

func (c *Client) prove(ctx context.Context, a Application, challenge []byte) (proof []byte, err error) {
	if !slices.Contains([]Application{Attributes, Face, Common}, a) {
		return nil, fmt.Errorf("proving the presence of the %v application: it has no key for that", a)
	}
	if err := c.enter(ctx, a); err != nil {
		return nil, err
	}
	if a == Common {
		proof, err = c.internalAuthenticate(ctx, challenge)
	} else {
		proof, err = c.signature(ctx, apdu.Command{CLA: 0x80, INS: 0x2A, Data: digestInfo(challenge), Le: apdu.MaxShortLe})
	}
	if err != nil {
		return nil, fmt.Errorf("proving the presence of the %v application: %w", a, err)
	}
	return proof, nil
}

// Challenge is GET CHALLENGE: n random bytes of the card, 1 to 256.
func (c *Client) Challenge(ctx context.Context, n int) ([]byte, error) {
	if err := c.begin(); err != nil {
		return nil, err
	}
	if n < 1 || n > apdu.MaxShortLe {
		return nil, fmt.Errorf("asking the card for a challenge: %d bytes", n)
	}
	b, err := c.do(ctx, apdu.Command{INS: 0x84, Le: n})
	if err == nil && len(b) != n {
		err = fmt.Errorf("%d bytes for %d: %w", len(b), n, ErrCardAnswer)
	}
	if err != nil {
		return nil, c.done(fmt.Errorf("asking the card for a challenge: %w", err))
	}
	return append([]byte(nil), b...), nil
}
