package apdu

import "fmt"

// Class byte bits, ISO/IEC 7816-4:2020, 5.4.1, and the same bits under the
// proprietary bit 80 as GlobalPlatform Card Specification 2.3.1, 11.1.4 uses them.
const (
	claFurther       = 0x40 // channels 4 to 19
	claChaining      = 0x10
	claSecureFirst   = 0x0C // two bits of secure messaging on channels 0 to 3
	claSecureFurther = 0x20 // one bit of secure messaging on channels 4 to 19
	claGPSecure      = 0x04 // GlobalPlatform's secure messaging on channels 0 to 3
)

// Channel tells the logical channel in the class byte, 0 to 19.
func (c Command) Channel() int {
	if c.CLA&claFurther != 0 {
		return 4 + int(c.CLA&0x0F)
	}
	return int(c.CLA & 0x03)
}

// Secured tells whether the class byte announces secure messaging of any kind.
func (c Command) Secured() bool { return Secured(c.CLA) }

// Chained tells whether more commands of the same chain follow (class bit 10).
func (c Command) Chained() bool { return c.CLA&claChaining != 0 }

// Proprietary tells whether the class is outside the interindustry ones (bit 80).
func (c Command) Proprietary() bool { return c.CLA&0x80 != 0 }

// Secured tells whether a class byte announces secure messaging of any kind.
func Secured(cla byte) bool {
	if cla&claFurther != 0 {
		return cla&claSecureFurther != 0
	}
	return cla&claSecureFirst != 0
}

// SetSecure returns the class byte with GlobalPlatform's secure messaging bit
// set: 80 becomes 84, 00 becomes 04, C0 becomes E0. The channel stays.
func SetSecure(cla byte) byte {
	if cla&claFurther != 0 {
		return cla | claSecureFurther
	}
	return cla | claGPSecure
}

// ClearSecure returns the class byte without its secure messaging bits.
func ClearSecure(cla byte) byte {
	if cla&claFurther != 0 {
		return cla &^ claSecureFurther
	}
	return cla &^ claSecureFirst
}

// ClearChannel returns the class byte as for the basic channel: the form a
// GlobalPlatform C-MAC covers. A class of channels 4 to 19 (40, C0) comes back as
// one of channel 0 (00, 80), its secure messaging bit as 04.
func ClearChannel(cla byte) byte {
	if cla&claFurther == 0 {
		return cla &^ 0x03
	}
	out := cla & (0x80 | claChaining)
	if cla&claSecureFurther != 0 {
		out |= claGPSecure
	}
	return out
}

// SetChannel returns the class byte for a logical channel from 0 to 19, keeping
// its other meanings.
func SetChannel(cla byte, channel int) (byte, error) {
	switch {
	case channel < 0 || channel > 19:
		return 0, fmt.Errorf("setting logical channel %d: there are 20", channel)
	case channel < 4:
		return ClearChannel(cla) | byte(channel), nil
	}
	out := cla&(0x80|claChaining) | claFurther | byte(channel-4)
	if Secured(cla) {
		out |= claSecureFurther
	}
	return out, nil
}
