package inspect

import (
	"bytes"
	"crypto/x509"
	"errors"
	"fmt"
	"slices"
	"strconv"

	"mobileid/mdoc/cbor"
	"mobileid/mdoc/cose"
	"mobileid/mdoc/pki"
	"mobileid/mdoc/statuslist"
	"mobileid/mdoc/verdict"
	"mobileid/mdoc/vical"
)

// statusToken judges a status list token under its own name, and counts its list also when the signer is not trusted.
func (g Given) statusToken(raw []byte) verdict.Verdict {
	var v verdict.Verdict
	token, err := statuslist.Parse(raw)
	v.Record(idDecode, "ISO/IEC 18013-5 second edition, 12.3.6", err == nil, measured(err, strconv.Itoa(len(raw))+" bytes"))
	if err != nil {
		return v
	}
	sub, list := claimsOf(raw)
	roots, why := g.roots()
	_, judged, err := token.Verify(roots, sub, g.at())
	if err != nil {
		v.NotRun("status.token.subject", "docs/inspect.md", "the token has no subject")
	}
	for _, c := range judged.Checks {
		switch {
		case c.ID == "status.token.subject" && c.Outcome == verdict.Pass:
			c.Outcome, c.Measured = verdict.NotRun, "the document that names the list is not here"
		case c.ID == "status.token.list" && c.Outcome == verdict.NotRun:
			continue // counted below
		}
		v.Checks = append(v.Checks, c)
	}
	countList(&v, list)
	return g.withhold(v, why)
}

func countList(v *verdict.Verdict, raw []byte) {
	const clause = "Token Status List, status list"
	if len(raw) == 0 {
		v.NotRun(idList, clause, "the token carries no status list")
		return
	}
	list, err := statuslist.Decode(raw)
	if err != nil {
		v.Fail(idList, clause, err.Error())
		return
	}
	valid, invalid, others := countEntries(list)
	v.Pass(idList, clause, fmt.Sprintf("%d entries of %d bit(s): %d valid, %d invalid, %d others", list.Len(), list.Bits(), valid, invalid, others))
}

func countEntries(list *statuslist.List) (valid, invalid, others int) {
	width := list.Bits()
	mask := byte(1<<width - 1)
	var perByte [256][3]int // valid, invalid, others in each value of a byte
	for b := range perByte {
		for shift := 0; shift < 8; shift += width {
			perByte[b][min(byte(b)>>shift&mask, 2)]++
		}
	}
	for _, b := range list.Bytes() {
		n := &perByte[b]
		valid, invalid, others = valid+n[0], invalid+n[1], others+n[2]
	}
	return valid, invalid, others
}

// StatusListURI gives the subject of a status list token: where it is published.
func StatusListURI(raw []byte) (string, error) {
	sub, _ := claimsOf(raw)
	if sub == "" {
		return "", errors.New("reading status list token: not a token with a subject")
	}
	return sub, nil
}

// claimsOf gives the subject and the encoded status list of a token.
func claimsOf(raw []byte) (sub string, list []byte) {
	m, err := cose.ParseTaggedSign1(raw)
	if err != nil {
		return "", nil
	}
	pairs, err := cbor.Pairs(m.Payload())
	if err != nil {
		return "", nil
	}
	for _, p := range pairs {
		switch {
		case p.IsInt && p.Int == 2:
			_ = cbor.Unmarshal(p.Value, &sub) // no text: no subject
		case p.IsInt && p.Int == 65533:
			list = p.Value
		}
	}
	return sub, list
}

// vical judges a VICAL for its signer and its form, and the chain it brings along.
func (g Given) vical(raw []byte) verdict.Verdict {
	var v verdict.Verdict
	list, err := vical.Parse(raw)
	v.Record(idDecode, "ISO/IEC 18013-5:2021, C.1.7", err == nil, measured(err, strconv.Itoa(len(raw))+" bytes"))
	if err != nil {
		return v
	}
	providers, why := g.providers()
	_, judged, err := list.Verify(providers, g.at())
	if err != nil {
		return v
	}
	if g.At.IsZero() {
		judged.Checks = slices.DeleteFunc(judged.Checks, func(c verdict.Check) bool { return c.ID == "tolerance.vical_overdue" })
	}
	v.Append(g.withhold(judged, why))
	if m, err := cose.ParseSign1(raw); err == nil {
		if chain, err := m.X5Chain(); err == nil {
			inner(&v, chain)
		}
	}
	return v
}

// crl judges a revocation list if its issuer is among the roots.
func (g Given) crl(der []byte) verdict.Verdict {
	const clause = "ISO/IEC 18013-5:2021, Annex B, Table B.10"
	var v verdict.Verdict
	list, err := pki.ParseCRL(der)
	v.Record("crl.der", clause, err == nil, measured(err, strconv.Itoa(len(der))+" bytes"))
	if err != nil {
		return v
	}
	for _, root := range g.Roots {
		if issuer, err := x509.ParseCertificate(root); err == nil && bytes.Equal(issuer.RawSubject, list.Issuer()) {
			v.Append(g.withhold(list.Verify(issuer, g.at()), ""))
			return v
		}
	}
	v.NotRun("crl.signature", clause, "the issuer is not among the roots given: --roots")
	return v
}
