package gp

import (
	"fmt"

	"mobileid/mdoc/apdu"
)

const cplcSize = 42

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

// fields are the fields in the order they are written in.
func (c *CPLC) fields() [][]byte {
	return [][]byte{
		c.ICFabricator[:], c.ICType[:], c.OSID[:], c.OSDate[:], c.OSLevel[:], c.ICDate[:], c.ICSerial[:], c.ICBatch[:],
		c.ModuleFabricator[:], c.ModuleDate[:], c.ICCManufacturer[:], c.EmbeddingDate[:], c.PrePersonalizer[:],
		c.PrePersoDate[:], c.PrePersoEquipment[:], c.Personalizer[:], c.PersoDate[:], c.PersoEquipment[:],
	}
}

// ParseCPLC reads the answer for DataCPLC: 9F7F 2A and the fields in their order.
func ParseCPLC(b []byte) (CPLC, error) {
	v, err := value(b, uint32(DataCPLC))
	if err != nil {
		return CPLC{}, fmt.Errorf("parsing CPLC: %w", err)
	}
	if len(v) != cplcSize {
		return CPLC{}, fmt.Errorf("parsing CPLC: %d bytes, want %d", len(v), cplcSize)
	}
	var c CPLC
	for _, f := range c.fields() {
		v = v[copy(f, v):]
	}
	return c, nil
}

// Bytes encodes the data, the tag in front.
func (c CPLC) Bytes() []byte {
	var v []byte
	for _, f := range c.fields() {
		v = append(v, f...)
	}
	return apdu.AppendTLV(nil, uint32(DataCPLC), v)
}
