package annotate

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"fmt"
	"slices"
	"strings"
	"time"

	"mobileid/mdoc/pki"
)

// Certificate is the tree of an X.509 certificate in DER. One that cannot be read, such as one with a key on a curve that Go lacks, gives
// a tree that says so, and the reason.
func Certificate(der []byte, offset int) (*Node, error) {
	node := Bytes("Certificate", "", offset, der)
	node.Clause, node.Meaning = "RFC 5280, 4.1", "X.509 certificate"
	err := openCertificate(node, der)
	return node, err
}

// certificateNotes is openCertificate for a table: a reason that stops it is in the notes.
func certificateNotes(node *Node, der []byte) { _ = openCertificate(node, der) }

func openCertificate(node *Node, der []byte) error {
	c, err := x509.ParseCertificate(der)
	if err != nil {
		node.Add(Note("unreadable", err.Error()))
		return err
	}
	_, guess := GuessProfile(c)
	node.Add(
		Note("profile (guessed)", guess),
		Note("subject", c.Subject.String()),
		Note("issuer", issuerOf(c)),
		Note("serial", fmt.Sprintf("%x", c.SerialNumber)),
		Note("valid", c.NotBefore.UTC().Format(time.RFC3339)+" to "+c.NotAfter.UTC().Format(time.RFC3339)),
		Note("key", keyOf(c.PublicKey)),
		Note("signature algorithm", c.SignatureAlgorithm.String()),
	)
	if c.KeyUsage != 0 {
		node.Add(Note("key usage", usages(c.KeyUsage)))
	}
	if purposes := Purposes(c); len(purposes) > 0 {
		words := make([]string, len(purposes))
		for i, p := range purposes {
			words[i] = purposeName(p)
		}
		node.Add(Note("extended key usage", strings.Join(words, ", ")))
	}
	if c.BasicConstraintsValid {
		node.Add(Note("basic constraints", constraints(c)))
	}
	if len(c.SubjectKeyId) > 0 {
		node.Add(Note("subject key id", hexText(c.SubjectKeyId)))
	}
	if len(c.AuthorityKeyId) > 0 {
		node.Add(Note("authority key id", hexText(c.AuthorityKeyId)))
	}
	for _, u := range c.CRLDistributionPoints {
		node.Add(Note("CRL at", u))
	}
	sum := sha256.Sum256(der)
	node.Add(Note("SHA-256", hexText(sum[:])))
	return nil
}

func issuerOf(c *x509.Certificate) string {
	if slices.Equal(c.RawIssuer, c.RawSubject) {
		return c.Issuer.String() + " (itself)"
	}
	return c.Issuer.String()
}

func constraints(c *x509.Certificate) string {
	if !c.IsCA {
		return "not a CA"
	}
	if c.MaxPathLen == 0 && c.MaxPathLenZero {
		return "CA, path length 0"
	}
	return "CA"
}

func keyOf(pub any) string {
	switch k := pub.(type) {
	case *ecdsa.PublicKey:
		return "EC on " + k.Params().Name
	case ed25519.PublicKey:
		return "Ed25519"
	case *rsa.PublicKey:
		return fmt.Sprintf("RSA, %d bits", k.N.BitLen())
	}
	return "of a kind that is not supported"
}

func usages(u x509.KeyUsage) string {
	names := []string{"digitalSignature", "nonRepudiation", "keyEncipherment", "dataEncipherment", "keyAgreement", "keyCertSign", "cRLSign",
		"encipherOnly", "decipherOnly"}
	var out []string
	for i, name := range names {
		if u&(1<<i) != 0 {
			out = append(out, name)
		}
	}
	return strings.Join(out, ", ")
}

// Purposes gives the extended key usages as they stand in the certificate.
func Purposes(c *x509.Certificate) []asn1.ObjectIdentifier {
	for _, e := range c.Extensions {
		if e.Id.Equal(asn1.ObjectIdentifier{2, 5, 29, 37}) {
			var out []asn1.ObjectIdentifier
			if _, err := asn1.Unmarshal(e.Value, &out); err == nil {
				return out
			}
		}
	}
	return nil
}

// purposeName names the purposes of ISO/IEC 18013-5 Annex B, ISO/IEC 23220 and RFC 5280 that stand in certificates around an mdoc.
func purposeName(oid asn1.ObjectIdentifier) string {
	names := map[string]string{
		"1.0.18013.5.1.2": "mdoc document signer", "1.0.18013.5.1.3": "mdoc JWS signer", "1.0.18013.5.1.4": "IACA link",
		"1.0.18013.5.1.6": "mdoc reader authentication", "1.0.18013.5.1.7": "IACA", "1.0.18013.5.1.8": "VICAL signer",
		"1.0.18013.5.1.9": "mdoc TLS client", "1.0.23220.4.1.2": "mdoc document signer (23220)",
		"1.0.23220.4.1.6": "mdoc reader authentication (23220)", "1.0.23220.4.1.8": "VICAL signer (23220)",
		"1.3.6.1.5.5.7.3.1": "TLS server", "1.3.6.1.5.5.7.3.2": "TLS client", "1.3.6.1.5.5.7.3.9": "OCSP signing",
		"1.3.6.1.4.1.32473.1.1": "secure element attestation (own profile)",
	}
	if name, ok := names[oid.String()]; ok {
		return name + " " + oid.String()
	}
	return oid.String()
}

