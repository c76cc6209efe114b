package vical

import (
	"bytes"
	"errors"
	"fmt"
	"math/big"
	"slices"

	"mobileid/mdoc/cbor"
)

// MediaType is the content type under which a VICAL is served (ISO/IEC 18013-5:2021, C.1.7.2).
const MediaType = "application/cwt"

// Bounds of what is read. A list of all the world's issuing authorities stays far below them.
const (
	// MaxSize bounds a whole VICAL.
	MaxSize = 4 << 20
	// MaxCertificates bounds its entries.
	MaxCertificates = 1024

	maxDocTypes = 64
	maxText     = 1024
	maxSerial   = 32 // bytes; X.509 allows 20
)

// ErrMalformed is wrapped by every error about the bytes of a VICAL.
var ErrMalformed = errors.New("malformed VICAL")

// Content is the payload of a VICAL, ISO/IEC 18013-5:2021, Annex C; notAfter, extensions and vicalURL are of the second
// edition draft:
//
//	VICAL = {"version": "1.0", "vicalProvider": tstr, "date": tdate, ? "vicalIssueID": uint, ? "nextUpdate": tdate,
//	         ? "notAfter": tdate, "certificateInfos": [* CertificateInfo], ? "extensions": {* tstr => any},
//	         ? "vicalURL": tstr, * tstr => any}
//
// Members that are not known are ignored; they stay in the signed bytes.
type Content struct {
	Version  string     `cbor:"version"`
	Provider string     `cbor:"vicalProvider"`
	Date     cbor.TDate `cbor:"date"`
	// IssueID grows with each list of the provider; nil when there is none.
	IssueID      *uint64           `cbor:"vicalIssueID,omitempty"`
	NextUpdate   *cbor.TDate       `cbor:"nextUpdate,omitempty"`
	NotAfter     *cbor.TDate       `cbor:"notAfter,omitempty"`
	Certificates []CertificateInfo `cbor:"certificateInfos"`
	Extensions   cbor.RawMessage   `cbor:"extensions,omitzero"`
	URL          string            `cbor:"vicalURL,omitempty"`
}

// CertificateInfo is one entry, ISO/IEC 18013-5:2021, Annex C:
//
//	CertificateInfo = {"certificate": bstr, "serialNumber": biguint, "ski": bstr, "docType": [+ tstr],
//	         ? "certificateProfile": [+ tstr], ? "issuingAuthority": tstr, ? "issuingCountry": tstr,
//	         ? "stateOrProvinceName": tstr, ? "issuer": bstr, ? "subject": bstr, ? "notBefore": tdate,
//	         ? "notAfter": tdate, ? "extensions": {* tstr => any}, * tstr => any}
//
// All but Certificate and DocTypes only describes the certificate and decides nothing.
type CertificateInfo struct {
	Certificate         []byte
	SerialNumber        *big.Int
	SKI                 []byte
	DocTypes            []string
	CertificateProfiles []string
	IssuingAuthority    string
	IssuingCountry      string
	StateOrProvinceName string
	Issuer, Subject     []byte
	NotBefore, NotAfter *cbor.TDate
	// Members are the names of all members as received, in their order.
	Members []string

	serialForm cbor.RawMessage
	raw        cbor.RawMessage
}

// wireInfo is CertificateInfo as it is written, ISO/IEC 18013-5:2021, Annex C (CDDL at CertificateInfo).
type wireInfo struct {
	Certificate         []byte          `cbor:"certificate"`
	SerialNumber        cbor.RawMessage `cbor:"serialNumber"`
	SKI                 []byte          `cbor:"ski"`
	DocTypes            []string        `cbor:"docType"`
	CertificateProfiles []string        `cbor:"certificateProfile,omitempty"`
	IssuingAuthority    string          `cbor:"issuingAuthority,omitempty"`
	IssuingCountry      string          `cbor:"issuingCountry,omitempty"`
	StateOrProvinceName string          `cbor:"stateOrProvinceName,omitempty"`
	Issuer              []byte          `cbor:"issuer,omitempty"`
	Subject             []byte          `cbor:"subject,omitempty"`
	NotBefore           *cbor.TDate     `cbor:"notBefore,omitempty"`
	NotAfter            *cbor.TDate     `cbor:"notAfter,omitempty"`
}

// parseInfo reads an entry and keeps its bytes.
func parseInfo(raw []byte) (CertificateInfo, error) {
	c := CertificateInfo{raw: raw}
	var err error
	if c.Members, err = decodeMembers(raw, map[string]any{
		"certificate": &c.Certificate, "serialNumber": &c.serialForm, "ski": &c.SKI, "docType": &c.DocTypes,
		"certificateProfile": &c.CertificateProfiles, "issuingAuthority": &c.IssuingAuthority, "issuingCountry": &c.IssuingCountry,
		"stateOrProvinceName": &c.StateOrProvinceName, "issuer": &c.Issuer, "subject": &c.Subject,
		"notBefore": &c.NotBefore, "notAfter": &c.NotAfter,
	}, "certificate", "serialNumber", "ski", "docType"); err != nil {
		return CertificateInfo{}, err
	}
	if c.SerialNumber, err = readSerial(c.serialForm); err != nil {
		return CertificateInfo{}, err
	}
	if err := c.check(); err != nil {
		return CertificateInfo{}, err
	}
	return c, nil
}

