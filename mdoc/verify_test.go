package mdoc_test

import (
	"crypto/ecdh"
	"crypto/rand"
	"crypto/sha256"
	"slices"
	"testing"
	"time"

	"mobileid/mdoc"
	"mobileid/mdoc/cbor"
	"mobileid/mdoc/cose"
	"mobileid/mdoc/holder"
	"mobileid/mdoc/mdoctest"
	"mobileid/mdoc/mdoctest/world"
	"mobileid/mdoc/pki"
	"mobileid/mdoc/transcript"
	"mobileid/mdoc/verdict"
)

// scene is a good presentation with everything needed to spoil one thing and sign again.
type scene struct {
	*world.World
	t       testing.TB
	meeting world.Meeting
	in      mdoc.Verification
	answer  *mdoc.DeviceResponse
}

func newScene(t testing.TB, proof holder.Proof) *scene {
	t.Helper()
	w := world.New(t)
	s := &scene{World: w, t: t, meeting: w.Meet(t)}
	ask := world.Items(world.NameSpace, "age_over_20", world.NameSpace, "birth_date", world.NameJP, "portrait")
	s.in = w.Answer(t, w.Holder(t, w.Issue(t, w.Draft(t)), proof), s.meeting, ask)
	var err error
	if s.answer, err = mdoc.ParseDeviceResponse(s.in.Response); err != nil {
		t.Fatal(err)
	}
	return s
}

func (s *scene) doc() *mdoc.Document { return &s.answer.Documents[0] }

// resign changes the MSO and signs it again with the document signer.
func (s *scene) resign(change func(*mdoc.MobileSecurityObject)) {
	s.t.Helper()
	mso, err := s.doc().IssuerSigned.MSO()
	if err != nil {
		s.t.Fatal(err)
	}
	change(mso)
	payload, err := cbor.NewEmbedded(*mso)
	if err != nil {
		s.t.Fatal(err)
	}
	s.sign(payload.Bytes(), cose.Headers{X5Chain: s.SignerChain})
}

func (s *scene) sign(payload []byte, h cose.Headers) {
	s.t.Helper()
	a, err := cose.NewSign1(s.SignerKey, h, payload)
	if err != nil {
		s.t.Fatal(err)
	}
	s.doc().IssuerSigned.IssuerAuth = a.Bytes()
}

func (s *scene) payload() []byte {
	s.t.Helper()
	a, err := s.doc().IssuerSigned.Sign1()
	if err != nil {
		s.t.Fatal(err)
	}
	return a.Payload()
}

// prove signs the device authentication again over t.
func (s *scene) prove(t transcript.Transcript) {
	s.t.Helper()
	content := mdoc.DeviceAuthenticationBytes(t, s.doc().DocType, s.doc().DeviceSigned.NameSpaces.Bytes())
	d, err := cose.NewSign1Detached(s.DeviceKey, cose.Headers{}, content)
	if err != nil {
		s.t.Fatal(err)
	}
	s.doc().DeviceSigned.DeviceAuth = mdoc.DeviceAuth{DeviceSignature: d.Bytes()}
}

// deviceSigns adds a device-signed element and proves it.
func (s *scene) deviceSigns(namespace, identifier string) {
	s.t.Helper()
	e, err := cbor.NewEmbedded(mdoc.DeviceNameSpaces{{Key: namespace, Value: cbor.Map[string, cbor.RawMessage]{{Key: identifier, Value: cbor.RawMessage{0xf5}}}}})
	if err != nil {
		s.t.Fatal(err)
	}
	s.doc().DeviceSigned.NameSpaces = e
	s.prove(s.in.Transcript)
}

