package holder_test

import (
	"testing"

	"mobileid/mdoc"
	"mobileid/mdoc/cbor"
	"mobileid/mdoc/holder"
	"mobileid/mdoc/mdoctest/world"
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
