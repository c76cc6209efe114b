package engagement

import (
	"crypto/ecdh"
	"fmt"

	"mobileid/mdoc/cbor"
)

const (
	// MaxOriginInfos bounds key 5; two types are defined.
	MaxOriginInfos = 16
	// MaxCurves bounds the list of curves in Capabilities.
	MaxCurves = 16
)

// Types and category of OriginInfo, ISO/IEC TS 18013-7, Annex A.
const (
	OriginOther    = 0
	OriginDomain   = 1
	categoryOrigin = 1
)

// OriginInfo tells how the engagement came to the mdoc. ISO/IEC TS 18013-7, Annex A; key 5 of ISO/IEC 18013-5 second edition
// draft, 9.1:
//
//	OriginInfo = {"cat": 1, "type": uint, "details": {+ tstr => any}}
type OriginInfo struct {
	Category uint64 `cbor:"cat"`
	Type     uint64 `cbor:"type"`
	// Details is the map as received.
	Details cbor.RawMessage `cbor:"details"`
}

// domainDetails are the details of type 1, ISO/IEC TS 18013-7, Annex A:
//
//	{"domain": tstr}          ; "" when it is not known
type domainDetails struct {
	Domain string `cbor:"domain"`
}

// DomainOrigin makes the info that the engagement came from a website; domain is empty when it is not known.
func DomainOrigin(domain string) OriginInfo {
	details := cbor.AppendText(cbor.AppendText(cbor.AppendMapHead(nil, 1), "domain"), domain)
	return OriginInfo{Category: categoryOrigin, Type: OriginDomain, Details: details}
}

// Domain gives the domain of a domain origin; ok is false for another.
func (o OriginInfo) Domain() (domain string, ok bool) {
	var d domainDetails
	if o.Type != OriginDomain || cbor.Unmarshal(o.Details, &d) != nil {
		return "", false
	}
	return d.Domain, true
}

func (o OriginInfo) check() error {
	if o.Category != categoryOrigin {
		return fmt.Errorf("origin info of category %d: %w", o.Category, ErrMalformed)
	}
	if pairs, _ := cbor.Pairs(o.Details); len(pairs) == 0 { // nor on failure
		return fmt.Errorf("origin info: details: %w", ErrMalformed)
	}
	if _, ok := o.Domain(); o.Type == OriginDomain && !ok {
		return fmt.Errorf("origin info: no domain: %w", ErrMalformed)
	}
	return nil
}

// Capabilities say what the mdoc can do. ISO/IEC 18013-5 second edition draft, 9.1 (keys 2 to 4), and ISO/IEC TS 18013-7
// (keys 0 and 1):
//
//	Capabilities = {
//	  ? 0: bool, ? 1: [+ int],      ; MacKeysSupport, MacKeysCurves (only with 0 true)
//	  ? 2: true, ? 3: true, ? 4: bool,
//	  * int => any
//	}
//
// False, where it may stand, says what absence says, and is not written.
type Capabilities struct {
	MACKeys       bool    `cbor:"0,keyasint,omitempty"`
	MACKeysCurves []int64 `cbor:"1,keyasint,omitempty"`
	// HandoverSessionEstablishment: takes SessionEstablishment during negotiated handover.
	HandoverSessionEstablishment bool `cbor:"2,keyasint,omitempty"`
	ReaderAuthAll                bool `cbor:"3,keyasint,omitempty"`
	// ExtendedRequest: understands alternative elements, issuer identifiers and use cases, all three.
	ExtendedRequest bool `cbor:"4,keyasint,omitempty"`
}

func (c *Capabilities) check() error {
	if c == nil {
		return nil
	}
	if n := len(c.MACKeysCurves); n > MaxCurves || n > 0 && !c.MACKeys {
		return fmt.Errorf("capabilities: %d curves, MAC keys %t: %w", n, c.MACKeys, ErrMalformed)
	}
	return nil
}

// Extension is what version 1.1 adds. Nil is absent.
type Extension struct {
	OriginInfos  []OriginInfo
	Capabilities *Capabilities
}

// NewExtended makes an engagement of version 1.1, as [New] does one of 1.0. Without origin infos the list is written empty.
func NewExtended(eDeviceKey *ecdh.PublicKey, methods []RetrievalMethod, x Extension) (*DeviceEngagement, error) {
	s := structure{Version: version11, Methods: methods, OriginInfos: x.OriginInfos, Capabilities: x.Capabilities}
	if s.OriginInfos == nil {
		s.OriginInfos = []OriginInfo{}
	}
	return build(eDeviceKey, s)
}

// Extension gives keys 5 and 6. The caller does not change what they point at.
func (e *DeviceEngagement) Extension() Extension {
	return Extension{OriginInfos: e.structure.OriginInfos, Capabilities: e.structure.Capabilities}
}

// checkExtension demands version 1.1 exactly when key 5 or 6 is there, and 5 when 6 is. What later versions do is theirs.
func (s *structure) checkExtension() error {
	there := s.OriginInfos != nil || s.Capabilities != nil
	switch {
	case s.Version == version10 && there, s.Version == version11 && !there:
		return fmt.Errorf("version %s and keys 5 and 6 do not fit: %w", s.Version, ErrMalformed)
	case s.Capabilities != nil && s.OriginInfos == nil:
		return fmt.Errorf("capabilities without origin infos: %w", ErrMalformed)
	case len(s.OriginInfos) > MaxOriginInfos:
		return fmt.Errorf("%d origin infos: %w", len(s.OriginInfos), ErrMalformed)
	}
	seen := make(map[uint64]bool)
	for _, o := range s.OriginInfos {
		if seen[o.Type] {
			return fmt.Errorf("origin info type %d is there twice: %w", o.Type, ErrMalformed)
		}
		seen[o.Type] = true
		if err := o.check(); err != nil {
			return err
		}
	}
	return s.Capabilities.check()
}
