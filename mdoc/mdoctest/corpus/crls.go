package corpus

import (
	"bytes"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"math/big"
	"time"

	"mobileid/mdoc/cose"
)

var (
	oidAuthorityKey = asn1.ObjectIdentifier{2, 5, 29, 35}
	oidCRLNumber    = asn1.ObjectIdentifier{2, 5, 29, 20}
	oidReason       = asn1.ObjectIdentifier{2, 5, 29, 21}
	oidDelta        = asn1.ObjectIdentifier{2, 5, 29, 27}
	oidIssuingPoint = asn1.ObjectIdentifier{2, 5, 29, 28}
)

// revocation is RFC 5280, 5.1 TBSCertList in parts, to write what the Go library refuses to write.
type revocation struct {
	Version    int `asn1:"optional"`
	Signature  pkix.AlgorithmIdentifier
	Issuer     asn1.RawValue
	ThisUpdate time.Time
	NextUpdate time.Time        `asn1:"optional"`
	Revoked    []entry          `asn1:"optional"`
	Extensions []pkix.Extension `asn1:"optional,explicit,tag:0"`
}

// entry is one revoked certificate of RFC 5280, 5.1.
type entry struct {
	Serial     *big.Int
	Date       time.Time
	Extensions []pkix.Extension `asn1:"optional"`
}

// crl makes a list of the IACA that revokes nobody in the world, with changes.
func (a *authority) crl(change func(*revocation)) []byte {
	r := revocation{Version: 1, Signature: pkix.AlgorithmIdentifier{Algorithm: ecdsaSHA256}, Issuer: asn1.RawValue{FullBytes: a.iaca.RawSubject},
		ThisUpdate: now.Add(-time.Hour), NextUpdate: now.AddDate(0, 0, 30), Revoked: []entry{{Serial: serial("somebody else"), Date: now.Add(-2 * time.Hour)}},
		Extensions: []pkix.Extension{extension(oidAuthorityKey, false, struct {
			ID []byte `asn1:"optional,tag:0"`
		}{a.iaca.SubjectKeyId}), extension(oidCRLNumber, false, 12)}}
	change(&r)
	return sealed(must(asn1.Marshal(r)), r.Signature, cose.Deterministic(a.iacaKey))
}

func revoked(der []byte) entry {
	return entry{Serial: must(x509.ParseCertificate(der)).SerialNumber, Date: now.Add(-time.Hour)}
}

type crlRow struct {
	label
	der []byte
}