// item replaces an item and, when redigest is set, its digest in the MSO.
func (s *scene) item(namespace, identifier string, redigest bool, change func(*mdoc.IssuerSignedItem)) {
	s.t.Helper()
	items, _ := s.doc().IssuerSigned.NameSpaces.Get(namespace)
	for i := range items {
		if items[i].Value.ElementIdentifier != identifier {
			continue
		}
		v := items[i].Value
		change(&v)
		e, err := cbor.NewEmbedded(v)
		if err != nil {
			s.t.Fatal(err)
		}
		items[i] = e
		if redigest {
			sum := sha256.Sum256(e.Bytes())
			s.resign(func(m *mdoc.MobileSecurityObject) {
				digests, _ := m.ValueDigests.Get(namespace)
				for n := range digests {
					if digests[n].Key == v.DigestID {
						digests[n].Value = sum[:]
					}
				}
			})
		}
		return
	}
	s.t.Fatalf("no element %s", identifier)
}

func (s *scene) verify() *mdoc.Result {
	s.t.Helper()
	raw, err := cbor.Marshal(s.answer)
	if err != nil {
		s.t.Fatal(err)
	}
	s.in.Response = raw
	r, err := mdoc.Verify(s.in)
	if err != nil {
		s.t.Fatal(err)
	}
	return r
}

func TestGoodAnswers(t *testing.T) {
	for name, proof := range map[string]holder.Proof{"signature": holder.BySignature, "mac": holder.ByMAC} {
		t.Run(name, func(t *testing.T) {
			s := newScene(t, proof)
			r := s.verify()
			if !r.OK() || len(r.Documents) != 1 || len(r.Documents[0].Elements) != 3 {
				t.Fatalf("refused: %s", r.Verdict)
			}
			v, ok := r.Documents[0].Element(world.NameSpace, "age_over_20")
			if !ok || !slices.Equal(v, []byte{0xf5}) {
				t.Errorf("age_over_20 is %x", v)
			}
		})
	}
}

