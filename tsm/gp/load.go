package gp

import (
	"errors"
	"fmt"

	"mobileid/mdoc/apdu"
)

const (
	insLoad = 0xE8

	tagDAPBlock  = 0xE2
	tagDAP       = 0xC3
	tagLoadFile  = 0xC4
	maxDAPBlocks = 8
)

// A LoadFileData is the stream that LOAD carries, Card Specification 2.3.1, 11.6.2 and C.2:
//
//	[E2 { 4F security domain AID, C3 signature } …] C4 load file data block
type LoadFileData struct {
	DAP []DAP
	// File is the content of C4: the components of a CAP file, one after the other.
	File []byte
}

// A DAP is a signature over the load file data block's hash, which the named security domain verifies.
type DAP struct {
	Domain    AID
	Signature []byte
}

// Bytes encodes the stream.
func (l LoadFileData) Bytes() []byte {
	var b []byte
	for _, d := range l.DAP {
		inner := apdu.AppendTLV(nil, tagAID, []byte(d.Domain))
		b = apdu.AppendTLV(b, tagDAPBlock, apdu.AppendTLV(inner, tagDAP, d.Signature))
	}
	return apdu.AppendTLV(b, tagLoadFile, l.File)
}

// ParseLoadFileData reads a whole stream; the file aliases it. A ciphered file (D4) is not spoken.
func ParseLoadFileData(b []byte) (LoadFileData, error) {
	var l LoadFileData
	for {
		o, rest, err := apdu.ParseTLV(b)
		switch {
		case err != nil:
			return LoadFileData{}, fmt.Errorf("parsing load file: %w", err)
		case o.Tag == tagLoadFile && len(rest) == 0 && len(o.Value) > 0:
			l.File = o.Value
			return l, nil
		case o.Tag != tagDAPBlock || len(l.DAP) == maxDAPBlocks:
			return LoadFileData{}, fmt.Errorf("parsing load file: object %X of %d bytes, %d bytes behind", o.Tag, len(o.Value), len(rest))
		}
		d, err := parseDAP(o.Value)
		if err != nil {
			return LoadFileData{}, fmt.Errorf("parsing load file: %w", err)
		}
		l.DAP, b = append(l.DAP, d), rest
	}
}

func parseDAP(b []byte) (DAP, error) {
	objects, err := apdu.ParseTLVs(b)
	if err != nil {
		return DAP{}, fmt.Errorf("signature block: %w", err)
	}
	if len(objects) != 2 || objects[0].Tag != tagAID || objects[1].Tag != tagDAP {
		return DAP{}, errors.New("signature block: want 4F and C3")
	}
	d := DAP{Domain: AID(objects[0].Value), Signature: objects[1].Value}
	return d, d.Domain.Validate()
}

// Load cuts a stream into LOAD commands (Card Specification 2.3.1, 11.6) of at most blockSize bytes, 0 meaning
// BlockSize: 80 E8 00|80 number data. The data of the commands alias the stream.
func Load(stream []byte, blockSize int) ([]apdu.Command, error) {
	out, err := blocks(insLoad, 0, stream, blockSize)
	if err != nil {
		return nil, fmt.Errorf("building LOAD: %w", err)
	}
	out[len(out)-1].Le = apdu.MaxShortLe
	return out, nil
}

// A LoadBlock is one LOAD command as the card reads it.
type LoadBlock struct {
	Number byte // P2, from 0
	Last   bool
	Data   []byte
}

// ParseLoad reads a LOAD command on the card: 6A86 for other bits in P1, 6A80 for an empty block.
func ParseLoad(c apdu.Command) (LoadBlock, error) {
	const doing = "parsing LOAD"
	switch {
	case c.INS != insLoad:
		return LoadBlock{}, refuse(doing, apdu.InsUnsupported, "instruction %02X", c.INS)
	case c.P1&^blockLast != 0:
		return LoadBlock{}, refuse(doing, apdu.WrongParameters, "P1 %02X", c.P1)
	case len(c.Data) == 0:
		return LoadBlock{}, refuse(doing, apdu.WrongData, "empty block")
	}
	return LoadBlock{Number: c.P2, Last: c.P1&blockLast != 0, Data: c.Data}, nil
}
