package card

import (
	"context"
	"fmt"
	"slices"

	"mobileid/mdoc/apdu"
)

// Options of one reading.
type Options struct {
	// WithIndividualNumber also reads the individual number. The holder must have agreed to that in a step of its own.
	WithIndividualNumber bool
	// WithSignatureCA also reads the signature CA certificate; an issuer has its own roots and needs it not.
	WithSignatureCA bool
	// Challenge is the issuer's, MinChallenge to MaxChallenge bytes.
	Challenge []byte
	// Binding is what the evidence is for, the identifier of the secure element: 1 to MaxChallenge bytes.
	Binding []byte
	// Extended reads with extended-length commands. Where the reader or the card refuses them, short ones are used.
	Extended bool
	// SpendLastTry lets a secret be sent although one try is left. Without it Read returns ErrLastTry.
	SpendLastTry bool
}

// Read takes a whole reading from the card behind t: JPKI-AP (is this a My Number card?), 補助AP, 券面AP, and JPKI-AP again
// for the certificate and the signature over the Statement. No secret is sent twice: a wrong one ends the reading with a
// *SecretError, a card pulled away with ErrCardGone, and nothing of it is kept. The context bounds every exchange.
//
// The Reading is not checked here; that is the issuer's [Check], and [Reading.Inspect] for what the reading side can see itself.
func Read(ctx context.Context, t apdu.Transmitter, s Secrets, o Options) (*Reading, error) {
	if err := checkChallenge(o.Challenge, o.Binding); err != nil {
		return nil, fmt.Errorf("reading the card: %w", err)
	}
	s, err := s.normalized()
	if err != nil {
		return nil, fmt.Errorf("reading the card: %w", err)
	}
	rd := reader{
		Client: newClient(t, ClientOptions{Extended: o.Extended, SpendLastTry: o.SpendLastTry}), secrets: s, with: o,
		reading: &Reading{Challenge: slices.Clone(o.Challenge), Binding: slices.Clone(o.Binding)},
	}
	for _, step := range []func(context.Context) error{rd.begins, rd.attributes, rd.face, rd.state} {
		if err := step(ctx); err != nil {
			return nil, fmt.Errorf("reading the card: %w", err)
		}
	}
	return rd.reading, nil
}

// reader is one run of Read, within one budget of exchanges.
type reader struct {
	*Client
	secrets Secrets
	with    Options
	reading *Reading
}

func (rd *reader) read(ctx context.Context, ids ...FileID) error {
	for _, id := range ids {
		content, err := rd.readFile(ctx, id)
		if err != nil {
			return err
		}
		files := rd.reading.Files
		at, _ := slices.BinarySearchFunc(files, id, func(f File, id FileID) int { return int(f.ID) - int(id) })
		rd.reading.Files = slices.Insert(files, at, File{ID: id, Content: content})
	}
	return nil
}

func (rd *reader) begins(ctx context.Context) error {
	if err := rd.identify(ctx); err != nil {
		return err
	}
	if rd.Kind().Phone() {
		return ErrPhone
	}
	return rd.read(ctx, AuthenticationCertificate)
}

func (rd *reader) attributes(ctx context.Context) (err error) {
	if err := rd.open(ctx, AttributesPINFile, rd.secrets.AttributePIN); err != nil {
		return err
	}
	if rd.with.WithIndividualNumber {
		if err := rd.read(ctx, NumberFile); err != nil {
			return err
		}
	}
	if err := rd.read(ctx, AttributesFile, IntegrityFile, AttributesCVFile, AttributesKeyFile); err != nil {
		return err
	}
	rd.reading.AttributesProof, err = rd.prove(ctx, Attributes, rd.reading.Challenge)
	return err
}

func (rd *reader) face(ctx context.Context) (err error) {
	if err := rd.open(ctx, FaceNumberBFile, rd.secrets.NumberB); err != nil {
		return err
	}
	if err := rd.read(ctx, FaceFile, BasicFile, FaceCVFile); err != nil {
		return err
	}
	rd.reading.FaceProof, err = rd.prove(ctx, Face, rd.reading.Challenge)
	return err
}

// state comes last: the statement covers every file, the signature certificate included.
func (rd *reader) state(ctx context.Context) error {
	if err := rd.open(ctx, SignaturePasswordFile, rd.secrets.SignaturePassword); err != nil {
		return err
	}
	if err := rd.read(ctx, SignatureCertificate); err != nil {
		return err
	}
	if rd.with.WithSignatureCA {
		if err := rd.read(ctx, SignatureCA); err != nil {
			return err
		}
	}
	r := rd.reading
	signature, err := rd.sign(ctx, SignatureKey, digestInfo(Statement(r.Challenge, r.Binding, r.Files)))
	if err != nil {
		return fmt.Errorf("signing the statement: %w", err)
	}
	r.Signature = signature
	return nil
}