// TestOneCheckFails spoils one thing at a time in a good answer, signs again what has to be signed, and names the only checks that
// may not pass.
func TestOneCheckFails(t *testing.T) {
	stranger := world.New(t)
	cases := []struct {
		name  string
		spoil func(*scene)
		want  []string
	}{
		{"value changed", func(s *scene) {
			s.item(world.NameSpace, "age_over_20", false, func(i *mdoc.IssuerSignedItem) { i.ElementValue = cbor.RawMessage{0xf4} })
		}, []string{"mso.digest"}},
		{"digest of another item", func(s *scene) {
			other, _ := s.doc().IssuerSigned.Item(world.NameSpace, "birth_date")
			s.item(world.NameSpace, "age_over_20", false, func(i *mdoc.IssuerSignedItem) { i.DigestID = other.Value.DigestID })
		}, []string{"mso.digest"}},
		{"element renamed", func(s *scene) {
			ns := s.doc().IssuerSigned.NameSpaces
			ns[0].Value = ns[0].Value[:1]
			s.item(world.NameSpace, "age_over_20", false, func(i *mdoc.IssuerSignedItem) { i.ElementIdentifier = "birth_date" })
		}, []string{"mso.digest"}},
		{"item moved to another namespace", func(s *scene) {
			ns := s.doc().IssuerSigned.NameSpaces
			ns[0].Key, ns[1].Key = ns[1].Key, ns[0].Key
		}, []string{"mso.digest", "response.requested"}},
		{"item given twice", func(s *scene) {
			ns := s.doc().IssuerSigned.NameSpaces
			ns[0].Value = append(ns[0].Value, ns[0].Value[0])
		}, []string{"mso.element_unique"}},
		{"random of 15 bytes", func(s *scene) {
			s.item(world.NameSpace, "age_over_20", true, func(i *mdoc.IssuerSignedItem) { i.Random = i.Random[:15] })
		}, []string{"mso.random"}},
		{"docType of the MSO", func(s *scene) {
			s.resign(func(m *mdoc.MobileSecurityObject) { m.DocType = "org.iso.18013.5.1.mDL" })
		}, []string{"mso.doc_type"}},
		{"version 2.0 of the MSO", func(s *scene) { s.resign(func(m *mdoc.MobileSecurityObject) { m.Version = "2.0" }) }, []string{"mso.version"}},
		{"SHA-1", func(s *scene) {
			s.resign(func(m *mdoc.MobileSecurityObject) { m.DigestAlgorithm = "SHA-1" })
		}, []string{"mso.digest_algorithm", "mso.digest"}},
		{"expired", func(s *scene) {
			s.resign(func(m *mdoc.MobileSecurityObject) { m.ValidityInfo.ValidUntil = cbor.NewTDate(s.Now.Add(-time.Second)) })
		}, []string{"mso.validity.window"}},
		{"not yet valid", func(s *scene) {
			s.resign(func(m *mdoc.MobileSecurityObject) { m.ValidityInfo.ValidFrom = cbor.NewTDate(s.Now.Add(time.Second)) })
		}, []string{"mso.validity.window"}},
		{"signed after validFrom", func(s *scene) {
			s.resign(func(m *mdoc.MobileSecurityObject) { m.ValidityInfo.Signed = cbor.NewTDate(s.Now) })
		}, []string{"mso.validity.order"}},
		{"signed before the certificate", func(s *scene) {
			s.resign(func(m *mdoc.MobileSecurityObject) { m.ValidityInfo.Signed = cbor.NewTDate(s.Now.AddDate(-1, 0, 0)) })
		}, []string{"mso.validity.signed"}},
		{"signed after the certificate ended", func(s *scene) {
			s.in.At = s.Now.AddDate(0, 0, 500)
			s.resign(func(m *mdoc.MobileSecurityObject) {
				v := &m.ValidityInfo
				v.Signed, v.ValidFrom, v.ValidUntil = cbor.NewTDate(s.in.At), cbor.NewTDate(s.in.At), cbor.NewTDate(s.in.At.AddDate(0, 0, 1))
			})
		}, []string{"chain.validity", "issuer_auth.chain", "issuer_auth.revocation", "mso.validity.signed"}},
		{"valid for no time", func(s *scene) {
			s.resign(func(m *mdoc.MobileSecurityObject) {
				m.ValidityInfo.ValidFrom, m.ValidityInfo.ValidUntil = cbor.NewTDate(s.Now), cbor.NewTDate(s.Now)
			})
		}, []string{"mso.validity.order"}},
		{"signature by a device key that only agrees", func(s *scene) {
			x, err := ecdh.X25519().GenerateKey(rand.Reader)
			if err != nil {
				s.t.Fatal(err)
			}
			key, err := cose.NewKey(x.PublicKey())
			if err != nil {
				s.t.Fatal(err)
			}
			s.resign(func(m *mdoc.MobileSecurityObject) { m.DeviceKeyInfo.DeviceKey = key })
		}, []string{"device_auth.proof"}},
		{"signed by another key", func(s *scene) {
			payload := s.payload()
			s.SignerKey = world.Key(s.t)
			s.sign(payload, cose.Headers{X5Chain: s.SignerChain})
		}, []string{"issuer_auth.signature"}},
		{"no x5chain", func(s *scene) { s.sign(s.payload(), cose.Headers{}) }, []string{"issuer_auth.shape", "issuer_auth.chain",
			"issuer_auth.revocation", "issuer_auth.signature", "mso.shape", "mso.version", "mso.digest_algorithm", "mso.digest", "mso.digest_id", "mso.random", "mso.element_unique",
			"mso.validity.order", "mso.validity.signed", "mso.validity.window", "mso.doc_type", "device_auth.proof", "status.list"}},
		{"MSO without tag 24", func(s *scene) {
			e, err := cbor.ParseEmbedded[cbor.RawMessage](s.payload())
			if err != nil {
				s.t.Fatal(err)
			}
			s.sign(e.Content(), cose.Headers{X5Chain: s.SignerChain})
		}, []string{"mso.shape", "mso.version", "mso.digest_algorithm", "mso.digest", "mso.digest_id", "mso.random", "mso.element_unique",
			"mso.validity.order", "mso.validity.signed", "mso.validity.window", "mso.doc_type", "device_auth.proof", "status.list"}},
		{"signer of a stranger", func(s *scene) {
			payload := s.payload()
			s.SignerKey = stranger.SignerKey
			s.sign(payload, cose.Headers{X5Chain: stranger.SignerChain})
		}, []string{"chain.authority_key_id", "chain.signature", "issuer_auth.chain", "issuer_auth.revocation", "status.list"}},
		{"another device key", func(s *scene) {
			key, err := cose.NewKey(world.Key(s.t).Public())
			if err != nil {
				s.t.Fatal(err)
			}
			s.resign(func(m *mdoc.MobileSecurityObject) { m.DeviceKeyInfo.DeviceKey = key })
		}, []string{"device_auth.proof"}},
		{"device signature over another transcript", func(s *scene) { s.prove(s.Meet(s.t).Reader.Transcript()) }, []string{"device_auth.proof"}},
		{"device signature with its payload attached", func(s *scene) {
			content := mdoc.DeviceAuthenticationBytes(s.in.Transcript, s.doc().DocType, s.doc().DeviceSigned.NameSpaces.Bytes())
			d, err := cose.NewSign1(s.DeviceKey, cose.Headers{}, content)
			if err != nil {
				s.t.Fatal(err)
			}
			s.doc().DeviceSigned.DeviceAuth = mdoc.DeviceAuth{DeviceSignature: d.Bytes()}
		}, []string{"device_auth.proof"}},
		{"neither signature nor MAC", func(s *scene) { s.doc().DeviceSigned.DeviceAuth = mdoc.DeviceAuth{} }, []string{"device_auth.shape", "device_auth.proof"}},
		{"both signature and MAC", func(s *scene) {
			s.doc().DeviceSigned.DeviceAuth.DeviceMac = s.doc().DeviceSigned.DeviceAuth.DeviceSignature
		}, []string{"device_auth.shape", "device_auth.proof"}},
		{"signature offered as MAC", func(s *scene) {
			a := &s.doc().DeviceSigned.DeviceAuth
			a.DeviceMac, a.DeviceSignature = a.DeviceSignature, nil
		}, []string{"device_auth.proof"}},
		{"device-signed element without authorization", func(s *scene) {
			s.in.Request = s.Request(s.t, s.in.Transcript, world.Items(world.NameSpace, "age_over_20", world.NameSpace, "birth_date",
				world.NameJP, "portrait", "example.own", "till"))
			s.deviceSigns("example.own", "till")
		}, []string{"device_auth.key_authorizations"}},
		{"device-signed element over an issued one", func(s *scene) {
			s.resign(func(m *mdoc.MobileSecurityObject) {
				m.DeviceKeyInfo.KeyAuthorizations = &mdoc.KeyAuthorizations{NameSpaces: []string{world.NameSpace}}
			})
			s.deviceSigns(world.NameSpace, "age_over_20")
		}, []string{"device_auth.element_unique"}},
		{"element that was not asked for", func(s *scene) {
			request := s.Request(s.t, s.in.Transcript, world.Items(world.NameSpace, "age_over_20", world.NameJP, "portrait"))
			s.in.Request = request
		}, []string{"response.requested"}},
		{"document that was not asked for", func(s *scene) {
			ask := world.Items(world.NameSpace, "age_over_20")
			ask.DocType = "org.iso.18013.5.1.mDL"
			s.in.Request = s.Request(s.t, s.in.Transcript, ask)
		}, []string{"response.documents", "response.requested", "response.answered"}},
		{"document given twice", func(s *scene) { s.answer.Documents = append(s.answer.Documents, *s.doc()) }, []string{"response.documents"}},
		{"no element", func(s *scene) { s.doc().IssuerSigned.NameSpaces = nil }, []string{"response.answered"}},
		{"no document", func(s *scene) { s.answer.Documents = nil }, []string{"response.documents"}},
		{"status 10", func(s *scene) { s.answer.Status = 10 }, []string{"response.status"}},
		{"version 2.0", func(s *scene) { s.answer.Version = "2.0" }, []string{"response.version"}},
		{"revoked", func(s *scene) { s.in.Status = world.Status{Outcome: verdict.Fail, Measured: "revoked"} }, []string{"status.list"}},
		{"status unknown", func(s *scene) { s.in.Status = world.Status{Outcome: verdict.NotRun} }, []string{"status.list"}},
		{"no status source", func(s *scene) { s.in.Status = nil }, []string{"status.list"}},
		{"revoked in the identifier list alone", func(s *scene) {
			s.resign(func(m *mdoc.MobileSecurityObject) {
				m.Status.IdentifierList = &mdoc.IdentifierListRef{ID: []byte{0xcc}, URI: "https://issuer.example/v1/identifier-lists/1"}
			})
			s.in.Status = byKind{list: verdict.Pass, identifier: verdict.Fail}
		}, []string{"status.identifier_list"}},
		{"identifier list unknown", func(s *scene) {
			s.resign(func(m *mdoc.MobileSecurityObject) {
				m.Status = &mdoc.Status{IdentifierList: &mdoc.IdentifierListRef{ID: []byte{0xcc}, URI: "https://issuer.example/v1/identifier-lists/1"}}
			})
			s.in.Status = byKind{list: verdict.Pass, identifier: verdict.NotRun}
		}, []string{"status.identifier_list"}},
		{"revoked in the status list alone", func(s *scene) {
			s.resign(func(m *mdoc.MobileSecurityObject) {
				m.Status.IdentifierList = &mdoc.IdentifierListRef{ID: []byte{0xcc}, URI: "https://issuer.example/v1/identifier-lists/1"}
			})
			s.in.Status = byKind{list: verdict.Fail, identifier: verdict.Pass}
		}, []string{"status.list"}},
		{"status names no list", func(s *scene) {
			s.resign(func(m *mdoc.MobileSecurityObject) { m.Status = &mdoc.Status{} })
		}, []string{"status.list"}},
		{"key authorizations without a namespace", func(s *scene) {
			s.resign(func(m *mdoc.MobileSecurityObject) { m.DeviceKeyInfo.KeyAuthorizations = &mdoc.KeyAuthorizations{} })
		}, []string{"mso.key_authorizations"}},
		{"namespace authorized as a whole and in part", func(s *scene) {
			s.resign(func(m *mdoc.MobileSecurityObject) {
				m.DeviceKeyInfo.KeyAuthorizations = &mdoc.KeyAuthorizations{NameSpaces: []string{"example.own"},
					DataElements: cbor.Map[string, []string]{{Key: "example.own", Value: []string{"till"}}}}
			})
		}, []string{"mso.key_authorizations"}},
		{"authorized namespace without elements", func(s *scene) {
			s.resign(func(m *mdoc.MobileSecurityObject) {
				m.DeviceKeyInfo.KeyAuthorizations = &mdoc.KeyAuthorizations{DataElements: cbor.Map[string, []string]{{Key: "example.own", Value: []string{}}}}
			})
		}, []string{"mso.key_authorizations"}},
		{"x5t of another certificate", func(s *scene) {
			s.sign(s.payload(), cose.Headers{X5Chain: s.SignerChain,
				Protected: cbor.Map[int64, cbor.RawMessage]{cose.X5T(s.ReaderChain[0])}})
		}, []string{"issuer_auth.x5t"}},
		{"x5t with another hash", func(s *scene) {
			s.sign(s.payload(), cose.Headers{X5Chain: s.SignerChain,
				Protected: cbor.Map[int64, cbor.RawMessage]{{Key: 34, Value: mdoctest.Hex(s.t, "82384043aabbcc")}}})
		}, []string{"issuer_auth.x5t"}},
		{"no status in the MSO", func(s *scene) { s.resign(func(m *mdoc.MobileSecurityObject) { m.Status = nil }) }, []string{"status.list"}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			s := newScene(t, holder.BySignature)
			c.spoil(s)
			r := s.verify()
			var got []string
			for _, check := range r.Checks {
				if check.Outcome != verdict.Pass && !slices.Contains(got, check.ID) {
					got = append(got, check.ID)
				}
			}
			want := slices.Clone(c.want)
			if len(r.Documents) < len(s.answer.Documents) && !slices.Contains(want, "status.list") {
				want = append(want, "status.list") // nobody is asked about a document that was not proved
			}
			slices.Sort(got)
			slices.Sort(want)
			if !slices.Equal(got, want) {
				t.Errorf("not passed: %v, want %v", got, want)
			}
			if r.OK() {
				t.Error("accepted")
			}
		})
	}
}

