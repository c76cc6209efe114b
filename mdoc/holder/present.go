package holder

import (
	"context"
	"errors"
	"fmt"

	"mobileid/mdoc"
	"mobileid/mdoc/cbor"
	"mobileid/mdoc/session"
	"mobileid/mdoc/transport"
)

// maxRequests bounds the requests of one session.
const maxRequests = 4

// Present holds one session with a reader: it takes the reader's first message from conn, answers its requests and stops
// when the reader ends the session, after four requests, or when ctx ends. device is spent by it. The caller closes conn.
func (h *Holder) Present(ctx context.Context, conn transport.Conn, device *session.Device) error {
	first, err := conn.Receive(ctx)
	if err != nil {
		return fmt.Errorf("presenting: %w", err)
	}
	request, s, err := device.Accept(first)
	if err != nil {
		return h.abort(ctx, conn, err)
	}
	for range maxRequests {
		response, err := h.Answer(ctx, request, s.Transcript(), s.EReaderKey())
		if errors.Is(err, ErrRequest) {
			response, err = cbor.Marshal(mdoc.DeviceResponse{Version: "1.0", Status: refusal(err)})
		}
		if err != nil {
			return errors.Join(fmt.Errorf("presenting: %w", err), h.terminate(ctx, conn, s))
		}
		message, err := s.Encrypt(response, false)
		if err != nil {
			return fmt.Errorf("presenting: %w", err)
		}
		if err := conn.Send(ctx, message); err != nil {
			return fmt.Errorf("presenting: %w", err)
		}
		next, err := conn.Receive(ctx)
		if err != nil {
			return fmt.Errorf("presenting: %w", err)
		}
		var status *session.Status
		if request, status, err = s.Decrypt(next); err != nil {
			return h.abort(ctx, conn, err)
		}
		if status != nil {
			return nil
		}
	}
	return errors.Join(errors.New("presenting: the reader asks without end"), h.terminate(ctx, conn, s))
}

// refusal is the DeviceResponse status for a request that was not understood (ISO/IEC 18013-5:2021, Table 8).
func refusal(err error) uint64 {
	if errors.Is(err, mdoc.ErrInvalid) {
		return mdoc.StatusValidationError
	}
	return mdoc.StatusDecodingError
}

// abort tells the reader why the session ends, where the error carries a status.
func (h *Holder) abort(ctx context.Context, conn transport.Conn, cause error) error {
	err := fmt.Errorf("presenting: %w", cause)
	e, ok := errors.AsType[*session.Error](cause)
	if !ok {
		return err
	}
	message, merr := session.StatusMessage(e.Status)
	if merr != nil {
		return errors.Join(err, merr)
	}
	return errors.Join(err, conn.Send(ctx, message))
}

func (h *Holder) terminate(ctx context.Context, conn transport.Conn, s *session.DeviceSession) error {
	message, err := s.Terminate()
	if err != nil {
		return err
	}
	return conn.Send(ctx, message)
}
