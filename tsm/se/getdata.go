package se

import (
	"encoding/binary"

	"mobileid/mdoc/apdu"
	"mobileid/tsm/gp"
	"mobileid/tsm/scp03"
)

// Data objects besides those package gp names, GlobalPlatform Card Specification 2.3.1, table 11-27 and H.4, and ETSI TS 102
// 226, 8.2.1.7.2 for the last.
const (
	tagCardImage     = 0x0045
	tagCapabilities  = 0x0067
	tagSecurityLevel = 0x00D3
	tagFreeMemory    = 0xFF21
)

// option is the SCP03 parameter i: pseudo-random challenge, R-MAC, R-ENCRYPTION.
const option = scp03.OptionPseudoRandom

// getData answers GET DATA, GlobalPlatform Card Specification 2.3.1, 11.3. With the interindustry class 00, 0066 and 00E0
// come without their outer tag, as hosts of that class expect.
func (s *SE) getData(c apdu.Command) apdu.Response {
	tag, err := gp.ParseGetData(c)
	if err != nil {
		return refused(err)
	}
	data, ok := s.dataObject(tag)
	if !ok {
		return status(apdu.ReferenceNotFound)
	}
	if !c.Proprietary() && (tag == gp.DataCardRecognition || tag == gp.DataKeyInformation) {
		inner, _, err := apdu.ParseTLV(data)
		if err != nil {
			return status(apdu.ExecutionError)
		}
		data = inner.Value
	}
	return apdu.Response{Data: data, SW: apdu.OK}
}

// dataObject gives an object with its tag.
func (s *SE) dataObject(tag uint16) ([]byte, bool) {
	value, ok := []byte(nil), true
	switch tag {
	case gp.DataCardRecognition:
		r := gp.Recognition{Version: "2.3.1", Channels: []gp.ChannelProtocol{{SCP: 3, Option: uint32(option)}}}
		data, err := r.Bytes()
		return data, err == nil
	case gp.DataKeyInformation:
		return gp.AppendKeyInformation(nil, s.keyInformation()), true
	case gp.DataCPLC:
		value = s.productionData()
	case tagCardImage, gp.DataDiversification: // both are the identity
		value = s.ID()
	case gp.DataSequenceCounter:
		value, ok = s.sequenceCounter()
	case tagCapabilities:
		value = s.capabilities()
	case tagSecurityLevel:
		value = []byte{0}
		if s.session != nil {
			value[0] = byte(s.session.Level())
		}
	case tagFreeMemory:
		value = s.freeMemory()
	default:
		return nil, false
	}
	return apdu.AppendTLV(nil, uint32(tag), value), ok
}

// productionData is the card production life cycle data, 42 bytes: serial number and batch are taken from the identity,
// every other field is 00, unused, since nobody fabricated this element.
func (s *SE) productionData() []byte {
	out := make([]byte, 42)
	copy(out[12:18], s.id[idSize-6:])
	return out
}

// capabilities is the content of 67: SCP03, its option, and the length of this element's AES keys (01, 02, 04 for 128, 192,
// 256 bits).
func (s *SE) capabilities() []byte {
	size := byte(0x01)
	if keys, err := s.keys.KeySet(0); err == nil {
		size = 1 << (len(keys.ENC)/8 - 2)
	}
	out := apdu.AppendTLV(nil, 0x80, []byte{0x03})
	out = apdu.AppendTLV(out, 0x81, []byte{byte(option)})
	out = apdu.AppendTLV(out, 0x82, []byte{size})
	return apdu.AppendTLV(nil, 0xA0, out)
}

// keyInformation lists three AES keys for each set.
func (s *SE) keyInformation() []gp.KeyInformation {
	var out []gp.KeyInformation
	for _, version := range s.keys.versions() {
		keys, err := s.keys.KeySet(version)
		if err != nil {
			continue
		}
		for id := byte(1); id <= 3; id++ {
			out = append(out, gp.KeyInformation{
				ID: id, Version: version, Components: []gp.KeyComponent{{Type: gp.KeyAES, Length: len(keys.ENC)}},
			})
		}
	}
	return out
}

// sequenceCounter is the content of C1, for the default key set.
func (s *SE) sequenceCounter() ([]byte, bool) {
	keys, err := s.keys.KeySet(0)
	if err != nil {
		return nil, false
	}
	state, err := s.keys.SetState(keys.Version)
	if err != nil {
		return nil, false
	}
	return binary.BigEndian.AppendUint32(nil, state.Counter)[1:], true
}

// freeMemory is the content of FF21 (ETSI TS 102 226, 8.2.1.7.2): number of applications, free non-volatile and free
// volatile memory.
func (s *SE) freeMemory() []byte {
	out := apdu.AppendTLV(nil, 0x81, []byte{byte(len(s.instances))})
	out = apdu.AppendTLV(out, 0x82, binary.BigEndian.AppendUint32(nil, uint32(s.mem.Free()))) //nolint:gosec // not negative, below the limit
	return apdu.AppendTLV(out, 0x83, binary.BigEndian.AppendUint32(nil, volatileMemory))
}

// volatileMemory is what an applet may buffer: one chained command, which also bounds a sealed credential.
const volatileMemory = 64 << 10
