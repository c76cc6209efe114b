package gp

import (
	"fmt"

	"mobileid/mdoc/apdu"
)

const (
	insManageChannel = 0x70
	channelClose     = 0x80

	// MaxChannel is the highest logical channel of the first interindustry class, ISO/IEC 7816-4:2020, 5.4.1.
	MaxChannel = 3
)

// A ManageChannel is the command of that name, Card Specification 2.3.1, 11.7: 00 70 00 00 01 opens the next free
// logical channel and answers its number, 00 70 80 n closes it.
type ManageChannel struct {
	Close   bool
	Channel byte // to close, or to open; 0 opens the next free one
}

// Command builds the command.
func (m ManageChannel) Command() (apdu.Command, error) {
	c := apdu.Command{INS: insManageChannel, P2: m.Channel}
	switch {
	case m.Channel > MaxChannel || m.Close && m.Channel == 0:
		return apdu.Command{}, fmt.Errorf("building MANAGE CHANNEL: channel %d", m.Channel)
	case m.Close:
		c.P1 = channelClose
	case m.Channel == 0:
		c.Le = 1
	}
	return c, nil
}

// ParseManageChannel reads the command on the card: 6A86 for other parameters, 6881 for a channel that is none.
func ParseManageChannel(c apdu.Command) (ManageChannel, error) {
	const doing = "parsing MANAGE CHANNEL"
	m := ManageChannel{Close: c.P1 == channelClose, Channel: c.P2}
	switch {
	case c.INS != insManageChannel:
		return ManageChannel{}, refuse(doing, apdu.InsUnsupported, "instruction %02X", c.INS)
	case c.P1&^channelClose != 0 || m.Close && m.Channel == 0:
		return ManageChannel{}, refuse(doing, apdu.WrongParameters, "P1 P2 %02X%02X", c.P1, c.P2)
	case m.Channel > MaxChannel:
		return ManageChannel{}, refuse(doing, apdu.ChannelUnsupported, "channel %d", m.Channel)
	case len(c.Data) != 0:
		return ManageChannel{}, refuse(doing, apdu.WrongData, "%d bytes of data", len(c.Data))
	}
	return m, nil
}

// ParseChannel reads the answer to an opening: one byte, the number of the channel.
func ParseChannel(b []byte) (byte, error) {
	if len(b) != 1 || b[0] == 0 || b[0] > MaxChannel {
		return 0, fmt.Errorf("parsing answer to MANAGE CHANNEL: %d bytes, want a channel from 1 to %d", len(b), MaxChannel)
	}
	return b[0], nil
}
