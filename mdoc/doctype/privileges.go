package doctype

import (
	"errors"
	"fmt"

	"mobileid/mdoc/cbor"
)

// maxPrivileges bounds the categories, and the codes of one; no licence has as many.
const maxPrivileges = 64

// DrivingPrivilege is one category of driving_privileges, ISO/IEC 18013-5:2021, 7.2.4.
//
//	DrivingPrivilege = {"vehicle_category_code": tstr, ? "issue_date": full-date, ? "expiry_date": full-date,
//	                    ? "codes": [+ DrivingCode], * tstr => any}
type DrivingPrivilege struct {
	Category   string         `cbor:"vehicle_category_code"`
	IssueDate  *cbor.FullDate `cbor:"issue_date,omitempty"`
	ExpiryDate *cbor.FullDate `cbor:"expiry_date,omitempty"`
	Codes      []DrivingCode  `cbor:"codes,omitzero"`
}

// DrivingCode is a condition or restriction, ISO/IEC 18013-5:2021, 7.2.4.
//
//	DrivingCode = {"code": tstr, ? "sign": tstr, ? "value": tstr, * tstr => any}
type DrivingCode struct {
	Code  string `cbor:"code"`
	Sign  string `cbor:"sign,omitempty"`
	Value string `cbor:"value,omitempty"`
}

// ParseDrivingPrivileges decodes the value of driving_privileges, an array that may be empty. Categories and codes have a name.
func ParseDrivingPrivileges(value []byte) ([]DrivingPrivilege, error) {
	var out []DrivingPrivilege
	if err := cbor.Unmarshal(value, &out); err != nil {
		return nil, fmt.Errorf("decoding driving privileges: %w", err)
	}
	if len(out) > maxPrivileges {
		return nil, fmt.Errorf("decoding driving privileges: %d categories, at most %d are taken", len(out), maxPrivileges)
	}
	for _, p := range out {
		if p.Category == "" || p.Codes != nil && len(p.Codes) == 0 || len(p.Codes) > maxPrivileges {
			return nil, errors.New("decoding driving privileges: a category without a name, or with no or too many codes")
		}
		for _, c := range p.Codes {
			if c.Code == "" {
				return nil, errors.New("decoding driving privileges: a code without a name")
			}
		}
	}
	return out, nil
}
