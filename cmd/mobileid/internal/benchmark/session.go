package benchmark

import (
	"context"
	"errors"
	"runtime"

	"mobileid/mdoc"
	"mobileid/mdoc/holder"
	"mobileid/mdoc/session"
)

// readerSession measures all that a reader computes for one meeting, from the engagement it has read to the verdict: its
// ephemeral key and the transcript, the session keys, the request encrypted, the answer decrypted and judged, the document
// signer being known. The floor is two verifications, one key agreement, one key generation and the hash of the portrait.
// The request carries no readerAuth, so it does not depend on the session and is encoded once before. Meetings run side by side:
// the reader opens them all, then the phone answers them all, which is not counted, then the reader judges them all.
func readerSession(ctx context.Context, h harness, w *world, p *printer) error {
	phone, err := w.phone(w.workload(), holder.BySignature)
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
	m := meetings{harness: h, phone: phone, request: raw, verification: in}
	return overFloor(ctx, h, w, p, "session_over_floor", in, func() error { return m.hold(ctx) },
		floor{verifications: 2, agreements: 1, keys: 1, portrait: true, times: sideBySide})
}

// sideBySide is how often a function runs between two preparations that are not measured.
const sideBySide = 4

type meetings struct {
	harness      harness
	phone        *holder.Holder
	request      []byte
	verification mdoc.Verification
	now          [sideBySide]meeting
}

// meeting is one of them, at its stage.
type meeting struct {
	device  *session.Device
	reader  *session.Reader
	session *session.ReaderSession
	message []byte // the reader's, then the phone's
}

// hold runs the meetings; the calls inside without are the phone's.
func (m *meetings) hold(ctx context.Context) error {
	if err := m.harness.without(m.show); err != nil {
		return err
	}
	for i := range m.now {
		if err := m.now[i].open(m.request); err != nil {
			return err
		}
	}
	if err := m.harness.without(func() error { return m.reply(ctx) }); err != nil {
		return err
	}
	for i := range m.now {
		if err := m.now[i].judge(m.verification); err != nil {
			return err
		}
	}
	return nil
}

// show is the phone's first part.
func (m *meetings) show() (err error) {
	for i := range m.now {
		if m.now[i].device, err = session.NewDevice(nil, nil); err != nil {
			return err
		}
	}
	return nil
}

// reply is the phone's second part. What it leaves behind is swept up within it: a phone shares no memory with a till.
func (m *meetings) reply(ctx context.Context) error {
	defer runtime.GC()
	for i := range m.now {
		at := &m.now[i]
		request, s, err := at.device.Accept(at.message)
		if err != nil {
			return err
		}
		response, err := m.phone.Answer(ctx, request, s.Transcript(), s.EReaderKey())
		if err != nil {
			return err
		}
		if at.message, err = s.Encrypt(response, true); err != nil {
			return err
		}
	}
	return nil
}

// open is the reader's first part.
func (m *meeting) open(request []byte) (err error) {
	if m.reader, err = session.NewReader(m.device.Engagement(), nil); err != nil {
		return err
	}
	m.message, m.session, err = m.reader.Establish(request)
	return err
}

// judge is the reader's second part.
func (m *meeting) judge(in mdoc.Verification) error {
	response, status, err := m.session.Decrypt(m.message)
	if err != nil {
		return err
	}
	if status == nil || *status != session.StatusTermination {
		return errors.New("the phone did not end the session")
	}
	in.Response, in.Transcript, in.EReaderKey = response, m.reader.Transcript(), m.reader.EReaderKey()
	return accept(in)
}
