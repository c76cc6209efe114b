package pki

import (
	"crypto/x509"
	"encoding/asn1"
	"fmt"
	"slices"
	"time"
)

// ekuRule is what a profile says of the extended key usage extension.
type ekuRule int

const (
	ekuNone     ekuRule = iota // shall be absent
	ekuCritical                // shall be there, critical, with the purposes
	ekuOptional                // may be there, not critical, and for no other known purpose
)

// rules are the lines of one profile in the form that all judgements use.
type rules struct {
	name    string
	clause  string
	root    bool    // self-signed
	ca      bool    // a CA with path length 0: every root, and the link
	anchor  Profile // the root profile it must chain to; for a root, itself
	maxLife time.Duration
	usage   x509.KeyUsage
	eku     ekuRule
	purpose []asn1.ObjectIdentifier // all demanded
	also    []asn1.ObjectIdentifier // purposes that may stand beside them; written if generic is set
	generic bool                    // also is the purpose for every document type, which we write

	country      bool // countryName required, and equal to the anchor's
	organization bool // organizationName required
	altName      bool // issuerAltName required
	crl          bool // cRLDistributionPoints required
	noCheck      bool // id-pkix-ocsp-nocheck may stand in its place, with a shorter life
	dns          bool // a dNSName in the subject alternative name required
	seID         bool // subject serialNumber is a secure element's id
	edwards      bool // Ed25519 subject keys allowed
	deep         bool // one CA between it and the anchor is tolerated, and the anchor inside the chain
}

const (
	day  = 24 * time.Hour
	year = 36525 * day / 100

	// lifeNoCheck is the longest life of an OCSP signer whose own status nobody can ask for.
	lifeNoCheck = 90 * day

	clauseIACA   = "ISO/IEC 18013-5:2021, Annex B, Table B.1 (IACA root)"
	clauseLink   = "ISO/IEC 18013-5:2021, Annex B, Table B.2 (IACA link)"
	clauseDS     = "ISO/IEC 18013-5:2021, Annex B, Table B.3 (document signer)"
	clauseJWS    = "ISO/IEC 18013-5:2021, Annex B (JWS signer)"
	clauseTLS    = "ISO/IEC 18013-5:2021, Annex B (TLS server)"
	clauseClient = "ISO/IEC 18013-5:2021, Annex B (TLS client)"
	clauseReader = "ISO/IEC 18013-5:2021, Annex B (mdoc reader authentication)"
	clauseOCSP   = "ISO/IEC 18013-5:2021, Annex B (OCSP signer)"
	clauseStatus = "ISO/IEC 18013-5 second edition, Annex B (MSO revocation list signer)"
	clauseVICAL  = "ISO/IEC 18013-5:2021, Annex C, Table C.1 (VICAL signer)"
	clauseSE     = "docs/profile.md (secure element attestation)"
	clauseVRoot  = "docs/profile.md (VICAL root)"
	clausePath   = "ISO/IEC 18013-5:2021, 9.3.3; RFC 5280, 6.1"
)

const caUsage = x509.KeyUsageCertSign | x509.KeyUsageCRLSign

// rules gives the lines of a profile.
func (p Profile) rules() (rules, error) {
	switch p {
	case IACA, ReaderRoot, SERoot, VICALRoot, IACALink:
		return p.authorityRules(), nil
	case OCSPSigner, JWSSigner, TLSServer, TLSClient:
		return p.serverRules(), nil
	case DocumentSigner:
		return rules{name: "document signer", clause: clauseDS, anchor: IACA, maxLife: 457 * day,
			usage: x509.KeyUsageDigitalSignature, eku: ekuCritical, purpose: oids(oidDocumentSigner),
			also: oids(oidDocumentSignerGeneric), generic: true,
			country: true, altName: true, crl: true, edwards: true}, nil
	case ReaderAuth:
		return rules{name: "reader authentication", clause: clauseReader, anchor: ReaderRoot, maxLife: 1187 * day,
			usage: x509.KeyUsageDigitalSignature, eku: ekuCritical, purpose: oids(oidReaderAuth),
			also: oids(oidReaderAuthGeneric), generic: true, crl: true, edwards: true}, nil
	case StatusSigner:
		return rules{name: "status list signer", clause: clauseStatus, anchor: IACA, maxLife: 1187 * day,
			usage: x509.KeyUsageDigitalSignature, eku: ekuOptional, country: true, edwards: true}, nil
	case VICALSigner:
		return rules{name: "VICAL signer", clause: clauseVICAL, anchor: VICALRoot, maxLife: 1187 * day,
			usage: x509.KeyUsageContentCommitment, eku: ekuCritical, purpose: oids(oidVICALSigner),
			also: oids(oidVICALSignerGeneric), generic: true,
			country: true, organization: true, crl: true, deep: true}, nil
	case SEAttestation:
		return rules{name: "secure element attestation", clause: clauseSE, anchor: SERoot, maxLife: 15 * year,
			usage: x509.KeyUsageDigitalSignature, eku: ekuCritical, purpose: oids(oidSEAttestation), seID: true}, nil
	default:
		return rules{}, fmt.Errorf("pki: unknown certificate profile %d", int(p))
	}
}

// authorityRules are those of the CA certificates.
func (p Profile) authorityRules() rules {
	r := rules{root: true, ca: true, anchor: p, maxLife: 20 * year, usage: caUsage}
	switch p {
	case IACA:
		r.name, r.clause, r.country, r.altName = "IACA", clauseIACA, true, true
	case IACALink:
		r.name, r.clause, r.country, r.altName, r.crl = "IACA link", clauseLink, true, true, true
		r.root, r.anchor = false, IACA
	case SERoot:
		r.name, r.clause, r.eku, r.purpose = "secure element root", clauseSE, ekuCritical, oids(oidSEAttestation)
	case VICALRoot:
		r.name, r.clause, r.country = "VICAL root", clauseVRoot, true
	default:
		r.name, r.clause = "reader root", clauseReader
	}
	return r
}

// serverRules are those of the online services under an IACA.
func (p Profile) serverRules() rules {
	r := rules{anchor: IACA, maxLife: 457 * day, usage: x509.KeyUsageDigitalSignature, eku: ekuCritical,
		country: true, altName: true, crl: true}
	switch p {
	case OCSPSigner:
		r.name, r.clause, r.purpose, r.noCheck, r.edwards = "OCSP signer", clauseOCSP, oids(oidOCSPSigning), true, true
	case JWSSigner:
		r.name, r.clause, r.purpose = "JWS signer", clauseJWS, oids(oidJWSSigner)
	case TLSServer:
		r.name, r.clause, r.purpose, r.also = "TLS server", clauseTLS, oids(oidServerAuth), oids(oidClientAuth)
		r.maxLife, r.dns = 822*day, true
	default:
		r.name, r.clause, r.purpose = "TLS client", clauseClient, oids(oidTLSClient, oidClientAuth)
		r.maxLife, r.altName, r.anchor, r.country = 1187*day, false, ReaderRoot, false
	}
	return r
}

func oids(list ...asn1.ObjectIdentifier) []asn1.ObjectIdentifier { return list }

// written gives the purposes that Create writes.
func (r rules) written() []asn1.ObjectIdentifier {
	if r.generic {
		return slices.Concat(r.purpose, r.also)
	}
	return r.purpose
}

// anchoredBy reports whether a root that fits have may anchor certificates that need want. An IACA may also anchor
// readers (Annex B gives reader certificates under an IACA their own line).
func anchoredBy(want Profile, have []Profile) bool { return slices.Contains(have, want) }
