package main

import (
	"context"
	"crypto"
	"crypto/sha256"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"mobileid/cmd/internal/phone"
	"mobileid/cmd/internal/terminal"
	"mobileid/cmd/internal/usage"
	"mobileid/issuer/card"
	"mobileid/mdoc/pki"
	"mobileid/tsm/jpkiapplet"
	"mobileid/tsm/se"

	"github.com/spf13/cobra"
)

// errNotEmptied says that a revocation stands and the wipe is still to come.
var errNotEmptied = errors.New("the phone certificates are revoked and not emptied yet")

// maxSigned bounds a file to be signed.
const maxSigned = 1 << 30

// certificateFlags are what the flags of the commands about phone certificates say.
type certificateFlags struct {
	services
	tapped
	state, pinFile, passwordFile string
	key, in, out, certificate    string
	asJSON                       bool
}

func (w *wallet) jpkiCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "jpki",
		Short: "Phone certificates (スマホ用電子証明書): apply, show, sign, change, revoke",
	}
	c.AddCommand(w.jpkiApplyCommand(), w.jpkiShowCommand(), w.jpkiSignCommand(), w.jpkiChangeCommand(), w.jpkiRevokeCommand())
	return c
}

func (a *certificateFlags) pinFlag(c *cobra.Command) {
	c.Flags().StringVar(&a.pinFile, "pin-file", "", "`FILE` with the PIN, 4 digits, mode 0600, or - for a line of standard input")
}

func (a *certificateFlags) passwordFlag(c *cobra.Command) {
	c.Flags().StringVar(&a.passwordFile, "password-file", "", "`FILE` with the signature password, 6 to 16 of A to Z and 0 to 9, mode 0600, or - for a line of standard input")
}

func (w *wallet) jpkiApplyCommand() *cobra.Command {
	var a certificateFlags
	c := &cobra.Command{
		Use:   "apply",
		Short: "Tap a modelled card and have phone certificates put into the secure element",
		Long: `Tap a modelled My Number card of a fictitious person, prove it to the issuer with the card's signature password, let the TSM bring
the certificates, and choose PIN and signature password for the phone. Certificates that are there already are renewed, and their PIN and
password stay unless they are blocked. Those on another phone are revoked if they rest on the same
card; this command models a new card each time, so they stay until "jpki revoke" or the desk ends them.`,
		Example: `  mobileid-wallet jpki apply --state phone.se --authority state --person birthday --pin-file pin --password-file password \
    --issuer http://127.0.0.1:8081 --tsm http://127.0.0.1:8082`,
		Args: usage.AtMost(0),
		RunE: func(c *cobra.Command, _ []string) error { return w.jpkiApply(c.Context(), a) },
	}
	stateFlag(c, &a.state)
	a.services.flags(c)
	a.tapped.flags(c, w.now())
	a.pinFlag(c)
	a.passwordFlag(c)
	return required(c, "state", "issuer", "tsm", "person", "authority", "pin-file", "password-file")
}

func (w *wallet) jpkiApply(ctx context.Context, a certificateFlags) error {
	person, err := a.who(w.now())
	if err != nil {
		return err
	}
	if err := a.services.check(); err != nil {
		return err
	}
	pin, password, err := w.jpkiSecrets(ctx, a)
	if err != nil {
		return err
	}
	chip, err := makeCard(person, authority(a.dir))
	if err != nil {
		return err
	}
	return w.withElement(a.state, func(element *se.SE) error {
		if err := w.apply(ctx, a.phone(element), chip, phone.Application{PhoneCertificates: true}); err != nil {
			return err
		}
		return w.choose(ctx, jpkiapplet.NewClient(element), pin, password)
	})
}

// jpkiSecrets reads PIN and password. One that no element would take is refused here.
func (w *wallet) jpkiSecrets(ctx context.Context, a certificateFlags) (pin, password string, err error) {
	if pin, err = w.secret(ctx, "PIN", a.pinFile); err != nil {
		return "", "", err
	}
	if err := checkCertificatePIN(pin); err != nil {
		return "", "", fmt.Errorf("reading the PIN: %w", err)
	}
	if password, err = w.secret(ctx, "signature password", a.passwordFile); err != nil {
		return "", "", err
	}
	if err := checkPassword(password); err != nil {
		return "", "", fmt.Errorf("reading the signature password: %w", err)
	}
	return pin, password, nil
}

