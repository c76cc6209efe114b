package gp

import (
	"fmt"

	"mobileid/mdoc/apdu"
)

const insGetData = 0xCA

// Data objects GET DATA asks for, Card Specification 2.3.1, table 11-27 and H.2.
const (
	DataCardRecognition uint16 = 0x0066
	DataSequenceCounter uint16 = 0x00C1
	DataDiversification uint16 = 0x00CF // by custom
	DataKeyInformation  uint16 = 0x00E0
	DataCPLC            uint16 = 0x9F7F // production life cycle, by custom
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

// CPLC is the card production life cycle data of a chip, 42 bytes by custom; unused
// fields hold 00 or FF.
type CPLC struct {
	ICFabricator, ICType, OSID, OSDate, OSLevel, ICDate [2]byte
	ICSerial                                            [4]byte
	ICBatch, ModuleFabricator, ModuleDate               [2]byte
	ICCManufacturer, EmbeddingDate                      [2]byte
	PrePersonalizer, PrePersoDate                       [2]byte
	PrePersoEquipment                                   [4]byte
	Personalizer, PersoDate                             [2]byte
	PersoEquipment                                      [4]byte
}

// ParseCPLC reads the answer for DataCPLC: 9F7F 2A and the fields in their order.
func ParseCPLC(b []byte) (CPLC, error) {
	v, err := value(b, 0x9F7F)
	if err != nil {
		return CPLC{}, fmt.Errorf("parsing CPLC: %w", err)
	}
	if len(v) != 42 {
		return CPLC{}, fmt.Errorf("parsing CPLC: %d bytes, want 42", len(v))
	}
	var c CPLC
	for _, f := range [][]byte{
		c.ICFabricator[:], c.ICType[:], c.OSID[:], c.OSDate[:], c.OSLevel[:], c.ICDate[:], c.ICSerial[:], c.ICBatch[:],
		c.ModuleFabricator[:], c.ModuleDate[:], c.ICCManufacturer[:], c.EmbeddingDate[:], c.PrePersonalizer[:],
		c.PrePersoDate[:], c.PrePersoEquipment[:], c.Personalizer[:], c.PersoDate[:], c.PersoEquipment[:],
	} {
		v = v[copy(f, v):]
	}
	return c, nil
}
