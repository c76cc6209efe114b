package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"mobileid/cmd/internal/phone"
	"mobileid/cmd/internal/usage"
	"mobileid/cmd/internal/virtualreader"
	"mobileid/mdoc/apdu/vpcd"
	"mobileid/mdoc/pki"
	"mobileid/tsm/scp03"
	"mobileid/tsm/se"
	"mobileid/tsm/seram"

	"github.com/spf13/cobra"
)

// showing is what the command line of se says.
type showing struct {
	vpcd, state string
	testKeys    bool
	retry       time.Duration
}

func (w *wallet) seCommand() *cobra.Command {
	s := showing{}
	c := &cobra.Command{
		Use:   "se",
		Short: "Show the secure element in a virtual PC/SC reader",
		Long: `Show the secure element in a virtual PC/SC reader (vpcd of the vsmartcard project), where every program that uses PC/SC
meets it: mobileid se, gpshell, GlobalPlatformPro, opensc-tool. Ctrl-C takes it out. What was done to it stays in the file.

With --test-keys the element has the published keys of the GlobalPlatform world (AES-128, version 30, all three 40 41 … 4F), so that
other people's programs open it as they are. It is made when the file does not exist yet, says in its file what it is, and is refused by
every other command here; the TSM has no keys for it. Whoever has it in hand owns it.

The reader is not authenticated, so other addresses than loopback are refused.`,
		Example: `  mobileid-wallet se --vpcd 127.0.0.1:` + vpcd.DefaultPort + ` --state phone.se
  mobileid-wallet se --vpcd 127.0.0.1:` + vpcd.DefaultPort + ` --state bench.se --test-keys
  gpshell list.gp`,
		Args: usage.AtMost(0),
		RunE: func(c *cobra.Command, _ []string) error { return w.show(c.Context(), s) },
	}
	stateFlag(c, &s.state)
	c.Flags().StringVar(&s.vpcd, "vpcd", "", "loopback `HOST:PORT` where the virtual reader listens; Debian's listens at "+vpcd.DefaultPort)
	c.Flags().BoolVar(&s.testKeys, "test-keys", false, "an element with the published test keys, made if there is no file")
	c.Flags().DurationVar(&s.retry, "retry", time.Second, "`TIME` between two tries to reach the reader")
	return required(c, "state", "vpcd")
}

func (w *wallet) show(ctx context.Context, s showing) (err error) {
	address, err := virtualreader.Loopback(ctx, s.vpcd)
	if err != nil {
		return usage.Errorf("--vpcd: %w", err)
	}
	if s.retry <= 0 {
		return usage.Errorf("--retry is not positive")
	}
	made, err := w.testElement(s)
	if err != nil {
		return err
	}
	element, err := se.Open(s.state, se.Config{Applets: phone.Applets(), Now: w.now, TestElement: s.testKeys})
	if err != nil {
		return fmt.Errorf("switching the secure element on: %w", err)
	}
	defer func() { err = errors.Join(err, element.Close()) }()
	if err := w.tell(element, made, s.testKeys); err != nil {
		return err
	}
	notices := virtualreader.NewNotices(w.out, address)
	if err := vpcd.Serve(ctx, address, inReader{element}, vpcd.Options{Retry: s.retry, Notice: notices.Tell}); err != nil {
		return fmt.Errorf("showing the secure element: %w", err)
	}
	return nil
}

func (w *wallet) tell(element *se.SE, made, testKeys bool) error {
	text := ""
	if made {
		text = banner
	}
	if testKeys {
		text += "TEST KEYS: this element is open to everyone, and of use on a bench only.\n"
	}
	return w.print("%ssecure element %x\n", text, element.ID())
}

// testElement makes the element of a bench if there is no file. It is certified by nobody: its root is thrown away.
func (w *wallet) testElement(s showing) (made bool, err error) {
	_, err = os.Lstat(s.state)
	switch {
	case err == nil:
		return false, nil
	case !errors.Is(err, fs.ErrNotExist) || !s.testKeys:
		return false, fmt.Errorf("%w: %w", errNoElement, err)
	}
	f, err := testFactory(w.now())
	if err != nil {
		return false, fmt.Errorf("making the secure element: %w", err)
	}
	return true, se.Manufacture(s.state, f)
}

// testFactory has an attestation key under a root of its own and an issuer nobody has, so that no credential of anybody gets
// in and no attestation is believed.
func testFactory(now time.Time) (se.Factory, error) {
	f := se.Factory{ID: make([]byte, seram.SEIDSize), TestKeys: scp03.TestKeys()}
	_, _ = rand.Read(f.ID) // never fails
	root, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return f, err
	}
	if f.AttestationKey, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader); err != nil {
		return f, err
	}
	now = now.Truncate(time.Second) // as certificates have it
	until := now.AddDate(5, 0, 0)
	rootDER, err := pki.Create(pki.Template{Profile: pki.SERoot, Country: "JP", CommonName: "TEST bench SE root",
		NotBefore: now, NotAfter: until}, root.Public(), nil, root, nil)
	if err != nil {
		return f, err
	}
	parent, err := x509.ParseCertificate(rootDER)
	if err != nil {
		return f, err
	}
	leaf, err := pki.Create(pki.Template{Profile: pki.SEAttestation, Country: "JP", CommonName: "TEST bench SE", SEID: f.ID,
		NotBefore: now, NotAfter: until}, f.AttestationKey.Public(), parent, root, nil)
	if err != nil {
		return f, err
	}
	issuer, err := pki.Create(pki.Template{Profile: pki.IACA, Country: "JP", CommonName: "TEST bench issuer", NotBefore: now, NotAfter: until,
		CRLURI: "https://bench.test/crl", IssuerAltURI: "https://bench.test/"}, root.Public(), nil, root, nil)
	f.AttestationChain, f.IssuerAnchors = [][]byte{leaf}, [][]byte{issuer}
	return f, err
}

// inReader is an element with contacts.
type inReader struct{ *se.SE }

// Unpower takes the power: what is volatile is gone.
func (r inReader) Unpower() { r.Reset() }

// ATR says (ISO/IEC 7816-3:2006, 8.2, and 7816-4:2020, 12.1.1): T=1; selection by full and partial name, command
// chaining, extended length, four logical channels assigned by the card.
func (inReader) ATR() []byte {
	atr := []byte{0x3B, 0x85, 0x81, 0x01, 0x80, 0x73, 0xC0, 0x21, 0xD3, 0}
	for _, x := range atr[1:9] {
		atr[9] ^= x
	}
	return atr
}