// choose sets the secrets that are not set.
func (w *wallet) choose(ctx context.Context, client *jpkiapplet.Client, pin, password string) error {
	info, err := client.Info(ctx)
	if err != nil {
		return err
	}
	for _, s := range []struct {
		name   string
		set    bool
		choose func(context.Context, string) error
		value  string
	}{{"PIN", info.PINSet, client.ChoosePIN, pin}, {"signature password", info.PasswordSet, client.ChoosePassword, password}} {
		if s.set {
			if err := w.print("the %s of the phone certificates stays as it was\n", s.name); err != nil {
				return err
			}
			continue
		}
		if err := s.choose(ctx, s.value); err != nil {
			return err
		}
		if err := w.print("the %s of the phone certificates is set\n", s.name); err != nil {
			return err
		}
	}
	return nil
}

func (w *wallet) jpkiShowCommand() *cobra.Command {
	var a certificateFlags
	c := &cobra.Command{
		Use:   "show",
		Short: "Show the phone certificates and the tries left",
		Long: `Show the state of the phone certificates and the tries left. The user authentication certificate is shown with the PIN, the signature
certificate with the signature password.`,
		Example: "  mobileid-wallet jpki show --state phone.se --pin-file pin",
		Args:    usage.AtMost(0),
		RunE: func(c *cobra.Command, _ []string) error {
			return w.withElement(a.state, func(element *se.SE) error { return w.jpkiShow(c.Context(), element, a) })
		},
	}
	stateFlag(c, &a.state)
	a.pinFlag(c)
	a.passwordFlag(c)
	c.Flags().BoolVar(&a.asJSON, "json", false, "print one JSON document")
	return required(c, "state")
}

// shownCertificates is the JSON form of what is shown. Nothing in it is personal but what stands in a subject.
type shownCertificates struct {
	State          string            `json:"state"` // none, pending, committed
	Locked         bool              `json:"locked"`
	PINSet         bool              `json:"pin_set"`
	PINTries       uint64            `json:"pin_tries"`
	PasswordSet    bool              `json:"password_set"`
	PasswordTries  uint64            `json:"password_tries"`
	Authentication *shownCertificate `json:"authentication,omitempty"`
	Signature      *shownCertificate `json:"signature,omitempty"`
}

type shownCertificate struct {
	Subject   string    `json:"subject"`
	Issuer    string    `json:"issuer"`
	Serial    string    `json:"serial"`
	NotBefore time.Time `json:"not_before"`
	NotAfter  time.Time `json:"not_after"`
	PEM       string    `json:"pem"`
}

func (w *wallet) jpkiShow(ctx context.Context, element *se.SE, a certificateFlags) error {
	info, err := jpkiapplet.NewClient(element).Info(ctx)
	if errors.Is(err, jpkiapplet.ErrEmpty) {
		info, err = jpkiapplet.Info{}, nil
	}
	if err != nil {
		return err
	}
	out := shownCertificates{State: "none", Locked: info.Locked, PINSet: info.PINSet, PINTries: info.PINTries,
		PasswordSet: info.PasswordSet, PasswordTries: info.PasswordTries}
	switch {
	case info.Committed:
		out.State = "committed"
	case info.Pending:
		out.State = "pending"
	}
	if info.Committed && a.pinFile != "" {
		if out.Authentication, err = w.shown(ctx, element, a.authentication()); err != nil {
			return err
		}
	}
	if info.Committed && a.passwordFile != "" {
		if out.Signature, err = w.shown(ctx, element, a.signature()); err != nil {
			return err
		}
	}
	if a.asJSON {
		return w.document(out)
	}
	return w.printCertificates(out)
}

