package handover

import (
	"fmt"

	"mobileid/mdoc/engagement"
)

// Handover is a finished handover: what both ends put into the session transcript, and how the reader reaches the mdoc.
type Handover struct {
	sel *Select
	req *Request
}

// New puts the messages of a handover together; request is nil for static handover. Second edition draft, 9.2:
//
//   - after a request there is one carrier, of a kind that the reader offered;
//   - without one, BLE gives its UUID, which serves whichever mode is chosen;
//   - after a request, mdoc central client mode is under the reader's UUID, and the select need not repeat it.
func New(sel *Select, request *Request) (*Handover, error) {
	const op = "checking handover"
	if sel == nil {
		return nil, fmt.Errorf("%s: no handover select: %w", op, ErrMalformed)
	}
	h := &Handover{sel: sel, req: request}
	if request != nil {
		if len(sel.carriers) != 1 {
			return nil, fmt.Errorf("%s: %d carriers selected, want 1: %w", op, len(sel.carriers), ErrMalformed)
		}
		if _, ok := h.offered(sel.carriers[0]); !ok {
			return nil, fmt.Errorf("%s: a carrier was selected that was not offered: %w", op, ErrMalformed)
		}
	}
	if _, err := h.Methods(); err != nil {
		return nil, fmt.Errorf("%s: %w", op, err)
	}
	return h, nil
}

// offered finds the reader's carrier of the same kind as the mdoc's.
func (h *Handover) offered(c Carrier) (Carrier, bool) {
	for _, o := range h.req.content.Carriers {
		if o.Kind() != c.Kind() {
			continue
		}
		if c.Kind() == KindOther && (o.Other.TNF != c.Other.TNF || o.Other.Type != c.Other.Type) {
			continue
		}
		return o, true
	}
	return Carrier{}, false
}

// Select is the mdoc's message.
func (h *Handover) Select() *Select { return h.sel }

// Request is the reader's message, nil in static handover.
func (h *Handover) Request() *Request { return h.req }

// Messages gives the complete NDEF messages for the session transcript; hr is nil in static handover.
func (h *Handover) Messages() (hs, hr []byte) {
	if h.req != nil {
		hr = h.req.Bytes()
	}
	return h.sel.Bytes(), hr
}

// Methods gives the NFC and BLE carriers of the mdoc in the form that the engagement of a QR code has, with the UUIDs to
// use. Other carriers are left out.
func (h *Handover) Methods() ([]engagement.RetrievalMethod, error) {
	var out []engagement.RetrievalMethod
	for _, c := range h.sel.carriers {
		m := engagement.RetrievalMethod{Version: 1}
		switch c.Kind() {
		case KindNFC:
			if *c.NFC == (NFC{}) {
				return nil, fmt.Errorf("NFC carrier of the mdoc without limits: %w", ErrMalformed)
			}
			m.Type = engagement.MethodNFC
			m.NFC = &engagement.NFCOptions{MaxCommandData: uint64(c.NFC.MaxCommandData), MaxResponseData: uint64(c.NFC.MaxResponseData)}
		case KindBLE:
			options, err := h.ble(c)
			if err != nil {
				return nil, err
			}
			m.Type, m.BLE = engagement.MethodBLE, options
		default:
			continue
		}
		out = append(out, m)
	}
	return out, nil
}

// ble finds the modes that both ends can do and their UUIDs.
func (h *Handover) ble(c Carrier) (*engagement.BLEOptions, error) {
	central, server := c.BLE.Role.Central(), c.BLE.Role.Peripheral()
	centralUUID := c.BLE.UUID
	if h.req != nil {
		o, _ := h.offered(c) // New refuses what was not
		central = central && o.BLE.Role.Peripheral()
		server = server && o.BLE.Role.Central() && (c.BLE.UUID != nil || !central)
		if central {
			centralUUID = o.BLE.UUID
		}
	}
	out := &engagement.BLEOptions{PeripheralServer: server, CentralClient: central}
	if central {
		out.CentralClientUUID = centralUUID
	}
	if server {
		out.PeripheralServerUUID = c.BLE.UUID
		out.DeviceAddress = c.BLE.Address
	}
	out.PSM = uint64(c.BLE.PSM)
	switch {
	case !server && !central:
		return nil, fmt.Errorf("BLE: no mode that both ends can do: %w", ErrMalformed)
	case server && len(out.PeripheralServerUUID) != uuidSize || central && len(centralUUID) != uuidSize:
		return nil, fmt.Errorf("BLE: a mode without UUID: %w", ErrMalformed)
	}
	return out, nil
}
