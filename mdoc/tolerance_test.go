package mdoc_test

import (
	"slices"
	"strings"
	"testing"

	"mobileid/mdoc"
	"mobileid/mdoc/cbor"
	"mobileid/mdoc/cose"
	"mobileid/mdoc/holder"
	"mobileid/mdoc/mdoctest/world"
	"mobileid/mdoc/verdict"
)

func tolerances(v verdict.Verdict) []string {
	var ids []string
	for _, c := range v.Checks {
		if strings.HasPrefix(c.ID, "tolerance.") && c.Outcome == verdict.Pass && c.Measured != "" {
			ids = append(ids, c.ID)
		}
	}
	return ids
}

// arrayed writes the one certificate of a message's x5chain as an array of one.
func arrayed(t testing.TB, sign1 []byte) []byte {
	t.Helper()
	var parts []cbor.RawMessage
	if err := cbor.Unmarshal(sign1, &parts); err != nil {
		t.Fatal(err)
	}
	var header cbor.Map[int64, cbor.RawMessage]
	if err := cbor.Unmarshal(parts[1], &header); err != nil {
		t.Fatal(err)
	}
	for i := range header {
		if header[i].Key == 33 {
			header[i].Value = append(cbor.RawMessage{0x81}, header[i].Value...)
		}
	}
	parts[1] = world.Encode(t, header)
	return world.Encode(t, parts)
}

// TestX5ChainTolerances: an x5chain in another form than RFC 9360 and the standard ask is read and named, by verifier and holder,
// and an issuer refuses it in what it makes.
func TestX5ChainTolerances(t *testing.T) {
	for name, c := range map[string]struct {
		change func(s *scene)
		want   []string
	}{
		"as it should be": {func(*scene) {}, nil},
		"array of one": {func(s *scene) {
			s.doc().IssuerSigned.IssuerAuth = arrayed(s.t, s.doc().IssuerSigned.IssuerAuth)
		}, []string{"tolerance.x5chain_array"}},
		"protected": {func(s *scene) {
			s.sign(s.payload(), cose.Headers{X5Chain: s.SignerChain, X5ChainProtected: true})
		}, []string{"tolerance.x5chain_protected"}},
	} {
		t.Run(name, func(t *testing.T) {
			s := newScene(t, holder.BySignature)
			c.change(s)
			r := s.verify()
			if !r.OK() || !slices.Equal(tolerances(r.Verdict), c.want) {
				t.Errorf("tolerances %v, want %v: %s", tolerances(r.Verdict), c.want, r.Verdict)
			}
			v, err := s.doc().IssuerSigned.CheckIssuerSigned(s.Anchors, s.Now)
			if err != nil {
				t.Fatal(err)
			}
			strict, listed := v.Outcome("issuer_auth.strict")
			if !listed || (strict == verdict.Pass) != (c.want == nil) || v.OK() != (c.want == nil) {
				t.Errorf("the issuer's check: %s", v)
			}
		})
	}
	t.Run("reader", func(t *testing.T) {
		w := world.New(t)
		tr := w.Meet(t).Reader.Transcript()
		request := w.Request(t, tr, world.Items(world.NameSpace, "age_over_20"))
		d := request.DocRequests[0]
		d.ReaderAuth = arrayed(t, d.ReaderAuth)
		_, v, err := d.CheckReaderAuth(tr, w.ReaderRoots, w.Now)
		if err != nil || !v.OK() || !slices.Equal(tolerances(v), []string{"tolerance.x5chain_array"}) {
			t.Errorf("%v: %v: %s", err, tolerances(v), v)
		}
	})
}

// TestAnnexDTolerance: the standard's own document signer writes the address of its CRL as a dNSName, and its document outlives it.
func TestAnnexDTolerance(t *testing.T) {
	r, err := mdoc.Verify(annexDVerification(t))
	if err != nil {
		t.Fatal(err)
	}
	if got := tolerances(r.Verdict); !slices.Equal(got, []string{"tolerance.crl_distribution_points", "tolerance.validity_until"}) {
		t.Errorf("tolerances %v", got)
	}
}
