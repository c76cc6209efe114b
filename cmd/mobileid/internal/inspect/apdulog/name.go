package apdulog

import (
	"encoding/hex"
	"fmt"
	"strings"

	"mobileid/mdoc/apdu"
)

// Instructions of ISO/IEC 7816-4 that are followed.
const (
	insSelect       = 0xA4
	insReadBinary   = 0xB0
	insUpdateBinary = 0xD6
	insEnvelope     = 0xC3
	insGetResponse  = 0xC0
)

// instruction names an instruction, ISO/IEC 7816-4:2020, table 4.2 and GlobalPlatform Card Specification 2.3.1, table 11-2.
func instruction(c apdu.Command) string {
	if c.Proprietary() {
		names := map[byte]string{0x50: "INITIALIZE UPDATE", 0x82: "EXTERNAL AUTHENTICATE", 0xE2: "STORE DATA", 0xE4: "DELETE", 0xE6: "INSTALL",
			0xE8: "LOAD", 0xD8: "PUT KEY", 0xF0: "SET STATUS", 0xF2: "GET STATUS", 0xCA: "GET DATA", 0x2A: "COMPUTE DIGITAL SIGNATURE"}
		if name, ok := names[c.INS]; ok {
			return name
		}
		return fmt.Sprintf("instruction %02X of the application", c.INS)
	}
	names := map[byte]string{insSelect: "SELECT", insReadBinary: "READ BINARY", 0xB1: "READ BINARY", insUpdateBinary: "UPDATE BINARY",
		insEnvelope: "ENVELOPE", insGetResponse: "GET RESPONSE", 0x20: "VERIFY", 0x24: "CHANGE REFERENCE DATA", 0x84: "GET CHALLENGE",
		0x82: "EXTERNAL AUTHENTICATE", 0x88: "INTERNAL AUTHENTICATE", 0x2A: "PERFORM SECURITY OPERATION", 0x22: "MANAGE SECURITY ENVIRONMENT",
		0xCA: "GET DATA", 0xCB: "GET DATA", 0x70: "MANAGE CHANNEL", 0xB2: "READ RECORD", 0x2C: "RESET RETRY COUNTER", 0x50: "INITIALIZE UPDATE"}
	if name, ok := names[c.INS]; ok {
		return name
	}
	return fmt.Sprintf("instruction %02X", c.INS)
}

func describeCommand(c apdu.Command) string {
	words := []string{instruction(c)}
	switch c.INS {
	case insSelect:
		words = append(words, describeSelect(c))
	case insReadBinary, insUpdateBinary:
		if c.P1&0x80 == 0 {
			words = append(words, fmt.Sprintf("at offset %d", int(c.P1)<<8|int(c.P2)))
		} else {
			words = append(words, fmt.Sprintf("file with short identifier %02X", c.P1&0x1f))
		}
	}
	if len(c.Data) > 0 {
		words = append(words, fmt.Sprintf("%d bytes of data", len(c.Data)))
	}
	if c.Le > 0 {
		words = append(words, fmt.Sprintf("at most %d bytes back", c.Le))
	}
	if c.Chained() {
		words = append(words, "more of the chain follows")
	}
	if c.Secured() {
		words = append(words, "under secure messaging")
	}
	if n := c.Channel(); n > 0 {
		words = append(words, fmt.Sprintf("logical channel %d", n))
	}
	return strings.Join(words, ", ")
}

// describeSelect names what is selected: applications by AID, files of the NDEF application by identifier.
func describeSelect(c apdu.Command) string {
	id := strings.ToUpper(hex.EncodeToString(c.Data))
	if c.P1 == 0x04 {
		names := map[string]string{
			"A0000002480400":       "mdoc data transfer (18013-5, 8.3.3.1.2)",
			"D2760000850101":       "NDEF Tag application (Type 4 Tag)",
			"A000000151000000":     "issuer security domain (GlobalPlatform)",
			"D392F000260100000001": "公的個人認証AP",
			"D3921000310001010408": "券面入力補助AP",
			"D3921000310001010402": "券面AP",
		}
		if name, ok := names[id]; ok {
			return "application " + id + ": " + name
		}
		return "application " + id
	}
	switch id {
	case "E103":
		return "file E103: capability container"
	case "E104":
		return "file E104: NDEF file"
	}
	return "file " + id
}

func describeStatus(s apdu.SW) string {
	switch {
	case s == apdu.OK:
		return "success"
	case s.SW1() == 0x61:
		return fmt.Sprintf("success, %d more bytes to fetch with GET RESPONSE (0 stands for 256 or more)", s.SW2())
	case s.SW1() == 0x6C:
		return fmt.Sprintf("wrong Le, %d bytes are there", s.SW2())
	}
	if n, ok := s.Tries(); ok {
		return fmt.Sprintf("verification failed, %d tries left", n)
	}
	return s.Text()
}
