package gp

import (
	"encoding/binary"
	"fmt"

	"mobileid/mdoc/apdu"
)

const insGetData = 0xCA

// Data objects GET DATA asks for, Card Specification 2.3.1, table 11-27 and H.2 to H.4.
const (
	DataIIN                 uint16 = 0x0042 // issuer identification number
	DataCardImage           uint16 = 0x0045 // card image number
	DataCardRecognition     uint16 = 0x0066
	DataCapabilities        uint16 = 0x0067
	DataSequenceCounter     uint16 = 0x00C1
	DataConfirmationCounter uint16 = 0x00C2
	DataDiversification     uint16 = 0x00CF // by custom
	DataSecurityLevel       uint16 = 0x00D3
	DataKeyInformation      uint16 = 0x00E0
	DataKeyInformationMore  uint16 = 0x01E0 // its next page, by custom
	DataApplications        uint16 = 0x2F00
	DataManagerURL          uint16 = 0x5F50
	DataCPLC                uint16 = 0x9F7F // production life cycle, by custom
	DataMemory              uint16 = 0xFF21 // ETSI TS 102 226
)

// GetData asks for a data object, Card Specification 2.3.1, 11.3: 80 CA tag 00. The
// answer of this class includes the outer tag.
func GetData(tag uint16) apdu.Command {
	return apdu.Command{CLA: 0x80, INS: insGetData, P1: byte(tag >> 8), P2: byte(tag), Le: apdu.MaxShortLe}
}

// ParseGetData reads the command on the card and gives the tag asked for. Data in the
// command is refused with 6A80.
func ParseGetData(c apdu.Command) (tag uint16, err error) {
	const doing = "parsing GET DATA"
	if c.INS != insGetData {
		return 0, refuse(doing, apdu.InsUnsupported, "instruction %02X", c.INS)
	}
	if len(c.Data) != 0 {
		return 0, refuse(doing, apdu.WrongData, "%d bytes of data", len(c.Data))
	}
	return uint16(c.P1)<<8 | uint16(c.P2), nil
}

// dataTag is the BER tag in front of a data object: the number GET DATA asks with, without a leading 00 and, for key
// information, without the page.
func dataTag(object uint16) uint32 {
	if object == DataKeyInformationMore {
		object = DataKeyInformation
	}
	return uint32(object)
}

// AppendObject writes a data object as the card answers it, the tag in front. The list of applications has none.
func AppendObject(b []byte, object uint16, content []byte) []byte {
	if object == DataApplications {
		return append(b, content...)
	}
	return apdu.AppendTLV(b, dataTag(object), content)
}

// ParseObject gives the content of a data object that has no structure of its own here.
func ParseObject(object uint16, b []byte) ([]byte, error) {
	if object == DataApplications {
		return b, nil
	}
	v, err := value(b, dataTag(object))
	if err != nil {
		return nil, fmt.Errorf("parsing data object %04X: %w", object, err)
	}
	return v, nil
}

// ParseSequenceCounter reads the answer for DataSequenceCounter: C1 03 counter.
func ParseSequenceCounter(b []byte) (uint32, error) {
	v, err := value(b, 0xC1)
	if err != nil {
		return 0, fmt.Errorf("parsing sequence counter: %w", err)
	}
	if len(v) != 3 {
		return 0, fmt.Errorf("parsing sequence counter: %d bytes, want 3", len(v))
	}
	return uint32(v[0])<<16 | uint32(v[1])<<8 | uint32(v[2]), nil
}

// ParseDiversification reads the answer for DataDiversification: CF 0A and the ten
// bytes INITIALIZE UPDATE tells as well.
func ParseDiversification(b []byte) (kdd []byte, err error) {
	v, err := value(b, 0xCF)
	if err != nil {
		return nil, fmt.Errorf("parsing diversification data: %w", err)
	}
	if len(v) != 10 {
		return nil, fmt.Errorf("parsing diversification data: %d bytes, want 10", len(v))
	}
	return v, nil
}

// ParseApplications reads the answer for DataApplications, Card Specification 2.3.1, table 11-27:
// 61 { 4F AID, … } for each application, other objects in it passed over.
func ParseApplications(b []byte) ([]AID, error) {
	objects, err := apdu.ParseTLVs(b)
	if err != nil {
		return nil, fmt.Errorf("parsing list of applications: %w", err)
	}
	var out []AID
	for i, o := range objects {
		inner, err := apdu.ParseTLVs(o.Value)
		aid, ok := apdu.Find(inner, tagAID)
		if err != nil || o.Tag != 0x61 || !ok || AID(aid).Validate() != nil {
			return nil, fmt.Errorf("parsing list of applications: object %d malformed", i)
		}
		out = append(out, AID(aid))
	}
	return out, nil
}

// AppendApplications encodes the list.
func AppendApplications(b []byte, aids []AID) []byte {
	for _, a := range aids {
		b = apdu.AppendTLV(b, 0x61, apdu.AppendTLV(nil, tagAID, []byte(a)))
	}
	return b
}

// Memory is what a card has left, ETSI TS 102 226, 8.2.1.7.2, in the answer for DataMemory:
// FF21 { 81 number of applications, 82 free non-volatile, 83 free volatile }, in bytes.
type Memory struct {
	Applications                  uint32
	FreeNonVolatile, FreeVolatile uint32
}

// ParseMemory reads the object; numbers have one to four bytes.
func ParseMemory(b []byte) (Memory, error) {
	objects, err := only(b, uint32(DataMemory))
	if err != nil {
		return Memory{}, fmt.Errorf("parsing memory: %w", err)
	}
	var m Memory
	for _, f := range []struct {
		tag uint32
		n   *uint32
	}{{0x81, &m.Applications}, {0x82, &m.FreeNonVolatile}, {0x83, &m.FreeVolatile}} {
		v, ok := apdu.Find(objects, f.tag)
		if !ok || len(v) == 0 || len(v) > 4 {
			return Memory{}, fmt.Errorf("parsing memory: object %X of %d bytes", f.tag, len(v))
		}
		for _, x := range v {
			*f.n = *f.n<<8 | uint32(x)
		}
	}
	return m, nil
}

// Bytes encodes the object, the number of applications in as few bytes as it needs and the sizes in four.
func (m Memory) Bytes() []byte {
	n := binary.BigEndian.AppendUint32(nil, m.Applications)
	for len(n) > 1 && n[0] == 0 {
		n = n[1:]
	}
	v := apdu.AppendTLV(nil, 0x81, n)
	v = apdu.AppendTLV(v, 0x82, binary.BigEndian.AppendUint32(nil, m.FreeNonVolatile))
	v = apdu.AppendTLV(v, 0x83, binary.BigEndian.AppendUint32(nil, m.FreeVolatile))
	return apdu.AppendTLV(nil, uint32(DataMemory), v)
}
