package card

import (
	"context"
	"errors"
	"fmt"

	"mobileid/mdoc/apdu"
)

// A DataTag names an object that GET DATA gives.
type DataTag uint16

// The objects seen on cards. All are free; those that name the card or its holder's municipality are personal data all the same.
const (
	DataIssuerKeyID       DataTag = 0x0042 // 16 bytes
	DataCardID            DataTag = 0x0045 // card identification number, ASCII
	DataRecognition       DataTag = 0x0066 // GlobalPlatform card recognition data
	DataMunicipality      DataTag = 0x00F0 // 5 digits
	DataExpiry            DataTag = 0x00F2 // YYYYMMDD
	DataIntermediateKeyID DataTag = 0x00F7 // 16 bytes
	DataCVCertificate     DataTag = 0x00F8 // content without the template
	DataCVCertificate2    DataTag = 0x7F21 // content without the template
	DataATR               DataTag = 0x5F51 // the ATR on contacts without its first byte 3B
)

// DataTags lists the objects above in rising order.
func DataTags() []DataTag {
	return []DataTag{
		DataIssuerKeyID, DataCardID, DataRecognition, DataMunicipality, DataExpiry, DataIntermediateKeyID, DataCVCertificate, DataATR,
		DataCVCertificate2,
	}
}

// issuerDomain is the AID of the Issuer Security Domain, which is current after power-up.
const issuerDomain = "\xA0\x00\x00\x01\x51\x00\x00"

// Data is GET DATA with the Issuer Security Domain selected; the ATR is also asked of JPKI-AP, where some cards have it. An object that
// the card does not have is apdu.ErrNotFound. A phone has none.
func (c *Client) Data(ctx context.Context, tag DataTag) ([]byte, error) {
	if err := c.begin(); err != nil {
		return nil, err
	}
	b, err := c.data(ctx, tag)
	if err != nil {
		return nil, c.done(fmt.Errorf("reading data object %04X: %w", uint16(tag), err))
	}
	return b, nil
}

func (c *Client) data(ctx context.Context, tag DataTag) ([]byte, error) {
	if c.kind.Phone() {
		return nil, ErrPhone
	}
	if c.current != issuerSecurityDomain {
		c.current = 0
		if err := c.selectName(ctx, []byte(issuerDomain)); err != nil {
			return nil, err
		}
		c.current = issuerSecurityDomain
	}
	b, err := c.dataHere(ctx, tag)
	if tag == DataATR && errors.Is(err, apdu.ErrNotFound) {
		if err := c.enter(ctx, JPKI); err != nil {
			return nil, err
		}
		b, err = c.dataHere(ctx, tag)
	}
	return b, err
}

// dataHere asks short first: a card answers 6700 when the object needs an extended Le.
func (c *channel) dataHere(ctx context.Context, tag DataTag) ([]byte, error) {
	command := apdu.Command{INS: 0xCA, P1: byte(tag >> 8), P2: byte(tag), Le: apdu.MaxShortLe}
	r, err := c.exchange(ctx, command)
	if err == nil && r.SW == apdu.WrongLength {
		command.Le, command.Extended = apdu.MaxExtendedLe, true
		r, err = c.exchange(ctx, command)
	}
	if err != nil {
		return nil, err
	}
	if r.SW != apdu.OK {
		return nil, r.Err()
	}
	if len(r.Data) == 0 || len(r.Data) > MaxFile {
		return nil, fmt.Errorf("%d bytes: %w", len(r.Data), ErrCardAnswer)
	}
	return append([]byte(nil), r.Data...), nil
}

// issuerSecurityDomain stands for the Issuer Security Domain where a Client remembers what is selected; it has no files.
const issuerSecurityDomain Application = 0xFF

// CardNumber reads the number of the card from 共通カードAP. Not every card lets a reader have it: apdu.ErrSecurityStatus.
func (c *Client) CardNumber(ctx context.Context) (CardNumber, error) {
	record, err := c.ReadFile(ctx, CardNumberFile)
	if err != nil {
		return CardNumber{}, err
	}
	return ParseCardNumber(record)
}
