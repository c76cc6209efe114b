package benchmark

import (
	"context"
	"errors"

	"mobileid/mdoc"
	"mobileid/mdoc/holder"
	"mobileid/mdoc/session"
)

// readerSession measures all that a reader computes for one meeting, from the engagement it has read to the verdict: its
// ephemeral key and the transcript, the session keys, the request encrypted, the answer decrypted and judged, the document
// signer being known. The floor is two verifications, one key agreement, one key generation and the hash of the portrait.
// The request carries no readerAuth, so it does not depend on the session and is encoded once before; the phone's part
// runs between and is not counted.
func readerSession(ctx context.Context, h harness, w *world, p *printer) error {
	phone, err := w.phone(workload(), holder.BySignature)
	if err != nil {
		return err
	}
	in, err := w.present(ctx, phone, ageAndPortrait())
	if err != nil {
		return err
	}
	raw, err := mdoc.BuildRequest(mdoc.RequestDraft{Items: request(ageAndPortrait())}, in.Transcript)
	if err != nil {
		return err
	}
	if in.Request, err = mdoc.ParseDeviceRequest(raw); err != nil {
		return err
	}
	h = h.withAside()
	m := meeting{harness: h, phone: phone, request: raw, verification: in}
	return overFloor(ctx, h, w, p, "session_over_floor", in, func() error { return m.hold(ctx) },
		floor{verifications: 2, agreements: 1, keys: 1, portrait: true})
}

type meeting struct {
	harness      harness
	phone        *holder.Holder
	request      []byte
	verification mdoc.Verification
}

// hold runs one meeting; the calls inside without are the phone's.
func (m *meeting) hold(ctx context.Context) error {
	var device *session.Device
	if err := m.harness.without(func() (err error) { device, err = session.NewDevice(nil, nil); return err }); err != nil {
		return err
	}
	reader, err := session.NewReader(device.Engagement(), nil)
	if err != nil {
		return err
	}
	establishment, s, err := reader.Establish(m.request)
	if err != nil {
		return err
	}
	var message []byte
	if err := m.harness.without(func() (err error) { message, err = m.reply(ctx, device, establishment); return err }); err != nil {
		return err
	}
	response, status, err := s.Decrypt(message)
	if err != nil {
		return err
	}
	if status == nil || *status != session.StatusTermination {
		return errors.New("the phone did not end the session")
	}
	in := m.verification
	in.Response, in.Transcript, in.EReaderKey = response, reader.Transcript(), reader.EReaderKey()
	return accept(in)
}

// reply is the phone's part.
func (m *meeting) reply(ctx context.Context, device *session.Device, establishment []byte) ([]byte, error) {
	request, s, err := device.Accept(establishment)
	if err != nil {
		return nil, err
	}
	response, err := m.phone.Answer(ctx, request, s.Transcript(), s.EReaderKey())
	if err != nil {
		return nil, err
	}
	return s.Encrypt(response, true)
}