// byKind answers by the kind of list.
type byKind struct{ list, identifier verdict.Outcome }

// Status implements mdoc.StatusSource.
func (b byKind) Status(q mdoc.StatusQuery) mdoc.StatusAnswer {
	if q.Identifier != nil {
		return mdoc.StatusAnswer{Outcome: b.identifier}
	}
	return mdoc.StatusAnswer{Outcome: b.list}
}

func TestMACWithAnotherReaderKey(t *testing.T) {
	s := newScene(t, holder.ByMAC)
	other, err := ecdh.P256().GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	s.in.EReaderKey = other
	if r := s.verify(); r.OK() || r.Failed()[0].ID != "device_auth.proof" {
		t.Errorf("%s", r.Verdict)
	}
}

func TestAuthorizedDeviceElement(t *testing.T) {
	s := newScene(t, holder.BySignature)
	s.in.Request = s.Request(t, s.in.Transcript, world.Items(world.NameSpace, "age_over_20", world.NameSpace, "birth_date", world.NameJP, "portrait",
		"example.own", "till"))
	s.resign(func(m *mdoc.MobileSecurityObject) {
		m.DeviceKeyInfo.KeyAuthorizations = &mdoc.KeyAuthorizations{DataElements: cbor.Map[string, []string]{{Key: "example.own", Value: []string{"till"}}}}
	})
	s.deviceSigns("example.own", "till")
	if r := s.verify(); !r.OK() {
		t.Errorf("%s", r.Verdict)
	}
}

