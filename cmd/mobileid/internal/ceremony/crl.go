package ceremony

import (
	"bytes"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"math/big"
	"os"
	"path/filepath"
	"time"

	"mobileid/issuer/keys"
	"mobileid/mdoc/pki"
)

const maxPEM = 64 << 10

// errStranger is returned for a certificate that no root of the folder issued.
var errStranger = errors.New("no root of this authority issued the certificate")

// named is a root with the name of its files.
type named struct {
	name string
	root keys.Root
}

func roots(dir string) (keysDir string, all []named, err error) {
	keysDir = filepath.Join(dir, "keys")
	a, err := keys.OpenAuthority(keysDir, keys.Ceremony{})
	if err != nil {
		return "", nil, err
	}
	return keysDir, []named{{"iaca", a.IACA}, {"reader-root", a.ReaderRoot}}, nil
}

// RenewCRLs makes the next revocation list of the IACA and of the reader root in a folder that Run made, with the entries as
// they are. It is due every 90 days (ISO/IEC 18013-5:2021, Annex B, Table B.10), and needs the roots' keys.
func RenewCRLs(dir string, at time.Time, out io.Writer) error {
	keysDir, all, err := roots(dir)
	if err != nil {
		return fmt.Errorf("renewing CRLs: %w", err)
	}
	for _, n := range all {
		der, err := n.root.RenewCRL(at)
		if err != nil {
			return fmt.Errorf("renewing CRLs: %w", err)
		}
		if err := publish(keysDir, n.name, der, out); err != nil {
			return fmt.Errorf("renewing CRLs: %w", err)
		}
	}
	return nil
}

// Revoke puts the certificate of a PEM file (the first of a chain) on the list of the root that issued it, with one of the
// reasons that [pki.CRLWithReasons] allows, or with an empty reason for none.
func Revoke(dir, certificate, reason string, at time.Time, out io.Writer) error {
	e := pki.Revocation{Date: at}
	if reason != "" {
		var err error
		if e.Reason, err = pki.ParseReason(reason); err != nil {
			return fmt.Errorf("revoking certificate: %w", err)
		}
	}
	return change(dir, certificate, out, func(r keys.Root, serial *big.Int) ([]byte, error) {
		e.Serial = serial
		return r.RenewCRL(at, e)
	})
}

// Release takes a certificate that is on hold off the list of its root.
func Release(dir, certificate string, at time.Time, out io.Writer) error {
	return change(dir, certificate, out, func(r keys.Root, serial *big.Int) ([]byte, error) { return r.Release(at, serial) })
}

func change(dir, certificate string, out io.Writer, make func(keys.Root, *big.Int) ([]byte, error)) error {
	leaf, err := firstCertificate(certificate)
	if err != nil {
		return fmt.Errorf("revoking certificate: %w", err)
	}
	keysDir, all, err := roots(dir)
	if err != nil {
		return fmt.Errorf("revoking certificate: %w", err)
	}
	for _, n := range all {
		if !issued(n.root, leaf) {
			continue
		}
		der, err := make(n.root, leaf.SerialNumber)
		if err != nil {
			return fmt.Errorf("revoking certificate: %w", err)
		}
		return publish(keysDir, n.name, der, out)
	}
	return fmt.Errorf("revoking certificate: %w", errStranger)
}

func issued(r keys.Root, leaf *x509.Certificate) bool {
	root, err := x509.ParseCertificate(r.Certificate)
	return err == nil && bytes.Equal(root.RawSubject, leaf.RawIssuer) && leaf.CheckSignatureFrom(root) == nil
}

func firstCertificate(path string) (*x509.Certificate, error) {
	f, err := os.Open(path) //nolint:gosec // the operator names the file
	if err != nil {
		return nil, err
	}
	defer f.Close() //nolint:errcheck // opened for reading
	text, err := io.ReadAll(io.LimitReader(f, maxPEM))
	if err != nil {
		return nil, err
	}
	ders, err := pki.DecodePEM(text)
	if err != nil {
		return nil, err
	}
	return x509.ParseCertificate(ders[0])
}

// publish takes the old list's place in one step, so that a service which reads the file finds one of the two whole.
func publish(keysDir, name string, der []byte, out io.Writer) error {
	list, err := pki.ParseCRL(der)
	if err != nil {
		return err
	}
	f, err := os.CreateTemp(keysDir, "new-*")
	if err != nil {
		return err
	}
	_, err = f.Write(der)
	err = errors.Join(err, f.Chmod(anyone), f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), filepath.Join(keysDir, name+".crl"))
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	_, err = fmt.Fprintf(out, "%s.crl: number %s, %d revoked, next update %s\n", name, list.Number(), len(list.Revoked()),
		list.NextUpdate().Format(time.RFC3339))
	return err
}