// shown reads the certificate of a key, behind its secret.
func (w *wallet) shown(ctx context.Context, element *se.SE, k keyFiles) (*shownCertificate, error) {
	_, der, err := w.unlocked(ctx, element, k)
	if err != nil {
		return nil, err
	}
	c, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, errors.New("the secure element holds something that is no certificate")
	}
	return &shownCertificate{Subject: terminal.Printable(c.Subject.String()), Issuer: terminal.Printable(c.Issuer.String()), Serial: c.SerialNumber.Text(16),
		NotBefore: c.NotBefore, NotAfter: c.NotAfter, PEM: string(pki.EncodePEM(der))}, nil
}

func (w *wallet) printCertificates(s shownCertificates) error {
	err := w.print("phone certificates: %s, locked %s; PIN set %s, %d tries left; signature password set %s, %d tries left\n", s.State, yes(s.Locked),
		yes(s.PINSet), s.PINTries, yes(s.PasswordSet), s.PasswordTries)
	for _, shown := range []struct {
		name string
		*shownCertificate
	}{{"user authentication", s.Authentication}, {"signature", s.Signature}} {
		if c := shown.shownCertificate; c != nil && err == nil {
			err = w.print("%s certificate %s\n  subject %s\n  issuer %s\n  valid %s to %s\n", shown.name, c.Serial, c.Subject, c.Issuer,
				c.NotBefore.UTC().Format(time.RFC3339), c.NotAfter.UTC().Format(time.RFC3339))
		}
	}
	return err
}

func (w *wallet) jpkiSignCommand() *cobra.Command {
	var a certificateFlags
	c := &cobra.Command{
		Use:   "sign",
		Short: "Sign a file with a key of the phone certificates",
		Long: `Sign a file with the signature key (with the signature password) or the user authentication key (with the PIN): RSASSA-PKCS1-v1_5 with
SHA-256, 256 bytes, detached. The certificate can be written beside it.`,
		Example: "  mobileid-wallet jpki sign --state phone.se --key signature --password-file password --in contract.pdf --out contract.sig --certificate signer.pem",
		Args:    usage.AtMost(0),
		RunE: func(c *cobra.Command, _ []string) error {
			return w.withElement(a.state, func(element *se.SE) error { return w.jpkiSign(c.Context(), element, a) })
		},
	}
	stateFlag(c, &a.state)
	a.pinFlag(c)
	a.passwordFlag(c)
	c.Flags().StringVar(&a.key, "key", "signature", "signature or authentication")
	c.Flags().StringVar(&a.in, "in", "", "`FILE` to sign")
	c.Flags().StringVar(&a.out, "out", "", "`FILE` for the signature; it must not exist")
	c.Flags().StringVar(&a.certificate, "certificate", "", "`FILE` for the certificate in PEM; it must not exist")
	return required(c, "state", "in", "out")
}

// keyFiles are what belongs to one of the two keys.
type keyFiles struct {
	key, secret, certificate card.FileID
	name, file               string
}

func (a certificateFlags) signature() keyFiles {
	return keyFiles{card.SignatureKey, card.SignaturePasswordFile, card.SignatureCertificate, "signature password", a.passwordFile}
}

func (a certificateFlags) authentication() keyFiles {
	return keyFiles{card.AuthenticationKey, card.AuthenticationPINFile, card.AuthenticationCertificate, "PIN", a.pinFile}
}

// keyFiles are those of --key.
func (a certificateFlags) keyFiles() (keyFiles, error) {
	var k keyFiles
	switch a.key {
	case "signature":
		k = a.signature()
	case "authentication":
		k = a.authentication()
	default:
		return k, usage.Errorf("--key is neither signature nor authentication")
	}
	if k.file == "" {
		return k, usage.Errorf("the %s key needs the %s", a.key, k.name)
	}
	return k, nil
}

// unlocked presents the secret of a key, and reads its certificate.
func (w *wallet) unlocked(ctx context.Context, element *se.SE, k keyFiles) (token *card.Client, certificate []byte, err error) {
	value, err := w.secret(ctx, k.name, k.file)
	if err != nil {
		return nil, nil, err
	}
	if token, err = phone.Certificates(ctx, element); err != nil {
		return nil, nil, err
	}
	if err := token.Verify(ctx, k.secret, value); err != nil {
		return nil, nil, fmt.Errorf("presenting the %s: %w", k.name, err)
	}
	certificate, err = token.ReadFile(ctx, k.certificate)
	return token, certificate, err
}