func TestSkew(t *testing.T) {
	for _, c := range []struct {
		late, skew time.Duration
		ok         bool
	}{{60 * time.Second, time.Minute, true}, {61 * time.Second, time.Minute, false}, {time.Second, 0, false}} {
		s := newScene(t, holder.BySignature)
		s.resign(func(m *mdoc.MobileSecurityObject) { m.ValidityInfo.ValidUntil = cbor.NewTDate(s.Now.Add(-c.late)) })
		s.in.Skew = c.skew
		if got := s.verify().OK(); got != c.ok {
			t.Errorf("%s late with a tolerance of %s: accepted %v", c.late, c.skew, got)
		}
	}
}

// TestVerifyNeedsItsInputs leaves out one input at a time: a judgement that cannot be made is an error, never a yes.
func TestVerifyNeedsItsInputs(t *testing.T) {
	s := newScene(t, holder.BySignature)
	for name, spoil := range map[string]func(*mdoc.Verification){
		"anchors": func(in *mdoc.Verification) { in.Anchors = nil },
		"one set of anchors": func(in *mdoc.Verification) {
			in.AnchorsFor = func(string) *pki.Anchors { return in.Anchors }
		},
		"request":    func(in *mdoc.Verification) { in.Request = nil },
		"transcript": func(in *mdoc.Verification) { in.Transcript = transcript.Transcript{} },
		"time":       func(in *mdoc.Verification) { in.At = time.Time{} },
		"tolerance":  func(in *mdoc.Verification) { in.Skew = time.Hour },
		"negative":   func(in *mdoc.Verification) { in.Skew = -1 },
	} {
		in := s.in
		spoil(&in)
		if r, err := mdoc.Verify(in); err == nil || r != nil {
			t.Errorf("%s: %v", name, err)
		}
		in.Response = nil // said before the response is looked at
		if r, err := mdoc.Verify(in); err == nil || r != nil {
			t.Errorf("%s, no response: %v", name, err)
		}
	}
}