// parseContent reads the payload.
func parseContent(raw []byte) (Content, error) {
	var c Content
	var entries cbor.RawMessage
	if _, err := decodeMembers(raw, map[string]any{
		"version": &c.Version, "vicalProvider": &c.Provider, "date": &c.Date, "vicalIssueID": &c.IssueID, "nextUpdate": &c.NextUpdate,
		"notAfter": &c.NotAfter, "certificateInfos": &entries, "extensions": &c.Extensions, "vicalURL": &c.URL,
	}, "version", "vicalProvider", "date", "certificateInfos"); err != nil {
		return Content{}, err
	}
	items, err := cbor.Items(entries)
	if err != nil {
		return Content{}, err
	}
	if len(items) > MaxCertificates {
		return Content{}, fmt.Errorf("%d entries, limit %d", len(items), MaxCertificates)
	}
	c.Certificates = make([]CertificateInfo, len(items))
	for i, item := range items {
		if c.Certificates[i], err = parseInfo(item); err != nil {
			return Content{}, fmt.Errorf("entry %d: %w", i, err)
		}
	}
	return c, c.check()
}

// decodeMembers decodes the members of a map that are named in fields and gives the names of all. It goes member by member
// because the strict decoder refuses the bignum in a serial number, wherever it stands.
func decodeMembers(raw []byte, fields map[string]any, required ...string) (names []string, err error) {
	pairs, err := cbor.Pairs(raw)
	if err != nil {
		return nil, err
	}
	for _, p := range pairs {
		if p.IsInt {
			return nil, errors.New("a member without a name")
		}
		names = append(names, p.Text)
		switch field := fields[p.Text].(type) {
		case nil:
		case *cbor.RawMessage:
			*field = p.Value
		default:
			if err := cbor.Unmarshal(p.Value, field); err != nil {
				return nil, fmt.Errorf("%s: %w", p.Text, err)
			}
		}
	}
	for _, r := range required {
		if !slices.Contains(names, r) {
			return nil, fmt.Errorf("no %s", r)
		}
	}
	return names, nil
}

func (c *CertificateInfo) check() error {
	switch {
	case len(c.Certificate) == 0:
		return errors.New("an empty certificate")
	case len(c.DocTypes) == 0 || len(c.DocTypes) > maxDocTypes:
		return fmt.Errorf("an entry for %d document types", len(c.DocTypes))
	}
	texts := append([]string{c.IssuingAuthority, c.IssuingCountry, c.StateOrProvinceName}, c.DocTypes...)
	for _, t := range append(texts, c.CertificateProfiles...) {
		if len(t) > maxText {
			return fmt.Errorf("a text of %d bytes", len(t))
		}
	}
	for _, d := range c.DocTypes {
		if d == "" {
			return errors.New("an empty document type")
		}
	}
	return nil
}

// MarshalCBOR gives the bytes an entry was read from, or encodes a new one.
func (c CertificateInfo) MarshalCBOR() ([]byte, error) {
	if c.raw != nil {
		return c.raw, nil
	}
	return cbor.Marshal(wireInfo{
		Certificate: c.Certificate, SerialNumber: appendSerial(nil, c.SerialNumber), SKI: c.SKI, DocTypes: c.DocTypes,
		CertificateProfiles: c.CertificateProfiles, IssuingAuthority: c.IssuingAuthority, IssuingCountry: c.IssuingCountry,
		StateOrProvinceName: c.StateOrProvinceName, Issuer: c.Issuer, Subject: c.Subject, NotBefore: c.NotBefore, NotAfter: c.NotAfter,
	})
}

// tagBignum marks a byte string that holds an unsigned integer (RFC 8949, 3.4.3). It is less than 24, so its head is one
// byte.
const tagBignum = 2

// readSerial takes the three forms that are in use: an unsigned integer, a bignum, the bytes alone.
func readSerial(raw cbor.RawMessage) (*big.Int, error) {
	var small uint64
	if cbor.Unmarshal(raw, &small) == nil {
		return new(big.Int).SetUint64(small), nil
	}
	digits := raw
	if isBignum(raw) {
		digits = raw[1:]
	}
	var b []byte
	if err := cbor.Unmarshal(digits, &b); err != nil {
		return nil, errors.New("a serial number that is no unsigned integer")
	}
	if len(b) > maxSerial {
		return nil, fmt.Errorf("a serial number of %d bytes", len(b))
	}
	return new(big.Int).SetBytes(b), nil
}

func isBignum(raw cbor.RawMessage) bool {
	return bytes.HasPrefix(raw, cbor.AppendTag(nil, tagBignum))
}

// appendSerial writes the bignum that the text asks for, whatever the size.
func appendSerial(b []byte, n *big.Int) []byte {
	return cbor.AppendBytes(cbor.AppendTag(b, tagBignum), n.Bytes())
}
