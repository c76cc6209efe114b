package mdoc_test

import (
	"bytes"
	"testing"

	"mobileid/mdoc"
	"mobileid/mdoc/holder"
	"mobileid/mdoc/mdoctest/world"
)

// TestTamper changes every bit of a whole DeviceResponse, leaves out and doubles every byte and cuts the message at every
// length: never accepted, never a panic. One place is not authenticated by the standard and may change: the minor version, which
// a reader has to tolerate; the reported data must then be the same.
func TestTamper(t *testing.T) {
	for name, proof := range map[string]holder.Proof{"signature": holder.BySignature, "mac": holder.ByMAC} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newScene(t, proof)
			s.in = s.Answer(t, s.Holder(t, s.Issue(t, s.Draft(t)), proof), s.Meet(t), world.Items(world.NameSpace, "age_over_20"))
			good := s.in.Response
			minor := bytes.Index(good, []byte("1.0")) + 2
			if r, err := mdoc.Verify(s.in); err != nil || !r.OK() {
				t.Fatalf("the good answer is refused: %v", err)
			}
			variants, tolerated := 0, 0
			try := func(at int, variant []byte) {
				variants++
				in := s.in
				in.Response = variant
				r, err := mdoc.Verify(in)
				if err != nil {
					t.Fatalf("offset %d: %v", at, err)
				}
				if !r.OK() {
					return
				}
				tolerated++
				v, ok := r.Documents[0].Element(world.NameSpace, "age_over_20")
				if at != minor || !ok || len(r.Documents) != 1 || len(r.Documents[0].Elements) != 1 || !bytes.Equal(v, []byte{0xf5}) {
					t.Errorf("offset %d of %d: accepted", at, len(good))
				}
			}
			for at := range good {
				for bit := range 8 {
					v := bytes.Clone(good)
					v[at] ^= 1 << bit
					try(at, v)
				}
				try(at, append(bytes.Clone(good[:at]), good[at+1:]...))
				try(at, append(bytes.Clone(good[:at+1]), good[at:]...))
				try(at, bytes.Clone(good[:at]))
			}
			t.Logf("%d variants of %d bytes: 0 accepted, %d with another minor version and the same data", variants, len(good), tolerated)
		})
	}
}
