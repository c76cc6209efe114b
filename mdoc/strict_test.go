package mdoc_test

import (
	"bytes"
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

// failures are the checks of an issuer that did not pass, with what each measured.
func (s *scene) failures() (ids []string, measured string) {
	s.t.Helper()
	v, err := s.doc().IssuerSigned.CheckIssuerSigned(s.Anchors, s.Now)
	if err != nil {
		s.t.Fatal(err)
	}
	for _, c := range v.Checks {
		if c.Outcome != verdict.Pass {
			ids, measured = append(ids, c.ID), c.Measured
		}
	}
	return ids, measured
}

func (s *scene) status(change func(*mdoc.Status)) {
	s.t.Helper()
	s.resign(func(m *mdoc.MobileSecurityObject) { change(m.Status) })
}

// TestStrict has what an issuer must not make though a reader takes it: issuer_auth.strict names each, and alone fails.
func TestStrict(t *testing.T) {
	for name, c := range map[string]struct {
		spoil func(*scene)
		says  string
	}{
		"content type protected": {func(s *scene) {
			s.sign(s.payload(), cose.Headers{X5Chain: s.SignerChain, Protected: cbor.Map[int64, cbor.RawMessage]{{Key: 3, Value: cbor.RawMessage{0x00}}}})
		}, "protected parameters"},
		"x5t protected": {func(s *scene) {
			s.sign(s.payload(), cose.Headers{X5Chain: s.SignerChain, Protected: cbor.Map[int64, cbor.RawMessage]{cose.X5T(s.SignerChain[0])}})
		}, ""},
		"no docType": {func(s *scene) { s.resign(func(m *mdoc.MobileSecurityObject) { m.DocType = "" }) }, "docType"},
		"no digests": {func(s *scene) {
			s.doc().IssuerSigned.NameSpaces = nil
			s.resign(func(m *mdoc.MobileSecurityObject) { m.ValueDigests = cbor.Map[string, mdoc.Digests]{} })
		}, "no valueDigests"},
		"an empty namespace": {func(s *scene) {
			s.resign(func(m *mdoc.MobileSecurityObject) {
				m.ValueDigests = append(m.ValueDigests, cbor.Entry[string, mdoc.Digests]{Key: "org.example", Value: mdoc.Digests{}})
			})
		}, "namespace"},
		"a nameless namespace": {func(s *scene) {
			s.resign(func(m *mdoc.MobileSecurityObject) {
				m.ValueDigests = append(m.ValueDigests, cbor.Entry[string, mdoc.Digests]{Value: mdoc.Digests{{Key: 1, Value: make([]byte, 32)}}})
			})
		}, "namespace"},
		"one random value": {func(s *scene) {
			for _, e := range []string{"age_over_20", "birth_date"} {
				s.item(world.NameSpace, e, true, func(i *mdoc.IssuerSignedItem) { i.Random = bytes.Repeat([]byte{7}, 16) })
			}
		}, "random"},
		"no status":      {func(s *scene) { s.resign(func(m *mdoc.MobileSecurityObject) { m.Status = nil }) }, "no status"},
		"empty status":   {func(s *scene) { s.status(func(m *mdoc.Status) { *m = mdoc.Status{} }) }, "no status"},
		"list nowhere":   {func(s *scene) { s.status(func(m *mdoc.Status) { m.StatusList.URI = "" }) }, "a status list"},
		"id of nothing":  {func(s *scene) { s.status(identifierList("", "https://issuer.example/ids")) }, "an identifier list"},
		"ids nowhere":    {func(s *scene) { s.status(identifierList("id", "")) }, "an identifier list"},
		"an identifier":  {func(s *scene) { s.status(identifierList("id", "https://issuer.example/ids")) }, ""},
		"as it is given": {func(*scene) {}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			s := newScene(t, holder.BySignature)
			c.spoil(s)
			got, measured := s.failures()
			var want []string
			if c.says != "" {
				want = []string{"issuer_auth.strict"}
			}
			if !slices.Equal(got, want) || !strings.Contains(measured, c.says) {
				t.Errorf("not passed: %v (%s), want %v that says %q", got, measured, want, c.says)
			}
		})
	}
}

func identifierList(id, uri string) func(*mdoc.Status) {
	return func(s *mdoc.Status) { s.IdentifierList = &mdoc.IdentifierListRef{ID: []byte(id), URI: uri} }
}

