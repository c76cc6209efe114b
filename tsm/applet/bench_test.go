package applet_test

import (
	"bytes"
	"crypto/sha256"
	"testing"
	"time"

	"mobileid/mdoc"
	"mobileid/mdoc/apdu"
	"mobileid/mdoc/cose"
	"mobileid/mdoc/mdoctest/world"
	"mobileid/mdoc/provisioning"
	"mobileid/tsm/applet"
	"mobileid/tsm/applet/stream"
	"mobileid/tsm/gp"
	"mobileid/tsm/se"
	"mobileid/tsm/se/setest"
)

// BenchmarkProvisioning is all that the applet does for a credential of 27 kB: keys, attestation, opening, judging, commit and receipt, in
// blocks of 239 bytes and without the secure channel. The metric S is the time in P-256 signatures (RFC 6979) made in the same
// run; write and file work of the element's memory is in it.
func BenchmarkProvisioning(b *testing.B) {
	w := newBench(b)
	w.draft.Elements = append(w.draft.Elements, mdoc.Element{NameSpace: world.NameJP, Identifier: "picture", Value: world.Encode(b, bytes.Repeat([]byte{0x5A}, 25_000))})
	session(b, w, w.On(b))
	w = w.fork(b)
	inside := &setest.Inside{Kind: applet.Kind()}
	cfg := w.Config
	cfg.Applets = []se.Kind{inside}
	s, err := se.Open(w.Path, cfg)
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close() //nolint:errcheck // the run is over
	var work, sign time.Duration
	digest := sha256.Sum256([]byte("S"))
	signer := cose.Deterministic(w.SignerKey)
	for b.Loop() {
		j := newJob(b, w, 1, provisioning.PurposeSign)
		generate := must(b, stream.Generate{OrderID: j.Order.ID, Slot: 1, Purpose: 1, Challenge: j.Order.Challenge})
		start := time.Now() //nolint:forbidigo // measured
		j.Attestation = blocks(b, inside.Program, generate)
		for len(j.Attestation)%stream.PageSize == 0 {
			page := blocks(b, inside.Program, stream.Page(uint16(len(j.Attestation))))
			if j.Attestation = append(j.Attestation, page...); len(page) == 0 {
				break
			}
		}
		work += time.Since(start) //nolint:forbidigo // measured
		if err := j.issue(w); err != nil {
			b.Fatal(err)
		}
		sum := sha256.Sum256(j.Sealed)
		data, err := stream.Deliver(j.Order.ID, j.Sealed, sum[:])
		if err != nil {
			b.Fatal(err)
		}
		start = time.Now() //nolint:forbidigo // measured
		receipt := blocks(b, inside.Program, data)
		work += time.Since(start) //nolint:forbidigo // measured
		if err := j.Settle(receipt, provisioning.ReceiptCommitted); err != nil {
			b.Fatal(err)
		}
		start = time.Now() //nolint:forbidigo // measured
		for range 4 {
			if _, err := signer.Sign(nil, digest[:], nil); err != nil {
				b.Fatal(err)
			}
		}
		sign += time.Since(start) / 4 //nolint:forbidigo // measured
	}
	b.ReportMetric(float64(work)/float64(sign), "S/op")
	b.ReportMetric(float64(work.Microseconds())/float64(b.N), "applet-us/op")
}

// blocks gives a sequence to the program as a host cuts it, and the answer to the last block.
func blocks(tb testing.TB, program se.Applet, data []byte) []byte {
	tb.Helper()
	const size = 239
	for n := 0; ; n++ {
		part := data[:min(size, len(data))]
		data = data[len(part):]
		r := program.StoreData(gp.Block{Number: byte(n), Last: len(data) == 0, Answer: true, BERTLV: true, Data: part})
		if r.SW != apdu.OK {
			tb.Fatal(r.SW)
		}
		if len(data) == 0 {
			return r.Data
		}
	}
}
