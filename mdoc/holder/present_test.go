package holder_test

import (
	"bytes"
	"testing"

	"mobileid/mdoc"
	"mobileid/mdoc/cbor"
	"mobileid/mdoc/holder"
	"mobileid/mdoc/mdoctest/world"
	"mobileid/mdoc/session"
	"mobileid/mdoc/transport/loopback"
)

// TestStatusOfARequestThatIsNotUnderstood: 11 for what is not CBOR of the right shape, 12 for what is and says nothing that could be
// answered, and the session goes on to the next request.
func TestStatusOfARequestThatIsNotUnderstood(t *testing.T) {
	w := world.New(t)
	h := w.Holder(t, w.Issue(t, w.Draft(t)), holder.BySignature)
	good := w.Meet(t)
	e, err := cbor.NewEmbedded(world.Items(world.NameSpace, "age_over_20"))
	if err != nil {
		t.Fatal(err)
	}
	invalid := world.Encode(t, mdoc.DeviceRequest{Version: "2.0", DocRequests: []mdoc.DocRequest{{ItemsRequest: e}}})
	valid := world.Encode(t, mdoc.DeviceRequest{Version: "1.0", DocRequests: []mdoc.DocRequest{{ItemsRequest: e}}})
	phone, reader := loopback.Pipe()
	done := make(chan error, 1)
	go func() { done <- h.Present(t.Context(), phone, good.Device) }()
	message, s, err := good.Reader.Establish([]byte{0xa0})
	if err != nil {
		t.Fatal(err)
	}
	for i, c := range []struct {
		next   []byte
		status uint64
		docs   int
	}{{invalid, mdoc.StatusDecodingError, 0}, {valid, mdoc.StatusValidationError, 0}, {nil, mdoc.StatusOK, 1}} {
		if err := reader.Send(t.Context(), message); err != nil {
			t.Fatal(err)
		}
		answer, err := reader.Receive(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		raw, _, err := s.Decrypt(answer)
		if err != nil {
			t.Fatal(err)
		}
		r, err := mdoc.ParseDeviceResponse(raw)
		if err != nil || r.Status != c.status || len(r.Documents) != c.docs {
			t.Errorf("answer %d: status %d with %d documents, %v", i, r.Status, len(r.Documents), err)
		}
		if c.next == nil {
			message, err = s.Terminate()
		} else {
			message, err = s.Encrypt(c.next)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := reader.Send(t.Context(), message); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// TestPresentGivesUp: what cannot be opened ends the session with its status, and so does a reader that asks without end.
func TestPresentGivesUp(t *testing.T) {
	w := world.New(t)
	h := w.Holder(t, w.Issue(t, w.Draft(t)), holder.BySignature)
	valid := w.Request(t, w.Meet(t).Reader.Transcript(), world.Items(world.NameSpace, "age_over_20")).Raw()
	for name, c := range map[string]struct {
		spoil   func(first []byte) []byte
		repeats int
		want    session.Status
	}{
		"a first message that is not CBOR":   {func([]byte) []byte { return []byte{0xff} }, 0, session.StatusDecodingError},
		"a first message that was altered":   {func(m []byte) []byte { m[len(m)-1] ^= 1; return m }, 0, session.StatusEncryptionError},
		"a fifth request":                    {func(m []byte) []byte { return m }, 4, session.StatusTermination},
		"a second message that does not fit": {func(m []byte) []byte { return m }, -1, session.StatusEncryptionError},
	} {
		t.Run(name, func(t *testing.T) {
			m := w.Meet(t)
			phone, reader := loopback.Pipe()
			done := make(chan error, 1)
			go func() { done <- h.Present(t.Context(), phone, m.Device) }()
			message, s, err := m.Reader.Establish(valid)
			if err != nil {
				t.Fatal(err)
			}
			message = c.spoil(message)
			for range max(c.repeats, -c.repeats) {
				if err := reader.Send(t.Context(), message); err != nil {
					t.Fatal(err)
				}
				answer, err := reader.Receive(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				if _, _, err := s.Decrypt(answer); err != nil {
					t.Fatal(err)
				}
				if message, err = s.Encrypt(valid); err != nil {
					t.Fatal(err)
				}
			}
			if c.repeats < 0 {
				message[len(message)-1] ^= 1
			}
			if err := reader.Send(t.Context(), message); err != nil {
				t.Fatal(err)
			}
			last, err := reader.Receive(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			want, err := session.StatusMessage(c.want)
			if err != nil || !bytes.Equal(last, want) {
				t.Errorf("the session ends with %x, want %x: %v", last, want, err)
			}
			if err := <-done; err == nil {
				t.Error("no error")
			}
		})
	}
}
