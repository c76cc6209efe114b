package pki

import (
	"encoding/asn1"
	"fmt"
)

// Profile names a certificate profile of ISO/IEC 18013-5 Annex B and Annex C, or one of our own.
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
	// IACALink carries the subject and the key of a new IACA root and is issued by the old one (Table B.2). See
	// [Anchors.Follow] for what it does.
	IACALink
	// VICALRoot is the root of a VICAL provider. The standard leaves it open; ours is the IACA profile without the demand
	// for an issuer alternative name. Only [NewAnchorsFor] takes one as an anchor.
	VICALRoot
	// VICALSigner signs VICALs (Annex C, Table C.1).
	VICALSigner
	// OCSPSigner signs answers of an OCSP responder (Annex B).
	OCSPSigner
	// JWSSigner signs the answers of server retrieval (2021 only, Annex B).
	JWSSigner
	// TLSServer is the issuing authority's server (2021 only, Annex B).
	TLSServer
	// TLSClient is a reader that retrieves from a server (2021 only, Annex B).
	TLSClient

	lastProfile = TLSClient
)

// Profiles gives every profile, in the order of the constants.
func Profiles() []Profile {
	all := make([]Profile, lastProfile)
	for i := range all {
		all[i] = Profile(i + 1)
	}
	return all
}

// String gives the name used in verdicts.
func (p Profile) String() string {
	r, err := p.rules()
	if err != nil {
		return fmt.Sprintf("profile %d", int(p))
	}
	return r.name
}

// Object identifiers of purposes. The mobile documents' own stand under 1.0.18013.5.1 and, for every document type, under
// 1.0.23220.4.1. The secure element's stands under the enterprise number that RFC 5612 sets aside for examples: it names
// no real organisation.
var (
	oidDocumentSigner        = asn1.ObjectIdentifier{1, 0, 18013, 5, 1, 2}
	oidDocumentSignerGeneric = asn1.ObjectIdentifier{1, 0, 23220, 4, 1, 2}
	oidJWSSigner             = asn1.ObjectIdentifier{1, 0, 18013, 5, 1, 3}
	oidReaderAuth            = asn1.ObjectIdentifier{1, 0, 18013, 5, 1, 6}
	oidReaderAuthGeneric     = asn1.ObjectIdentifier{1, 0, 23220, 4, 1, 6}
	oidVICALSigner           = asn1.ObjectIdentifier{1, 0, 18013, 5, 1, 8}
	oidVICALSignerGeneric    = asn1.ObjectIdentifier{1, 0, 23220, 4, 1, 8}
	oidTLSClient             = asn1.ObjectIdentifier{1, 0, 18013, 5, 1, 9}
	oidSEAttestation         = asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 32473, 1, 1}
	oidPKIXKeyPurpose        = asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 3}
	oidServerAuth            = asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 3, 1}
	oidClientAuth            = asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 3, 2}
	oidOCSPSigning           = asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 3, 9}
)
