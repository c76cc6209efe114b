package applet

import (
	"encoding/binary"

	"mobileid/mdoc/provisioning"
	"mobileid/tsm/applet/ledger"
	"mobileid/tsm/se"
)

// Names of the objects of an instance.
const (
	objLive       = "live"
	objLiveKey    = "live.key"
	objCredential = "live.credential"
	objUses       = "live.uses"
	objPending    = "pending"
	objPendingKey = "pending.key"
	objSealingKey = "pending.sealing"
	objPIN        = "pin"
	objTries      = "pin.tries"
	objPINVersion = "pin.version"
)

// live describes the credential in force. Own profile, inside the element only:
//
//	{"purpose": 1 / 2, "docType": tstr}
type live struct {
	Purpose provisioning.Purpose `cbor:"purpose"`
	DocType string               `cbor:"docType"`
}

// pending is the order whose keys were born and whose credential has not come. Own profile, inside the element only:
//
//	{"orderID": bstr, "purpose": 1 / 2, "challenge": bstr}
type pending struct {
	OrderID   []byte               `cbor:"orderID"`
	Purpose   provisioning.Purpose `cbor:"purpose"`
	Challenge []byte               `cbor:"challenge"`
}

// underWay is the id of the order whose keys were born; nil when there is none.
func (a *instance) underWay() []byte {
	if under := ledger.Record[pending](a.p, objPending); under != nil {
		return under.OrderID
	}
	return nil
}

// uses is how often the live key was used.
func uses(p *se.Platform) uint64 { return number(p, objUses) }

// pinVersion is 0 without a PIN, 1 for the first, and rises with every change.
func pinVersion(p *se.Platform) uint64 { return number(p, objPINVersion) }

// number reads a counter; 0 when there is none.
func number(p *se.Platform, name string) uint64 {
	raw, ok := p.Load(name)
	if !ok || len(raw) != 8 {
		return 0
	}
	return binary.BigEndian.Uint64(raw)
}

func encodeNumber(n uint64) []byte { return binary.BigEndian.AppendUint64(nil, n) }