// TestCheckIssuerSignedNeedsItsInputs: as for Verify, also of a document that could not be judged anyway.
func TestCheckIssuerSignedNeedsItsInputs(t *testing.T) {
	w := world.New(t)
	for _, raw := range [][]byte{w.Issue(t, w.Draft(t)), {0xa1, 0x6a, 'i', 's', 's', 'u', 'e', 'r', 'A', 'u', 't', 'h', 0x80}} {
		issued, err := mdoc.ParseIssuerSigned(raw)
		if err != nil {
			t.Fatal(err)
		}
		if v, err := issued.CheckIssuerSigned(nil, w.Now); err == nil || len(v.Checks) > 0 {
			t.Errorf("no anchors: %s, %v", v, err)
		}
		if v, err := issued.CheckIssuerSigned(w.Anchors, time.Time{}); err == nil || len(v.Checks) > 0 {
			t.Errorf("no time: %s, %v", v, err)
		}
	}
}

// TestMSOOfBrokenIssuerAuth: whoever looks into a credential without judging it gets an error too.
func TestMSOOfBrokenIssuerAuth(t *testing.T) {
	for name, auth := range map[string][]byte{"an empty array": {0x80}, "no payload": {0x84, 0x40, 0xa0, 0xf6, 0x40}, "an empty payload": {0x84, 0x40, 0xa0, 0x40, 0x40}} {
		s := mdoc.IssuerSigned{IssuerAuth: auth}
		if m, err := s.MSO(); err == nil {
			t.Errorf("%s: %v", name, m)
		}
	}
}

