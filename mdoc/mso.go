package mdoc

import (
	"crypto"
	_ "crypto/sha256" // SHA-256 of the MSO
	_ "crypto/sha512" // SHA-384 and SHA-512 of the MSO
	"fmt"

	"mobileid/mdoc/cbor"
	"mobileid/mdoc/cose"
)

// MobileSecurityObject is ISO/IEC 18013-5:2021, 9.1.2.4; status: second edition, 12.3.
//
//	MobileSecurityObject = {
//	    "version": tstr, "digestAlgorithm": tstr,
//	    "valueDigests": {+ NameSpace => {+ DigestID => Digest}},
//	    "deviceKeyInfo": DeviceKeyInfo, "docType": tstr, "validityInfo": ValidityInfo, ? "status": Status, * tstr => any}
type MobileSecurityObject struct {
	Version         string                    `cbor:"version"`
	DigestAlgorithm string                    `cbor:"digestAlgorithm"`
	ValueDigests    cbor.Map[string, Digests] `cbor:"valueDigests"`
	DeviceKeyInfo   DeviceKeyInfo             `cbor:"deviceKeyInfo"`
	DocType         string                    `cbor:"docType"`
	ValidityInfo    ValidityInfo              `cbor:"validityInfo"`
	Status          *Status                   `cbor:"status,omitempty"`
}

// Digests are the digests of one namespace by digestID.
type Digests = cbor.Map[uint64, []byte]

// DeviceKeyInfo is ISO/IEC 18013-5:2021, 9.1.2.4.
//
//	DeviceKeyInfo = {"deviceKey": COSE_Key, ? "keyAuthorizations": KeyAuthorizations, ? "keyInfo": {* int => any}, * tstr => any}
type DeviceKeyInfo struct {
	DeviceKey         cose.Key           `cbor:"deviceKey"`
	KeyAuthorizations *KeyAuthorizations `cbor:"keyAuthorizations,omitempty"`
}

// ValidityInfo is ISO/IEC 18013-5:2021, 9.1.2.4.
//
//	ValidityInfo = {"signed": tdate, "validFrom": tdate, "validUntil": tdate, ? "expectedUpdate": tdate, * tstr => any}
type ValidityInfo struct {
	Signed         cbor.TDate  `cbor:"signed"`
	ValidFrom      cbor.TDate  `cbor:"validFrom"`
	ValidUntil     cbor.TDate  `cbor:"validUntil"`
	ExpectedUpdate *cbor.TDate `cbor:"expectedUpdate,omitempty"`

	fractions int // how many dates were read with a fraction of a second
}

// validityDates is [ValidityInfo] before its dates are read, ISO/IEC 18013-5:2021, 9.1.2.4.
type validityDates struct {
	Signed         cbor.RawMessage `cbor:"signed"`
	ValidFrom      cbor.RawMessage `cbor:"validFrom"`
	ValidUntil     cbor.RawMessage `cbor:"validUntil"`
	ExpectedUpdate cbor.RawMessage `cbor:"expectedUpdate,omitzero"`
}

// UnmarshalCBOR also takes dates with a fraction of a second, which the verdict then names; the instants are exact.
func (v *ValidityInfo) UnmarshalCBOR(data []byte) error {
	var raw validityDates
	if err := cbor.Unmarshal(data, &raw); err != nil {
		return err
	}
	var out ValidityInfo
	if raw.ExpectedUpdate != nil {
		out.ExpectedUpdate = new(cbor.TDate)
		if err := out.readDate(out.ExpectedUpdate, raw.ExpectedUpdate); err != nil {
			return err
		}
	}
	if err := out.readDate(&out.Signed, raw.Signed); err != nil {
		return err
	}
	if err := out.readDate(&out.ValidFrom, raw.ValidFrom); err != nil {
		return err
	}
	if err := out.readDate(&out.ValidUntil, raw.ValidUntil); err != nil {
		return err
	}
	*v = out
	return nil
}

func (v *ValidityInfo) readDate(d *cbor.TDate, raw cbor.RawMessage) error {
	read, fraction, err := cbor.ReadTDate(raw)
	if err != nil {
		return err
	}
	if fraction {
		v.fractions++
	}
	*d = read
	return nil
}

// digestHash gives the hash of a digestAlgorithm name, ISO/IEC 18013-5:2021, Table 21.
func digestHash(name string) (crypto.Hash, error) {
	switch name {
	case "SHA-256":
		return crypto.SHA256, nil
	case "SHA-384":
		return crypto.SHA384, nil
	case "SHA-512":
		return crypto.SHA512, nil
	}
	return 0, fmt.Errorf("a digest algorithm that the standard does not name")
}