// GuessProfile tells which profile a certificate seems made for, from its purpose and its place, and names it; 0 when there is nothing
// to go by.
func GuessProfile(c *x509.Certificate) (pki.Profile, string) {
	purposes := Purposes(c)
	has := func(last ...int) bool {
		return slices.ContainsFunc(purposes, func(p asn1.ObjectIdentifier) bool { return p.Equal(last) })
	}
	name := func(p pki.Profile) (pki.Profile, string) { return p, p.String() }
	switch {
	case has(1, 3, 6, 1, 4, 1, 32473, 1, 1) && c.IsCA:
		return name(pki.SERoot)
	case has(1, 3, 6, 1, 4, 1, 32473, 1, 1):
		return name(pki.SEAttestation)
	case has(1, 0, 18013, 5, 1, 2):
		return name(pki.DocumentSigner)
	case has(1, 0, 18013, 5, 1, 3):
		return name(pki.JWSSigner)
	case has(1, 0, 18013, 5, 1, 6):
		return name(pki.ReaderAuth)
	case has(1, 0, 18013, 5, 1, 8):
		return name(pki.VICALSigner)
	case has(1, 0, 18013, 5, 1, 9):
		return name(pki.TLSClient)
	case has(1, 3, 6, 1, 5, 5, 7, 3, 9):
		return name(pki.OCSPSigner)
	case has(1, 3, 6, 1, 5, 5, 7, 3, 1):
		return name(pki.TLSServer)
	case c.IsCA && !slices.Equal(c.RawIssuer, c.RawSubject):
		return 0, "an intermediate or link CA"
	case c.IsCA && hasAltName(c):
		return name(pki.IACA)
	case c.IsCA:
		return 0, "a root, of readers or of a VICAL provider"
	case len(purposes) == 0 && c.KeyUsage == x509.KeyUsageDigitalSignature:
		return name(pki.StatusSigner)
	}
	return 0, "none of ISO/IEC 18013-5"
}

func hasAltName(c *x509.Certificate) bool {
	return slices.ContainsFunc(c.Extensions, func(e pkix.Extension) bool { return e.Id.Equal(asn1.ObjectIdentifier{2, 5, 29, 18}) })
}

// RevocationList is the tree of a CRL in DER.
func RevocationList(der []byte, offset int) (*Node, error) {
	node := Bytes("CertificateList", "", offset, der)
	node.Clause, node.Meaning = "RFC 5280, 5.1; "+iso("Annex B"), "certificate revocation list"
	l, err := x509.ParseRevocationList(der)
	if err != nil {
		return node, err
	}
	node.Add(
		Note("issuer", l.Issuer.String()),
		Note("this update", l.ThisUpdate.UTC().Format(time.RFC3339)),
		Note("next update", l.NextUpdate.UTC().Format(time.RFC3339)),
		Note("signature algorithm", l.SignatureAlgorithm.String()),
	)
	if l.Number != nil {
		node.Add(Note("number", l.Number.String()))
	}
	if len(l.AuthorityKeyId) > 0 {
		node.Add(Note("authority key id", hexText(l.AuthorityKeyId)))
	}
	node.Add(Note("revoked", plural(len(l.RevokedCertificateEntries), "certificate")))
	const most = 1000
	for i, r := range l.RevokedCertificateEntries {
		if i == most {
			node.Add(Note("and more", plural(len(l.RevokedCertificateEntries)-most, "entry")))
			break
		}
		node.Add(Note("serial "+fmt.Sprintf("%x", r.SerialNumber), r.RevocationTime.UTC().Format(time.RFC3339)+reason(r.ReasonCode)))
	}
	return node, nil
}

// reason names a reason code, RFC 5280, 5.3.1.
func reason(code int) string {
	names := []string{"", "keyCompromise", "cACompromise", "affiliationChanged", "superseded", "cessationOfOperation", "certificateHold", "",
		"removeFromCRL", "privilegeWithdrawn", "aACompromise"}
	if code <= 0 || code >= len(names) || names[code] == "" {
		return ""
	}
	return ", " + names[code]
}

// PublicKey is the tree of a SubjectPublicKeyInfo in DER.
func PublicKey(der []byte, offset int) (*Node, error) {
	node := Bytes("SubjectPublicKeyInfo", "", offset, der)
	node.Clause, node.Meaning = "RFC 5280, 4.1.2.7", "public key"
	pub, err := x509.ParsePKIXPublicKey(der)
	if err != nil {
		return node, err
	}
	node.Add(Note("key", keyOf(pub)))
	return node, nil
}