// TestStatusOfNothing: a reference that names nothing is of unknown status, whatever a source says.
func TestStatusOfNothing(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*mdoc.Status)
		want   []string
	}{
		"both good":     {identifierList("id", "https://issuer.example/ids"), nil},
		"no address":    {func(s *mdoc.Status) { s.StatusList.URI = "" }, []string{"status.list"}},
		"no identifier": {identifierList("", "https://issuer.example/ids"), []string{"status.identifier_list"}},
		"ids nowhere":   {identifierList("id", ""), []string{"status.identifier_list"}},
	} {
		t.Run(name, func(t *testing.T) {
			s := newScene(t, holder.BySignature)
			s.in.Status = byKind{verdict.Pass, verdict.Pass}
			s.status(c.change)
			r := s.verify()
			if got := notPassed(r); !slices.Equal(got, c.want) || len(r.Failed()) > 0 {
				t.Errorf("not passed: %v, want %v unknown: %s", got, c.want, r.Verdict)
			}
		})
	}
}

// TestDigestIDBound: a digestID is smaller than 2^31, in items and in the MSO.
func TestDigestIDBound(t *testing.T) {
	for id, want := range map[uint64][]string{1<<31 - 1: nil, 1 << 31: {"mso.digest_id"}, 1 << 63: {"mso.digest_id"}} {
		s := newScene(t, holder.BySignature)
		s.item(world.NameSpace, "birth_date", false, func(i *mdoc.IssuerSignedItem) {
			old := i.DigestID
			s.resign(func(m *mdoc.MobileSecurityObject) {
				digests, _ := m.ValueDigests.Get(world.NameSpace)
				for n := range digests {
					if digests[n].Key == old {
						digests[n].Key = id
					}
				}
			})
			i.DigestID = id
		})
		s.item(world.NameSpace, "birth_date", true, func(*mdoc.IssuerSignedItem) {})
		decoy := newScene(t, holder.BySignature)
		decoy.resign(func(m *mdoc.MobileSecurityObject) {
			m.ValueDigests[0].Value = append(m.ValueDigests[0].Value, cbor.Entry[uint64, []byte]{Key: id, Value: make([]byte, 32)})
		})
		for name, s := range map[string]*scene{"item": s, "decoy": decoy} {
			if got, _ := s.failures(); !slices.Equal(got, want) {
				t.Errorf("%s of id %d: issuer: %v", name, id, got)
			}
			var failed []string
			for _, c := range s.verify().Failed() {
				failed = append(failed, c.ID)
			}
			if !slices.Equal(failed, want) {
				t.Errorf("%s of id %d: reader: %v", name, id, failed)
			}
		}
	}
	// An item without a digest of that id in the MSO.
	s := newScene(t, holder.BySignature)
	s.item(world.NameSpace, "birth_date", false, func(i *mdoc.IssuerSignedItem) { i.DigestID = 1 << 31 })
	if got, _ := s.failures(); !slices.Equal(got, []string{"mso.digest", "mso.digest_id"}) {
		t.Errorf("an item alone: %v", got)
	}
}

// TestVersionForm: "1." and digits; what else was there is not repeated.
func TestVersionForm(t *testing.T) {
	for version, c := range map[string]struct {
		ok   bool
		says string
	}{
		"1.0": {true, `version "1.0"`}, "1.27": {true, `version "1.27"`}, "1.0.1": {false, `version "1.0.1"`}, "1.": {false, `version "1."`},
		"1.x": {false, `version "1.?"`}, "1": {false, `version "1"`}, "": {false, `version ""`}, "2.0": {false, `version "2.0"`},
		"1.-1": {false, `version "1.?1"`}, "1.0 Taro Yamada": {false, `version "1.0?????"`}, "1.1234567890": {true, `version "1.123456"`},
	} {
		s := newScene(t, holder.BySignature)
		s.resign(func(m *mdoc.MobileSecurityObject) { m.Version = version })
		s.answer.Version = version
		seen := 0
		for _, check := range s.verify().Checks {
			if check.ID != "mso.version" && check.ID != "response.version" {
				continue
			}
			seen++
			if (check.Outcome == verdict.Pass) != c.ok || check.Measured != c.says+", major version 1 is due" {
				t.Errorf("%q: %s %s: %s", version, check.ID, check.Outcome, check.Measured)
			}
		}
		if seen != 2 {
			t.Errorf("%q: %d checks", version, seen)
		}
	}
}

// TestUnprotectedX5T: x5t is read where it stands, so that nothing says that it is not.
func TestUnprotectedX5T(t *testing.T) {
	s := newScene(t, holder.BySignature)
	s.sign(s.payload(), cose.Headers{X5Chain: s.SignerChain, Unprotected: cbor.Map[int64, cbor.RawMessage]{cose.X5T(s.SignerChain[0])}})
	r := s.verify()
	for _, c := range r.Checks {
		if c.ID == "tolerance.unprotected_header" && c.Measured != "tolerated: 1 unprotected parameters that are not due there [34]" {
			t.Errorf("%s", c.Measured)
		}
	}
	for _, id := range []string{"issuer_auth.x5t", "tolerance.unprotected_header"} {
		if o, listed := r.Outcome(id); !listed || o != verdict.Pass {
			t.Errorf("%s: %s", id, r.Verdict)
		}
	}
}
