package jpkica

import (
	"crypto"
	"crypto/sha1" //nolint:gosec // RFC 5280, 4.2.1.2 method 1: an identifier, not a signature
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"

	"golang.org/x/crypto/cryptobyte"
	cryptobyteasn1 "golang.org/x/crypto/cryptobyte/asn1"
)

func oidAttribute(n int) asn1.ObjectIdentifier { return asn1.ObjectIdentifier{2, 5, 4, n} }

// Attribute types of RFC 5280, 4.1.2.4 by their number under 2.5.4.
const (
	AttributeCN = 3
	AttributeC  = 6
	AttributeL  = 7
	AttributeO  = 10
	AttributeOU = 11
)

// RDN is one attribute of a distinguished name.
type RDN struct {
	Attribute int
	Value     string
}

// Name encodes a Name (RFC 5280, 4.1.2.4), one attribute a set: C as PrintableString, all others as UTF8String.
func Name(list ...RDN) []byte {
	var b cryptobyte.Builder
	b.AddASN1(cryptobyteasn1.SEQUENCE, func(b *cryptobyte.Builder) {
		for _, r := range list {
			b.AddASN1(cryptobyteasn1.SET, func(b *cryptobyte.Builder) {
				b.AddASN1(cryptobyteasn1.SEQUENCE, func(b *cryptobyte.Builder) {
					b.AddASN1ObjectIdentifier(oidAttribute(r.Attribute))
					tag := cryptobyteasn1.UTF8String
					if r.Attribute == AttributeC {
						tag = cryptobyteasn1.PrintableString
					}
					b.AddASN1(tag, func(b *cryptobyte.Builder) { b.AddBytes([]byte(r.Value)) })
				})
			})
		}
	})
	return b.BytesOrPanic()
}

func explicit(n uint8) cryptobyteasn1.Tag {
	return cryptobyteasn1.Tag(n).ContextSpecific().Constructed()
}

// directoryNames is GeneralNames with one directoryName [4], under the given outer tag.
func directoryNames(outer cryptobyteasn1.Tag, name []byte) []byte {
	var b cryptobyte.Builder
	b.AddASN1(outer, func(b *cryptobyte.Builder) {
		b.AddASN1(explicit(4), func(b *cryptobyte.Builder) { b.AddBytes(name) })
	})
	return b.BytesOrPanic()
}

func extension(n int, critical bool, value []byte) pkix.Extension {
	return pkix.Extension{Id: asn1.ObjectIdentifier{2, 5, 29, n}, Critical: critical, Value: value}
}

// Values of keyUsage as DER bit strings (RFC 5280, 4.2.1.3).
const (
	usageAuthentication = "\x03\x02\x07\x80" // digitalSignature
	usageSignature      = "\x03\x02\x06\xC0" // digitalSignature, nonRepudiation
	usageCA             = "\x03\x02\x01\x06" // keyCertSign, cRLSign
)

func keyUsage(bits string) pkix.Extension { return extension(15, true, []byte(bits)) }

func basicConstraintsCA() pkix.Extension {
	return extension(19, true, []byte{0x30, 0x03, 0x01, 0x01, 0xFF})
}

// clientAuth is extKeyUsage with 1.3.6.1.5.5.7.3.2.
func clientAuth() pkix.Extension {
	return extension(37, false, []byte("\x30\x0A\x06\x08\x2B\x06\x01\x05\x05\x07\x03\x02"))
}

// certificatePolicies names one policy with a CPS pointer (RFC 5280, 4.2.1.4), critical.
func certificatePolicies(policy asn1.ObjectIdentifier, cps string) pkix.Extension {
	var b cryptobyte.Builder
	b.AddASN1(cryptobyteasn1.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddASN1(cryptobyteasn1.SEQUENCE, func(b *cryptobyte.Builder) {
			b.AddASN1ObjectIdentifier(policy)
			b.AddASN1(cryptobyteasn1.SEQUENCE, func(b *cryptobyte.Builder) {
				b.AddASN1(cryptobyteasn1.SEQUENCE, func(b *cryptobyte.Builder) {
					b.AddASN1ObjectIdentifier(asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 2, 1})
					b.AddASN1(cryptobyteasn1.IA5String, func(b *cryptobyte.Builder) { b.AddBytes([]byte(cps)) })
				})
			})
		})
	})
	return extension(32, true, b.BytesOrPanic())
}

func issuerAltName(name []byte) pkix.Extension {
	return extension(18, false, directoryNames(cryptobyteasn1.SEQUENCE, name))
}