// TestDraftsThatCannotBeRevoked are not issued.
func TestDraftsThatCannotBeRevoked(t *testing.T) {
	w := world.New(t)
	for name, spoil := range map[string]func(*mdoc.Draft){
		"no list":                   func(d *mdoc.Draft) { d.Status = mdoc.StatusListRef{} },
		"identifiers without URI":   func(d *mdoc.Draft) { d.IdentifierList = &mdoc.IdentifierListRef{ID: []byte{1}} },
		"identifiers without an id": func(d *mdoc.Draft) { d.IdentifierList = &mdoc.IdentifierListRef{URI: "https://issuer.example/ids"} },
	} {
		d := w.Draft(t)
		spoil(&d)
		if _, err := mdoc.Prepare(d, nil); err == nil {
			t.Errorf("%s: issued", name)
		}
	}
}

func TestAgeOverNames(t *testing.T) {
	for name, want := range map[string]int{"age_over_18": 18, "age_over_00": 0, "age_over_99": 99, "18": -1, "age_over_5": -1, "age_over_005": -1,
		"age_over_+5": -1, "age_over_-5": -1, "age_over_1a": -1, "age_over_a1": -1, "age_over_1+": -1, "Age_over_18": -1, "age_over_ 1": -1} {
		nn, ok := mdoc.AgeOver(name)
		if ok != (want >= 0) || ok && nn != want {
			t.Errorf("%s: %d, %v", name, nn, ok)
		}
	}
}

func TestEveryIssuerWhenNoneIsNamed(t *testing.T) {
	if !(mdoc.DocRequestInfo{}).TakesIssuer() || (mdoc.DocRequestInfo{IssuerIdentifiers: [][]byte{{1}}}).TakesIssuer() {
		t.Error("issuers")
	}
}

func TestCheckIssuerSigned(t *testing.T) {
	w := world.New(t)
	issued, err := mdoc.ParseIssuerSigned(w.Issue(t, w.Draft(t)))
	if err != nil {
		t.Fatal(err)
	}
	v, err := issued.CheckIssuerSigned(w.Anchors, w.Now)
	if err != nil || !v.OK() {
		t.Errorf("%s, %v", v, err)
	}
	late := w.Draft(t)
	late.ValidUntil = w.Now.AddDate(2, 0, 0)
	issued, err = mdoc.ParseIssuerSigned(w.Issue(t, late))
	if err != nil {
		t.Fatal(err)
	}
	v, err = issued.CheckIssuerSigned(w.Anchors, w.Now)
	if o, _ := v.Outcome("mso.validity.until"); err != nil || o != verdict.Fail || len(v.Failed()) != 1 {
		t.Errorf("%s, %v", v, err)
	}
}
