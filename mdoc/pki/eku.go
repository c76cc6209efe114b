package pki

import (
	"crypto/x509"
	"encoding/asn1"
	"slices"
)

// judgeExtKeyUsage holds the extended key usage against the profile. It reads the extension itself, because the
// parser splits the purposes into known and unknown ones and drops whether the extension was critical.
func judgeExtKeyUsage(c *x509.Certificate, r rules) (bool, string) {
	e, found := extension(c, oidExtKeyUsage)
	if !found {
		return r.eku != ekuCritical, "absent"
	}
	var purposes []asn1.ObjectIdentifier
	if rest, err := asn1.Unmarshal(e.Value, &purposes); err != nil || len(rest) != 0 || len(purposes) == 0 {
		return false, "not a list of purposes"
	}
	switch r.eku {
	case ekuNone:
		return false, "present, with " + purposes[0].String()
	case ekuCritical:
		return judgePurpose(e.Critical, purposes, r)
	default:
		return judgeOptionalPurpose(e.Critical, purposes)
	}
}

func judgePurpose(critical bool, purposes []asn1.ObjectIdentifier, r rules) (bool, string) {
	if !critical {
		return false, "not critical"
	}
	for _, p := range purposes {
		if !contains(r.purpose, p) && !contains(r.also, p) {
			return false, "also for " + p.String()
		}
	}
	for _, due := range r.purpose {
		if !contains(purposes, due) {
			return false, "without " + due.String()
		}
	}
	return true, r.purpose[0].String() + ", critical"
}

// judgeOptionalPurpose is for the status list signer: the purpose's number is still open in the Token Status List
// draft, so none can be demanded. It will stand directly under the PKIX key purposes; a certificate marked for
// anything else, or for one of the PKIX purposes that Go knows (TLS, code signing, OCSP and the like), is another's.
func judgeOptionalPurpose(critical bool, purposes []asn1.ObjectIdentifier) (bool, string) {
	if critical {
		return false, "critical: a certificate for another purpose"
	}
	for _, p := range purposes {
		last := len(p) - 1
		if !p[:last].Equal(oidPKIXKeyPurpose) || p[last] <= 9 {
			return false, "for " + p.String()
		}
	}
	return true, "not critical, no other purpose"
}

func contains(list []asn1.ObjectIdentifier, oid asn1.ObjectIdentifier) bool {
	return slices.ContainsFunc(list, oid.Equal)
}
