package nfc

import (
	"context"
	"fmt"

	"mobileid/mdoc/apdu"
	"mobileid/mdoc/transport"
)

// cardState is what the command processor remembers between commands.
type cardState struct {
	selected bool
	received bool   // a whole message came
	chain    []byte // of the message that is coming
	rest     []byte // of the answer that is being fetched
}

func status(sw apdu.SW) (apdu.Response, error) { return apdu.Response{SW: sw}, nil }

// process answers a command. Out of order or unknown ones change nothing but an unfinished chain.
func (m *Mdoc) process(ctx context.Context, c apdu.Command) (apdu.Response, error) {
	switch {
	case c.Proprietary():
		return status(apdu.ClaUnsupported)
	case c.Channel() != 0:
		return status(apdu.ChannelUnsupported)
	case c.Secured():
		return status(apdu.SecureUnsupported)
	case c.CLA&^chained != 0:
		return status(apdu.ClaUnsupported)
	case c.Chained() && c.INS != insEnvelope:
		return status(apdu.ChainingUnsupported)
	}
	switch c.INS {
	case insSelect:
		return m.selectApplication(c)
	case insEnvelope:
		return m.envelope(ctx, c)
	case insGetResponse:
		return m.getResponse(c)
	}
	return status(apdu.InsUnsupported)
}

// selectApplication answers SELECT with P2 0C, as the standard has it, and 00, as some readers send. Once a message has
// come it is refused: a link that was lost is not taken up again.
func (m *Mdoc) selectApplication(c apdu.Command) (apdu.Response, error) {
	switch {
	case c.P1 != selectByName || c.P2 != noAnswer && c.P2 != 0:
		return status(apdu.WrongParameters)
	case string(c.Data) != aid:
		return status(apdu.NotFound)
	case m.card.received || m.box.Reason() != nil:
		return status(apdu.Conditions)
	}
	m.card = cardState{selected: true}
	return status(apdu.OK)
}

// envelope takes a piece of a message. Pieces that are not the last are answered 9000 at once.
func (m *Mdoc) envelope(ctx context.Context, c apdu.Command) (apdu.Response, error) {
	switch {
	case !m.card.selected || m.box.Reason() != nil:
		return status(apdu.Conditions)
	case c.P1 != 0 || c.P2 != 0:
		return status(apdu.WrongParameters)
	case len(c.Data) == 0 || len(c.Data) > m.limits.MaxCommandData:
		return status(apdu.WrongLength)
	case len(m.card.chain)+len(c.Data) > m.max+wrapperMax:
		m.card.chain = nil
		m.box.Finish(fmt.Errorf("a message over %d bytes: %w", m.max, transport.ErrProtocol))
		return status(apdu.WrongLength)
	}
	m.card.rest = nil
	m.card.chain = append(m.card.chain, c.Data...)
	if c.Chained() {
		return status(apdu.OK)
	}
	message, err := unwrap(m.card.chain, m.max)
	m.card.chain = nil
	if err != nil {
		m.box.Finish(err)
		return status(apdu.WrongData)
	}
	m.card.received = true
	if m.card.rest, err = m.answer(ctx, message); err != nil {
		return apdu.Response{}, err
	}
	return m.piece(c.Le), nil
}

// answer hands the message to the wallet and waits. There is none, and no error, when the wallet closes without one.
func (m *Mdoc) answer(ctx context.Context, message []byte) ([]byte, error) {
	m.ask(true)
	defer m.ask(false)
	if err := m.box.Put(ctx, message); err != nil {
		return nil, m.lost(ctx)
	}
	select {
	case a := <-m.answers:
		return a, nil
	case <-m.box.Done():
	case <-ctx.Done():
		return nil, m.lost(ctx)
	}
	select {
	case a := <-m.answers: // sent before the end
		return a, nil
	default:
		return nil, nil
	}
}

// lost ends the connection when ctx has ended.
func (m *Mdoc) lost(ctx context.Context) error {
	if ctx.Err() == nil {
		return nil
	}
	m.box.Finish(transport.ErrLost)
	return ctx.Err()
}

func (m *Mdoc) getResponse(c apdu.Command) (apdu.Response, error) {
	switch {
	case len(m.card.chain) > 0:
		m.card.chain = nil
		return status(apdu.LastOfChainExpected)
	case len(m.card.rest) == 0:
		return status(apdu.Conditions)
	case c.P1 != 0 || c.P2 != 0:
		return status(apdu.WrongParameters)
	case len(c.Data) > 0 || c.Le == 0:
		return status(apdu.WrongLength)
	}
	return m.piece(c.Le), nil
}

// piece gives as much of the answer as the command asks for, and the status word of ISO/IEC 18013-5:2021, 8.3.3.1.2: 9000
// when nothing is left, 61 and the number of bytes left up to 255, else 6100.
func (m *Mdoc) piece(le int) apdu.Response {
	n := min(le, m.limits.MaxResponseData, len(m.card.rest))
	r := apdu.Response{Data: m.card.rest[:n], SW: apdu.OK}
	m.card.rest = m.card.rest[n:]
	if left := len(m.card.rest); left > 0 {
		r.SW = apdu.BytesAvailable(left)
	}
	return r
}