func (w *wallet) jpkiSign(ctx context.Context, element *se.SE, a certificateFlags) error {
	k, err := a.keyFiles()
	if err != nil {
		return err
	}
	digest, err := digestOf(a.in)
	if err != nil {
		return err
	}
	token, certificate, err := w.unlocked(ctx, element, k)
	if err != nil {
		return err
	}
	signature, err := token.Sign(ctx, k.key, crypto.SHA256, digest)
	if err != nil {
		return err
	}
	if err := writeNew(a.out, signature); err != nil {
		return fmt.Errorf("writing the signature: %w", err)
	}
	if a.certificate != "" {
		if err := writeNew(a.certificate, pki.EncodePEM(certificate)); err != nil {
			return fmt.Errorf("writing the certificate: %w", err)
		}
	}
	return w.print("signed with the %s key: %d bytes in %s\n", a.key, len(signature), a.out)
}

// digestOf is the SHA-256 of a file.
func digestOf(path string) ([]byte, error) {
	f, err := os.Open(path) //nolint:gosec // the file the caller named
	if err != nil {
		return nil, fmt.Errorf("reading the file to sign: %w", err)
	}
	defer func() { _ = f.Close() }() // opened for reading
	h := sha256.New()
	if n, err := io.Copy(h, io.LimitReader(f, maxSigned+1)); err != nil || n > maxSigned {
		return nil, errors.Join(fmt.Errorf("reading the file to sign: over %d bytes or unreadable", maxSigned), err)
	}
	return h.Sum(nil), nil
}

// writeNew writes a file that must not exist.
func writeNew(path string, data []byte) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600) //nolint:gosec // the file the caller named
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	return errors.Join(err, f.Close())
}

func (w *wallet) jpkiRevokeCommand() *cobra.Command {
	var a certificateFlags
	c := &cobra.Command{
		Use:   "revoke",
		Short: "Revoke the phone certificates, and have the TSM empty them",
		Long: `Revoke the phone certificates before the phone is given away: the signature key asks the issuer, with the signature password, and the
TSM then empties the application. Resetting a phone does neither. When the application could not be emptied the command fails; the certificates
are revoked all the same, and "contact" empties it later.`,
		Example: "  mobileid-wallet jpki revoke --state phone.se --password-file password --issuer http://127.0.0.1:8081 --tsm http://127.0.0.1:8082",
		Args:    usage.AtMost(0),
		RunE:    func(c *cobra.Command, _ []string) error { return w.jpkiRevoke(c.Context(), a) },
	}
	stateFlag(c, &a.state)
	a.services.flags(c)
	a.passwordFlag(c)
	return required(c, "state", "issuer", "tsm", "password-file")
}

func (w *wallet) jpkiRevoke(ctx context.Context, a certificateFlags) error {
	if err := a.services.check(); err != nil {
		return err
	}
	password, err := w.secret(ctx, "signature password", a.passwordFile)
	if err != nil {
		return err
	}
	return w.withElement(a.state, func(element *se.SE) error {
		p := a.phone(element)
		changed, err := p.RevokeCertificates(ctx, password)
		if err != nil {
			return err
		}
		if err := w.print("revoked: %d sets of phone certificates\n", changed); err != nil {
			return err
		}
		result, err := p.Contact(ctx)
		if err != nil {
			return errors.Join(errNotEmptied, err)
		}
		_, err = jpkiapplet.NewClient(element).Info(ctx)
		emptied := errors.Is(err, jpkiapplet.ErrEmpty)
		if err != nil && !emptied {
			return err
		}
		if err := w.print("contact: %d APDUs in %d HTTP round trips; emptied: %s\n", result.APDUs, result.RoundTrips, yes(emptied)); err != nil {
			return err
		}
		if !emptied {
			return errNotEmptied
		}
		return nil
	})
}