func crlCases(a *authority) []Case {
	row := func(name, fails, reason string, change func(*revocation)) crlRow {
		return crlRow{label: label{name, "crl." + fails, reason, "P7"}, der: a.crl(change)}
	}
	raw := func(name, reason string, der []byte) crlRow {
		return crlRow{label: label{name, "crl.der", reason, "P7 M1"}, der: der}
	}
	adds := func(e pkix.Extension) func(*revocation) {
		return func(r *revocation) { r.Extensions = append(r.Extensions, e) }
	}
	good := a.crl(func(*revocation) {})
	flipped := bytes.Clone(good)
	flipped[len(flipped)-3] ^= 1
	number := func(n *big.Int) func(*revocation) {
		return func(r *revocation) { r.Extensions[1] = extension(oidCRLNumber, false, n) }
	}
	rows := []crlRow{
		{label: label{name: "base", reason: "a good list"}, der: good},
		{label: label{name: "base-empty", reason: "a list that revokes nobody"}, der: a.crl(func(r *revocation) { r.Revoked = nil })},
		{label: label{name: "base-reason", reason: "an entry with a reason"}, der: a.crl(func(r *revocation) {
			r.Revoked[0].Extensions = []pkix.Extension{extension(oidReason, false, asn1.Enumerated(4))}
		})},
		{label: label{name: "base-without-aki", reason: "no authority key identifier"}, der: a.crl(func(r *revocation) { r.Extensions = r.Extensions[1:] })},
		raw("empty", "no bytes", []byte{}),
		raw("garbage", "no list", []byte("list")),
		raw("trailing", "a byte after the list", append(bytes.Clone(good), 0)),
		raw("cut", "the last byte is missing", good[:len(good)-1]),
		raw("too-long", "more than 512 KiB", a.crl(adds(pkix.Extension{Id: oidUnknown, Value: make([]byte, 512<<10)}))),
		row("version-1", "der", "version 1", func(r *revocation) { r.Version, r.Extensions = 0, nil }),
		row("issuer-other", "issuer", "the list of another CA", func(r *revocation) { r.Issuer = asn1.RawValue{FullBytes: nameOf("TEST other IACA")} }),
		row("issuer-case", "issuer", "the issuer's name in another case", func(r *revocation) { r.Issuer = asn1.RawValue{FullBytes: nameOf("TEST iaca")} }),
		row("aki-other", "authority_key_id", "the authority key identifier of another key", func(r *revocation) {
			r.Extensions[0] = extension(oidAuthorityKey, false, struct {
				ID []byte `asn1:"optional,tag:0"`
			}{[]byte{6, 6, 6}})
		}),
		row("sha1", "signature_algorithm", "signed with SHA-1", func(r *revocation) { r.Signature = pkix.AlgorithmIdentifier{Algorithm: ecdsaSHA1} }),
		row("rsa", "signature_algorithm", "signed with RSA", func(r *revocation) {
			r.Signature = pkix.AlgorithmIdentifier{Algorithm: rsaSHA256, Parameters: asn1.NullRawValue}
		}),
		{label: label{"signature-bit", "crl.signature", "one bit of the signature", "P7 P1"}, der: flipped},
		{label: label{"signature-stranger", "crl.signature", "signed by a stranger", "P7"}, der: func() []byte {
			b := *a
			b.iacaKey = a.strangerKey
			return b.crl(func(*revocation) {})
		}()},
		row("number-missing", "number", "no number", func(r *revocation) { r.Extensions = r.Extensions[:1] }),
		row("number-negative", "number", "a negative number", number(big.NewInt(-1))),
		row("number-long", "number", "a number of 21 octets", number(new(big.Int).Lsh(big.NewInt(1), 160))),
		row("delta", "scope", "a delta list", adds(extension(oidDelta, true, 11))),
		row("issuing-point", "scope", "a list of part of the certificates", adds(pkix.Extension{Id: oidIssuingPoint, Critical: true, Value: []byte{0x30, 0x03, 0x81, 0x01, 0xff}})),
		row("critical", "scope", "a critical extension that is not known", adds(extension(oidUnknown, true, 1))),
		row("extension-twice", "scope", "an extension stands twice", func(r *revocation) {
			r.Extensions = append(r.Extensions, extension(oidUnknown, false, 1), extension(oidUnknown, false, 2))
		}),
		row("entry-critical", "entries", "a critical entry extension that is not known", func(r *revocation) {
			r.Revoked[0].Extensions = []pkix.Extension{extension(oidUnknown, true, 1)}
		}),
		row("entry-serial-zero", "entries", "an entry for serial number zero", func(r *revocation) { r.Revoked[0].Serial = new(big.Int) }),
		row("entry-serial-negative", "entries", "an entry for a negative serial number", func(r *revocation) { r.Revoked[0].Serial = big.NewInt(-5) }),
		row("entry-serial-long", "entries", "an entry for a serial number of 21 octets", func(r *revocation) { r.Revoked[0].Serial = new(big.Int).Lsh(big.NewInt(1), 161) }),
		row("entry-twice", "entries", "a certificate stands twice", func(r *revocation) { r.Revoked = append(r.Revoked, r.Revoked[0]) }),
		row("future", "validity", "from the future", func(r *revocation) { r.ThisUpdate = now.Add(time.Second) }),
		row("expired", "validity", "expired a second ago", func(r *revocation) { r.NextUpdate = now.Add(-time.Second) }),
		row("without-end", "validity", "no nextUpdate", func(r *revocation) { r.NextUpdate = time.Time{} }),
	}
	var out []Case
	for _, r := range rows {
		c := r.of(CRL, "base")
		c.At = now
		c.add("crl", r.der)
		c.add("issuer", a.iaca.Raw)
		out = append(out, c)
	}
	ee := label{"issuer-not-for-crls", "crl.issuer_usage", "the issuer may sign no revocation list", "P7"}.of(CRL, "base")
	ee.At = now
	t := rootTemplate("TEST IACA")
	t.KeyUsage = x509.KeyUsageCertSign
	ee.add("crl", good)
	ee.add("issuer", certify(t, nil, a.iacaKey.Public(), a.iacaKey))
	no := label{"issuer-no-ca", "crl.issuer_usage", "the issuer is no CA", "P7"}.of(CRL, "base")
	no.At = now
	t = rootTemplate("TEST IACA")
	t.IsCA, t.MaxPathLenZero = false, false
	no.add("crl", good)
	no.add("issuer", certify(t, nil, a.iacaKey.Public(), a.iacaKey))
	return append(out, ee, no)
}

// revocationRows are answers whose document signer is revoked, or of whom nothing is known.
func revocationRows(a *authority) []responseRow {
	row := func(name, fails, reason string, ders ...[]byte) responseRow {
		return responseRow{label{"revocation-" + name, fails, reason, "P2 P7 S22"}, func(p *presentation) { p.crls = ders }}
	}
	const id, unknown = "issuer_auth.revocation", "?issuer_auth.revocation"
	return []responseRow{
		row("revoked", id, "the document signer is revoked", a.crl(func(r *revocation) { r.Revoked = append(r.Revoked, revoked(a.ds)) })),
		row("on-hold", id, "the document signer is on hold", a.crl(func(r *revocation) {
			e := revoked(a.ds)
			e.Extensions = []pkix.Extension{extension(oidReason, false, asn1.Enumerated(6))}
			r.Revoked = append(r.Revoked, e)
		})),
		row("revoked-expired-list", id, "the document signer is revoked by a list that has expired", a.crl(func(r *revocation) {
			r.Revoked, r.NextUpdate = append(r.Revoked, revoked(a.ds)), now.Add(-time.Second)
		})),
		row("no-list", unknown, "the reader has no revocation list"),
		row("expired", unknown, "the revocation list has expired", a.crl(func(r *revocation) { r.NextUpdate = now.Add(-time.Second) })),
		row("other-issuer", unknown, "the revocation list is another CA's", a.crl(func(r *revocation) { r.Issuer = asn1.RawValue{FullBytes: nameOf("TEST other IACA")} })),
		row("stranger", unknown, "the revocation list is signed by a stranger", func() []byte {
			b := *a
			b.iacaKey = a.strangerKey
			return b.crl(func(*revocation) {})
		}()),
		row("older", id, "an older list that clears the signer comes after the one that revokes it", a.crl(func(r *revocation) {
			r.Revoked = append(r.Revoked, revoked(a.ds))
		}), a.crl(func(r *revocation) { r.Extensions[1] = extension(oidCRLNumber, false, 11) })),
	}
}
