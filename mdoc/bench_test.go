package mdoc_test

import (
	"fmt"
	"testing"

	"mobileid/mdoc"
	"mobileid/mdoc/cbor"
	"mobileid/mdoc/cose"
	"mobileid/mdoc/holder"
	"mobileid/mdoc/mdoctest/world"
)

func workload(b *testing.B, w *world.World) mdoc.Draft {
	d := w.Draft(b)
	d.Elements = nil
	for i := range 42 {
		d.Elements = append(d.Elements, mdoc.Element{NameSpace: world.NameSpace, Identifier: fmt.Sprintf("age_over_%02d", i), Value: world.Encode(b, i >= 20)})
	}
	d.Elements = append(d.Elements, mdoc.Element{NameSpace: world.NameJP, Identifier: "portrait", Value: world.Encode(b, make([]byte, 20<<10))})
	return d
}

func BenchmarkIssue(b *testing.B) {
	w := world.New(b)
	d := workload(b, w)
	signer := cose.Deterministic(w.SignerKey)
	b.ReportAllocs()
	for b.Loop() {
		p, err := mdoc.Prepare(d, nil)
		if err != nil {
			b.Fatal(err)
		}
		if _, err := p.Issue(signer, w.SignerChain); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkVerify judges answers whose document signer is known.
func BenchmarkVerify(b *testing.B) {
	w := world.New(b)
	issued := workload(b, w)
	portrait := world.Items(world.NameSpace, "age_over_20", world.NameJP, "portrait")
	for _, c := range []struct {
		name  string
		proof holder.Proof
		ask   mdoc.ItemsRequest
	}{
		{"portrait", holder.BySignature, portrait},
		{"age", holder.BySignature, world.Items(world.NameSpace, "age_over_20")},
		{"mac", holder.ByMAC, portrait},
	} {
		in := w.Answer(b, w.Holder(b, w.Issue(b, issued), c.proof), w.Meet(b), c.ask)
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				r, err := mdoc.Verify(in)
				if err != nil || !r.OK() {
					b.Fatal(err, r)
				}
			}
		})
	}
}

// BenchmarkParse decodes an answer and the MSO inside it, and the same by the generic decoder.
func BenchmarkParse(b *testing.B) {
	w := world.New(b)
	in := w.Answer(b, w.Holder(b, w.Issue(b, workload(b, w)), holder.BySignature), w.Meet(b), world.Items(world.NameSpace, "age_over_20"))
	r, err := mdoc.ParseDeviceResponse(in.Response)
	if err != nil {
		b.Fatal(err)
	}
	for name, parse := range map[string]func() error{
		"response": func() error { _, err := mdoc.ParseDeviceResponse(in.Response); return err },
		"generic":  func() error { var r mdoc.DeviceResponse; return cbor.Unmarshal(in.Response, &r) },
		"mso":      func() error { _, err := r.Documents[0].IssuerSigned.MSO(); return err },
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if err := parse(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkSign(b *testing.B) {
	w := world.New(b)
	s := cose.Deterministic(w.SignerKey)
	digest := make([]byte, 32)
	for b.Loop() {
		if _, err := s.Sign(nil, digest, nil); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkVerifySignature(b *testing.B) {
	w := world.New(b)
	s, err := cose.NewSign1(w.SignerKey, cose.Headers{}, []byte("x"))
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if err := s.Verify(w.SignerKey.Public()); err != nil {
			b.Fatal(err)
		}
	}
}