// distributionPoints names one point (RFC 5280, 4.2.1.13): by directoryName, or when that is empty by URI.
func distributionPoints(name []byte, uri string) pkix.Extension {
	var b cryptobyte.Builder
	b.AddASN1(cryptobyteasn1.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddASN1(cryptobyteasn1.SEQUENCE, func(b *cryptobyte.Builder) {
			b.AddASN1(explicit(0), func(b *cryptobyte.Builder) {
				if len(name) > 0 {
					b.AddBytes(directoryNames(explicit(0), name))
					return
				}
				b.AddASN1(explicit(0), func(b *cryptobyte.Builder) {
					b.AddASN1(cryptobyteasn1.Tag(6).ContextSpecific(), func(b *cryptobyte.Builder) { b.AddBytes([]byte(uri)) })
				})
			})
		})
	})
	return extension(31, false, b.BytesOrPanic())
}

// ocspAt is authorityInfoAccess with one OCSP responder (RFC 5280, 4.2.2.1).
func ocspAt(uri string) pkix.Extension {
	var b cryptobyte.Builder
	b.AddASN1(cryptobyteasn1.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddASN1(cryptobyteasn1.SEQUENCE, func(b *cryptobyte.Builder) {
			b.AddASN1ObjectIdentifier(asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 48, 1})
			b.AddASN1(cryptobyteasn1.Tag(6).ContextSpecific(), func(b *cryptobyte.Builder) { b.AddBytes([]byte(uri)) })
		})
	})
	return pkix.Extension{Id: asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 1, 1}, Value: b.BytesOrPanic()}
}

// keyIdentifier is RFC 5280, 4.2.1.2 method 1: SHA-1 of the key's bit string.
func keyIdentifier(key crypto.PublicKey) []byte {
	der, err := x509.MarshalPKIXPublicKey(key)
	if err != nil {
		return nil // no key that x509 knows; CreateCertificate says so
	}
	var spki, algorithm cryptobyte.String
	var bits asn1.BitString
	in := cryptobyte.String(der)
	if !in.ReadASN1(&spki, cryptobyteasn1.SEQUENCE) || !spki.ReadASN1(&algorithm, cryptobyteasn1.SEQUENCE) || !spki.ReadASN1BitString(&bits) {
		return nil
	}
	d := sha1.Sum(bits.Bytes) //nolint:gosec // see the import
	return d[:]
}

func subjectKeyIdentifier(key crypto.PublicKey) pkix.Extension {
	var b cryptobyte.Builder
	b.AddASN1OctetString(keyIdentifier(key))
	return extension(14, false, b.BytesOrPanic())
}

// authorityKeyIdentifier names the issuer by key, name and serial (RFC 5280, 4.2.1.1).
func authorityKeyIdentifier(ca *x509.Certificate) pkix.Extension {
	var b cryptobyte.Builder
	b.AddASN1(cryptobyteasn1.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddASN1(cryptobyteasn1.Tag(0).ContextSpecific(), func(b *cryptobyte.Builder) { b.AddBytes(ca.SubjectKeyId) })
		b.AddBytes(directoryNames(explicit(1), ca.RawIssuer))
		b.AddASN1(cryptobyteasn1.Tag(2).ContextSpecific(), func(b *cryptobyte.Builder) { b.AddBytes(ca.SerialNumber.Bytes()) })
	})
	return extension(35, false, b.BytesOrPanic())
}

// A Holder is what the subjectAltName of a signature certificate says, as text: the flags have one 0 or 1 for each character of name and
// address, BirthDate is the era's number and YYYYMMDD.
type Holder struct {
	Name, NameFlags, Address, AddressFlags string
	Sex, BirthDate                         string
}

// PersonalNames is the subjectAltName of a signature certificate: six otherNames in the order 1, 4, 3, 5, 2, 6 under
// 1.2.392.200149.8.5.5, each a UTF8String.
func PersonalNames(h Holder) []byte {
	var b cryptobyte.Builder
	b.AddASN1(cryptobyteasn1.SEQUENCE, func(b *cryptobyte.Builder) {
		for _, n := range []struct {
			number int
			value  string
		}{{1, h.Name}, {4, h.BirthDate}, {3, h.Sex}, {5, h.Address}, {2, h.NameFlags}, {6, h.AddressFlags}} {
			b.AddASN1(explicit(0), func(b *cryptobyte.Builder) {
				b.AddASN1ObjectIdentifier(asn1.ObjectIdentifier{1, 2, 392, 200149, 8, 5, 5, n.number})
				b.AddASN1(explicit(0), func(b *cryptobyte.Builder) {
					b.AddASN1(cryptobyteasn1.UTF8String, func(b *cryptobyte.Builder) { b.AddBytes([]byte(n.value)) })
				})
			})
		}
	})
	return b.BytesOrPanic()
}

// SubjectAltName makes the extension of a value.
func SubjectAltName(names []byte) pkix.Extension { return extension(17, false, names) }
