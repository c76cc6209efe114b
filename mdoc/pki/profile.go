package pki

import (
	"crypto/x509"
	"encoding/asn1"
	"fmt"
	"time"
)

// Profile names a certificate profile of ISO/IEC 18013-5 Annex B, or one of our two for secure elements.
type Profile int

// The profiles. The zero value is none of them.
const (
	// IACA is the issuing authority's root (Table B.1).
	IACA Profile = iota + 1
	// DocumentSigner signs mobile security objects (Table B.3).
	DocumentSigner
	// ReaderRoot is the root of mdoc readers. The standard leaves it open; ours is the IACA profile without the demand
	// for a country and an issuer alternative name.
	ReaderRoot
	// ReaderAuth signs requests of an mdoc reader (Annex B, mdoc reader authentication certificate).
	ReaderAuth
	// StatusSigner signs status list tokens (second edition, MSO revocation list signer).
	StatusSigner
	// SERoot is the root of secure elements' attestation keys. It is our own profile: its critical extended key usage
	// keeps it from serving as any other root.
	SERoot
	// SEAttestation is the attestation key of one secure element, whose id stands in the subject's serialNumber. It is
	// our own profile.
	SEAttestation
)

// String gives the name used in verdicts.
func (p Profile) String() string {
	r, err := p.rules()
	if err != nil {
		return fmt.Sprintf("profile %d", int(p))
	}
	return r.name
}

// Object identifiers of purposes. The mobile documents' own stand under 1.0.18013.5.1 and 1.0.23220.4.1. The secure
// element's stands under the enterprise number that RFC 5612 sets aside for examples: it names no real organisation.
var (
	oidDocumentSigner        = asn1.ObjectIdentifier{1, 0, 18013, 5, 1, 2}
	oidDocumentSignerGeneric = asn1.ObjectIdentifier{1, 0, 23220, 4, 1, 2}
	oidReaderAuth            = asn1.ObjectIdentifier{1, 0, 18013, 5, 1, 6}
	oidReaderAuthGeneric     = asn1.ObjectIdentifier{1, 0, 23220, 4, 1, 6}
	oidSEAttestation         = asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 32473, 1, 1}
	oidPKIXKeyPurpose        = asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 3}
)

// ekuRule is what a profile says of the extended key usage extension.
type ekuRule int

const (
	ekuNone     ekuRule = iota // shall be absent
	ekuCritical                // shall be there, critical, with the purpose
	ekuOptional                // may be there, not critical, and for no other known purpose
)

type rules struct {
	name    string
	clause  string
	root    bool
	anchor  Profile // the root profile it must chain to; for a root, itself
	maxLife time.Duration
	usage   x509.KeyUsage
	eku     ekuRule
	purpose asn1.ObjectIdentifier
	also    []asn1.ObjectIdentifier // purposes that may stand beside it

	country bool // countryName required, and equal to the anchor's
	altName bool // issuerAltName required
	crl     bool // cRLDistributionPoints required
	seID    bool // subject serialNumber is a secure element's id
	edwards bool // Ed25519 subject keys allowed
}

const (
	day  = 24 * time.Hour
	year = 36525 * day / 100

	clauseIACA   = "ISO/IEC 18013-5:2021, Annex B, Table B.1 (IACA root)"
	clauseDS     = "ISO/IEC 18013-5:2021, Annex B, Table B.3 (document signer)"
	clauseReader = "ISO/IEC 18013-5:2021, Annex B (mdoc reader authentication)"
	clauseStatus = "ISO/IEC 18013-5 second edition, Annex B (MSO revocation list signer)"
	clauseSE     = "docs/profile.md (secure element attestation)"
	clausePath   = "ISO/IEC 18013-5:2021, 9.3.3; RFC 5280, 6.1"
)

const caUsage = x509.KeyUsageCertSign | x509.KeyUsageCRLSign

// rules gives the lines of a profile in the form both judgements use.
func (p Profile) rules() (rules, error) {
	switch p {
	case IACA:
		return rules{name: "IACA", clause: clauseIACA, root: true, anchor: IACA, maxLife: 20 * year, usage: caUsage,
			country: true, altName: true}, nil
	case DocumentSigner:
		return rules{name: "document signer", clause: clauseDS, anchor: IACA, maxLife: 457 * day,
			usage: x509.KeyUsageDigitalSignature, eku: ekuCritical, purpose: oidDocumentSigner,
			also:    []asn1.ObjectIdentifier{oidDocumentSignerGeneric},
			country: true, altName: true, crl: true, edwards: true}, nil
	case ReaderRoot:
		return rules{name: "reader root", clause: clauseReader, root: true, anchor: ReaderRoot, maxLife: 20 * year,
			usage: caUsage}, nil
	case ReaderAuth:
		return rules{name: "reader authentication", clause: clauseReader, anchor: ReaderRoot, maxLife: 1187 * day,
			usage: x509.KeyUsageDigitalSignature, eku: ekuCritical, purpose: oidReaderAuth,
			also: []asn1.ObjectIdentifier{oidReaderAuthGeneric}, crl: true, edwards: true}, nil
	case StatusSigner:
		return rules{name: "status list signer", clause: clauseStatus, anchor: IACA, maxLife: 1187 * day,
			usage: x509.KeyUsageDigitalSignature, eku: ekuOptional, country: true, edwards: true}, nil
	case SERoot:
		return rules{name: "secure element root", clause: clauseSE, root: true, anchor: SERoot, maxLife: 20 * year,
			usage: caUsage, eku: ekuCritical, purpose: oidSEAttestation}, nil
	case SEAttestation:
		return rules{name: "secure element attestation", clause: clauseSE, anchor: SERoot, maxLife: 15 * year,
			usage: x509.KeyUsageDigitalSignature, eku: ekuCritical, purpose: oidSEAttestation, seID: true}, nil
	default:
		return rules{}, fmt.Errorf("pki: unknown certificate profile %d", int(p))
	}
}

// anchoredBy reports whether a root that fits have may anchor certificates that need want. An IACA may also anchor
// readers (Annex B gives reader certificates under an IACA their own line).
func anchoredBy(want Profile, have []Profile) bool {
	for _, p := range have {
		if p == want {
			return true
		}
	}
	return false
}
