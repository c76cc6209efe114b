package gp

import (
	"errors"
	"fmt"

	"mobileid/mdoc/apdu"
)

// Sizes of AES keys in ChannelCapability.Keys.
const (
	KeysAES128 byte = 0x01
	KeysAES192 byte = 0x02
	KeysAES256 byte = 0x04
)

// Capabilities is what a card can do, Card Specification 2.3.1, H.4, in the answer for DataCapabilities:
//
//	67 { A0 { 80 SCP, 81 options i, 82 key sizes, … } …, 81 privileges of domains, 82 privileges of applications,
//	     83 hashes of load files, 84 ciphers of load files, 85 tokens, 86 receipts, 87 DAP, … }
//
// The lists from 83 on are kept as they came.
type Capabilities struct {
	Channels                                   []ChannelCapability
	DomainPrivileges, ApplicationPrivileges    Privileges
	Hashes, LoadCiphers, Tokens, Receipts, DAP []byte
	// Others are objects of other tags, at the end.
	Others []apdu.TLV
}

// A ChannelCapability is one secure channel protocol with all its options.
type ChannelCapability struct {
	SCP     byte
	Options []byte
	// Keys are the key sizes of SCP03, one bit each; 0 when not told.
	Keys byte
}

// ParseCapabilities reads the object.
func ParseCapabilities(b []byte) (Capabilities, error) {
	c, err := parseCapabilities(b)
	if err != nil {
		return Capabilities{}, fmt.Errorf("parsing card capabilities: %w", err)
	}
	return c, nil
}

func parseCapabilities(b []byte) (Capabilities, error) {
	objects, err := only(b, uint32(DataCapabilities))
	if err != nil {
		return Capabilities{}, err
	}
	var c Capabilities
	for _, o := range objects {
		switch o.Tag {
		case 0xA0:
			var channel ChannelCapability
			channel, err = parseChannelCapability(o.Value)
			c.Channels = append(c.Channels, channel)
		case 0x81:
			c.DomainPrivileges, err = ParsePrivileges(o.Value)
		case 0x82:
			c.ApplicationPrivileges, err = ParsePrivileges(o.Value)
		case 0x83:
			c.Hashes = o.Value
		case 0x84:
			c.LoadCiphers = o.Value
		case 0x85:
			c.Tokens = o.Value
		case 0x86:
			c.Receipts = o.Value
		case 0x87:
			c.DAP = o.Value
		default:
			c.Others = append(c.Others, o)
		}
		if err != nil {
			return Capabilities{}, fmt.Errorf("object %X: %w", o.Tag, err)
		}
	}
	return c, nil
}

func parseChannelCapability(b []byte) (ChannelCapability, error) {
	objects, err := apdu.ParseTLVs(b)
	if err != nil {
		return ChannelCapability{}, err
	}
	var c ChannelCapability
	scp, ok := apdu.Find(objects, 0x80)
	if !ok || len(scp) != 1 {
		return ChannelCapability{}, errors.New("no protocol")
	}
	c.SCP = scp[0]
	c.Options, _ = apdu.Find(objects, 0x81)
	if keys, ok := apdu.Find(objects, 0x82); ok && len(keys) == 1 {
		c.Keys = keys[0]
	}
	return c, nil
}

// Bytes encodes the object.
func (c Capabilities) Bytes() []byte {
	var v []byte
	for _, x := range c.Channels {
		inner := apdu.AppendTLV(apdu.AppendTLV(nil, 0x80, []byte{x.SCP}), 0x81, x.Options)
		if x.Keys != 0 {
			inner = apdu.AppendTLV(inner, 0x82, []byte{x.Keys})
		}
		v = apdu.AppendTLV(v, 0xA0, inner)
	}
	for _, x := range []struct {
		tag   uint32
		value []byte
	}{
		{0x81, c.DomainPrivileges.Bytes()}, {0x82, c.ApplicationPrivileges.Bytes()}, {0x83, c.Hashes},
		{0x84, c.LoadCiphers}, {0x85, c.Tokens}, {0x86, c.Receipts}, {0x87, c.DAP},
	} {
		if len(x.value) > 0 {
			v = apdu.AppendTLV(v, x.tag, x.value)
		}
	}
	for _, o := range c.Others {
		v = apdu.AppendTLV(v, o.Tag, o.Value)
	}
	return apdu.AppendTLV(nil, uint32(DataCapabilities), v)
}
