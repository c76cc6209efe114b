package se

import (
	"encoding/binary"
	"slices"

	"mobileid/tsm/gp"
	"mobileid/tsm/scp03"
)

func (s *SE) recognition() []byte {
	r := gp.Recognition{Version: "2.3.1", Channels: []gp.ChannelProtocol{{SCP: 3, Option: uint32(s.option)}}}
	data, err := r.Bytes()
	if err != nil {
		return nil
	}
	return data
}

// Cipher suites and hashes of 0067, Card Specification 2.3.1, H.4: AES-CMAC with keys of 128, 192 and 256 bits; SHA-1 and
// SHA-2.
const (
	suitesCMAC = 0x38
	hashesSHA  = "\x01\x02\x03\x04"
)

// capabilities tells what this element does, and nothing that it does not.
func (s *SE) capabilities() []byte {
	return gp.Capabilities{
		Channels: []gp.ChannelCapability{{
			SCP: 0x03, Options: []byte{byte(s.option)}, Keys: gp.KeysAES128 | gp.KeysAES192 | gp.KeysAES256,
		}},
		DomainPrivileges: subordinatePrivileges, ApplicationPrivileges: applicationPrivileges, Hashes: []byte(hashesSHA),
		Tokens: []byte{suitesCMAC}, Receipts: []byte{suitesCMAC},
	}.Bytes()
}

// productionData is the card production life cycle data: serial number and batch are taken from the identity, every other
// field is 00, unused, since nobody fabricated this element.
func (s *SE) productionData() []byte {
	var c gp.CPLC
	copy(c.ICSerial[:], s.id[idSize-6:])
	copy(c.ICBatch[:], s.id[idSize-2:])
	return c.Bytes()
}

// keysOnPage is how many keys fit a short answer under secure messaging.
const keysOnPage = 36

// keyInformation lists three AES keys for each set, and those that stand alone; 01E0 is the next page.
func (ch *channel) keyInformation(tag uint16) []byte {
	sets := ch.se.keySets(ch.domain)
	var all []gp.KeyInformation
	add := func(id, version byte, key []byte) {
		all = append(all, gp.KeyInformation{
			ID: id, Version: version, Components: []gp.KeyComponent{{Type: gp.KeyAES, Length: len(key)}},
		})
	}
	for _, version := range sets.versions() {
		keys, err := sets.KeySet(version)
		for id := byte(1); err == nil && id <= 3; id++ {
			add(id, version, keys.ENC)
		}
		keys.Erase()
	}
	for _, version := range sets.singles() {
		key, _ := sets.single(version)
		add(1, version, key)
		clear(key)
	}
	if tag == gp.DataKeyInformationMore {
		all = all[min(keysOnPage, len(all)):]
	}
	if len(all) == 0 && tag == gp.DataKeyInformationMore {
		return nil
	}
	return gp.AppendKeyInformation(nil, all[:min(keysOnPage, len(all))])
}

// sequenceCounter is C1 for the default key set.
func (s *SE) sequenceCounter(domain gp.AID) []byte {
	sets := s.keySource(domain)
	keys, err := sets.KeySet(0)
	if err != nil {
		return nil
	}
	keys.Erase()
	state, err := sets.SetState(keys.Version)
	if err != nil {
		return nil
	}
	return gp.AppendObject(nil, gp.DataSequenceCounter, binary.BigEndian.AppendUint32(nil, state.Counter)[1:])
}

func (s *SE) confirmationCounter() []byte {
	if !s.keySets(gp.ISD).has(receiptVersion) {
		return nil
	}
	return gp.AppendObject(nil, gp.DataConfirmationCounter, binary.BigEndian.AppendUint16(nil, s.confirmations()))
}

// has tells whether there is a key or a key set of a version.
func (k keySets) has(version byte) bool {
	return slices.Contains(k.versions(), version) || slices.Contains(k.singles(), version)
}

// applications is the list anybody may have, of what can be selected beside the ISD.
func (s *SE) applications() []byte {
	aids := s.selectable()[1:]
	if len(aids) == 0 {
		return nil
	}
	return gp.AppendApplications(nil, aids)
}

// memory is FF21: number of applications, free non-volatile and free volatile memory.
func (s *SE) memory() []byte {
	return gp.Memory{
		Applications:    uint32(len(s.registry)),  //nolint:gosec // bounded by the memory
		FreeNonVolatile: uint32(s.mem.Free()),     //nolint:gosec // not negative, below the limit
		FreeVolatile:    uint32(s.volatileFree()), //nolint:gosec // not negative, below the limit
	}.Bytes()
}

// volatileMemory is what is there for buffers: a chained command on each channel, which also bounds a sealed credential.
const volatileMemory = channels * (64 << 10)

// volatileFree is what half-done commands leave of it.
func (s *SE) volatileFree() int {
	free := volatileMemory
	for _, ch := range s.channels {
		if ch.chained != nil {
			free -= len(ch.chained.data)
		}
		if ch.loading != nil {
			free -= len(ch.loading.data)
		}
		if ch.storing != nil {
			free -= len(ch.storing.data)
		}
	}
	return max(free, 0)
}

var _ scp03.KeySource = keySets{}
