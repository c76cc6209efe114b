package card

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"mobileid/mdoc/apdu"
)

// The token information (JPKI-AP 0006) begins with a label of 32 characters; phones and the older 住基カード have others.
const (
	tokenLabelCard  = "JPKIAPICCTOKEN2"
	tokenLabelBytes = 32
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
	// Extended reads with extended-length commands. Not every reader passes them on; short ones always work.
	Extended bool
	// SpendLastTry lets a secret be sent although one try is left. Without it Read returns ErrLastTry.
	SpendLastTry bool
}

// Read takes a whole reading from the card behind t: JPKI-AP (is this a My Number card?), 補助AP, 券面AP, and JPKI-AP again
// for the certificate and the signature over the Statement. Nothing is retried: a wrong secret ends the reading with a
// *SecretError, a card pulled away with the transmitter's error. The context bounds every exchange.
//
// The Reading is not checked here; that is the issuer's [Check].
func Read(ctx context.Context, t apdu.Transmitter, s Secrets, o Options) (*Reading, error) {
	if err := checkChallenge(o.Challenge, o.Binding); err != nil {
		return nil, fmt.Errorf("reading the card: %w", err)
	}
	s, err := s.normalized()
	if err != nil {
		return nil, fmt.Errorf("reading the card: %w", err)
	}
	rd := reader{
		channel: channel{t: &budget{t, maxExchanges}, extended: o.Extended}, secrets: s, options: o,
		reading: &Reading{Challenge: slices.Clone(o.Challenge), Binding: slices.Clone(o.Binding)},
	}
	for _, step := range []func(context.Context) error{rd.identify, rd.attributes, rd.face, rd.state} {
		if err := step(ctx); err != nil {
			return nil, fmt.Errorf("reading the card: %w", err)
		}
	}
	return rd.reading, nil
}

// reader is one run of Read.
type reader struct {
	channel
	secrets Secrets
	options Options
	reading *Reading
}

func (rd *reader) add(id FileID, content []byte) {
	at, _ := slices.BinarySearchFunc(rd.reading.Files, id, func(f File, id FileID) int { return int(f.ID) - int(id) })
	rd.reading.Files = slices.Insert(rd.reading.Files, at, File{ID: id, Content: content})
}

func (rd *reader) read(ctx context.Context, ids ...FileID) error {
	for _, id := range ids {
		content, err := rd.readObject(ctx, id)
		if err != nil {
			return err
		}
		rd.add(id, content)
	}
	return nil
}

// identify proves by the token label which AP answered: a SELECT alone may have matched a prefix.
func (rd *reader) identify(ctx context.Context) error {
	if err := rd.selectApplication(ctx, JPKI); err != nil {
		if errors.Is(err, apdu.ErrNotFound) {
			return fmt.Errorf("%w: %w", ErrNotMyNumberCard, err)
		}
		return err
	}
	token, err := rd.readSmall(ctx, tokenFile)
	if err != nil {
		return err
	}
	if len(token) < tokenLabelBytes || strings.TrimRight(string(token[:tokenLabelBytes]), " ") != tokenLabelCard {
		return fmt.Errorf("the token label is another: %w", ErrNotMyNumberCard)
	}
	return rd.read(ctx, AuthenticationCertificate)
}

func (rd *reader) attributes(ctx context.Context) error {
	if err := rd.selectApplication(ctx, Attributes); err != nil {
		return err
	}
	if err := rd.verify(ctx, attributesPINFile, AttributePIN, rd.secrets.AttributePIN, rd.options.SpendLastTry); err != nil {
		return err
	}
	if rd.options.WithIndividualNumber {
		number, err := rd.readSmall(ctx, NumberFile)
		if err != nil {
			return err
		}
		rd.add(NumberFile, number)
	}
	if err := rd.read(ctx, AttributesFile, IntegrityFile, AttributesCVFile, AttributesKeyFile); err != nil {
		return err
	}
	proof, err := rd.sign(ctx, applicationKey, rd.reading.Challenge)
	if err != nil {
		return fmt.Errorf("proving the presence of the attributes application: %w", err)
	}
	rd.reading.AttributesProof = proof
	return nil
}

func (rd *reader) face(ctx context.Context) error {
	if err := rd.selectApplication(ctx, Face); err != nil {
		return err
	}
	if err := rd.verify(ctx, numberBReferenceFile, NumberB, rd.secrets.NumberB, rd.options.SpendLastTry); err != nil {
		return err
	}
	if err := rd.read(ctx, FaceFile, BasicFile, FaceCVFile); err != nil {
		return err
	}
	proof, err := rd.sign(ctx, applicationKey, rd.reading.Challenge)
	if err != nil {
		return fmt.Errorf("proving the presence of the card face application: %w", err)
	}
	rd.reading.FaceProof = proof
	return nil
}

// state comes last: the statement covers every file, the signature certificate included.
func (rd *reader) state(ctx context.Context) error {
	if err := rd.selectApplication(ctx, JPKI); err != nil {
		return err
	}
	if err := rd.verify(ctx, signaturePINFile, SignaturePassword, rd.secrets.SignaturePassword, rd.options.SpendLastTry); err != nil {
		return err
	}
	if err := rd.read(ctx, SignatureCertificate); err != nil {
		return err
	}
	if rd.options.WithSignatureCA {
		if err := rd.read(ctx, SignatureCA); err != nil {
			return err
		}
	}
	if err := rd.selectFile(ctx, signatureKeyFile); err != nil {
		return err
	}
	r := rd.reading
	signature, err := rd.sign(ctx, currentKey, Statement(r.Challenge, r.Binding, r.Files))
	if err != nil {
		return fmt.Errorf("signing the statement: %w", err)
	}
	r.Signature = signature
	return nil
}
