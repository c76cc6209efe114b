package card_test

import (
	"bytes"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"mobileid/issuer/card"
	"mobileid/issuer/card/cardsim"
	"mobileid/mdoc/verdict"
)

// failing lists the ids that failed, in order.
func failing(v verdict.Verdict) []string {
	var ids []string
	for _, c := range v.Failed() {
		ids = append(ids, c.ID)
	}
	return ids
}

func mustRefuse(t *testing.T, r *card.Reading, c card.CheckConfig, want ...string) {
	t.Helper()
	id, v, err := card.Check(r, c)
	if err != nil {
		t.Fatal(err)
	}
	if id != nil || v.OK() {
		t.Fatal("accepted")
	}
	if diff := cmp.Diff(want, failing(v)); diff != "" {
		t.Errorf("failed checks (-want +got):\n%s", diff)
	}
}

// TestForgedCards writes cards whose sources disagree, each signed by the authority as if it were right, or which were
// spoiled afterwards; the statement is signed by the card over what it gives. Only the named checks may fail.
func TestForgedCards(t *testing.T) {
	w := fixture(t)
	other := w.card(t, "birthday", cardsim.Options{Keys: w.share(4)})
	twin := w.card(t, "nineteen", cardsim.Options{Keys: w.share(4)})
	steal := func(from *cardsim.Card, ids ...card.FileID) func(map[card.FileID][]byte) {
		o := options()
		o.WithIndividualNumber = true
		r := read(t, from, from.Person().Secrets(), o)
		return func(files map[card.FileID][]byte) {
			for _, id := range ids {
				content, ok := r.File(id)
				if !ok {
					t.Fatalf("no %v to steal", id)
				}
				files[id] = content
			}
		}
	}
	faceFiles := []card.FileID{card.FaceFile, card.BasicFile, card.FaceCVFile}
	attributesFiles := []card.FileID{card.NumberFile, card.AttributesFile, card.IntegrityFile, card.AttributesCVFile, card.AttributesKeyFile}
	neighbour := person(t, "nineteen") // the same person and keys, with records of another municipality
	neighbour.Municipality = "99202"
	elsewhere, err := cardsim.New(neighbour, w.authority, cardsim.Options{Keys: w.share(0)})
	if err != nil {
		t.Fatal(err)
	}
	flip := func(id card.FileID, find string, offset int) func(map[card.FileID][]byte) {
		return func(files map[card.FileID][]byte) { flipByte(t, files[id], find, offset) }
	}
	yesterday, tomorrow := today().AddDate(0, 0, -1), today().AddDate(0, 0, 1)

	for _, tc := range []struct {
		name   string
		alter  func(*cardsim.Draft)
		tamper func(map[card.FileID][]byte)
		want   []string
	}{
		{name: "name in the certificate is another", want: []string{"agree.name"},
			alter: func(d *cardsim.Draft) { d.Certificate.Name = "試験　次郎" }},
		{name: "name differs by normalisation alone", want: []string{"agree.name"},
			alter: func(d *cardsim.Draft) { d.Certificate.Name = "試験 太郎" }},
		{name: "address in 補助AP is another", want: []string{"agree.address"},
			alter: func(d *cardsim.Draft) { d.Attributes.Address += "１" }},
		{name: "birth date in 補助AP is a year earlier", want: []string{"agree.birth_date"},
			alter: func(d *cardsim.Draft) { d.Attributes.BirthDate = "20060415" }},
		{name: "birth date on the face is another", want: []string{"agree.birth_date"},
			alter: func(d *cardsim.Draft) { d.Face.BirthDate = "20060415" }},
		{name: "birth date in the certificate is another", want: []string{"agree.birth_date"},
			alter: func(d *cardsim.Draft) { d.Certificate.BirthDate = "420060415" }},
		{name: "sex in the certificate is another", want: []string{"agree.sex"},
			alter: func(d *cardsim.Draft) { d.Certificate.Sex = "2" }},
		{name: "sex on the face is another", want: []string{"agree.sex"},
			alter: func(d *cardsim.Draft) { d.Face.Sex = "2" }},
		{name: "municipality in the basic data is another", want: []string{"agree.municipality"},
			alter: func(d *cardsim.Draft) { d.Face.Municipality = "99202" }},
		{name: "municipality of the face's key is another", want: []string{"agree.municipality"},
			alter: func(d *cardsim.Draft) { d.Face.Signer = "13101" }},
		{name: "municipality in the basic data alone is another", want: []string{"agree.municipality"},
			tamper: func(f map[card.FileID][]byte) {
				replace(t, f[card.BasicFile], "\xDF\x34\x0599201", "\xDF\x34\x0513101")
			}},
		{name: "municipality in the authentication certificate is another", want: []string{"agree.municipality"},
			alter: func(d *cardsim.Draft) { d.AuthenticationMunicipality = "13101" }},
		{name: "municipality of the face's CV certificate is another", want: []string{"agree.municipality"},
			tamper: steal(elsewhere, card.FaceFile, card.FaceCVFile)},
		{name: "municipality of face and basic data is another", want: []string{"agree.municipality"}, tamper: steal(elsewhere, faceFiles...)},
		{name: "municipality of the attributes' CV certificate is another", want: []string{"agree.municipality"},
			tamper: steal(elsewhere, attributesFiles...)},
		{name: "basic data edited to the municipality of the attributes", want: []string{"agree.municipality"}, // 券面AP 0003 is not signed
			alter:  func(d *cardsim.Draft) { d.AuthenticationMunicipality = "99202" },
			tamper: steal(elsewhere, append([]card.FileID{card.BasicFile}, attributesFiles...)...)},
		{name: "card expired yesterday", want: []string{"agree.expiry", "card.expiry"},
			alter: func(d *cardsim.Draft) { d.Face.Expiry = yesterday.Format("20060102") }},
		{name: "certificate outlives the card", want: []string{"agree.expiry"},
			alter: func(d *cardsim.Draft) { d.Face.Expiry = tomorrow.Format("20060102") }},
		{name: "certificates expired", want: []string{"cert.validity", "auth.validity"},
			alter: func(d *cardsim.Draft) { d.Certificate.NotAfter = today().Add(-time.Second) }},
		{name: "certificates not yet valid", want: []string{"cert.validity", "auth.validity"},
			alter: func(d *cardsim.Draft) { d.Certificate.NotBefore = today().Add(time.Second) }},
		{name: "number with a wrong check digit", want: []string{"number.check_digit"},
			alter: func(d *cardsim.Draft) { d.Attributes.Number = "900000000190" }},
		{name: "unknown sex code", want: []string{"attributes.format"},
			alter: func(d *cardsim.Draft) { d.Attributes.Sex = "4" }},
		{name: "birth day unknown", want: []string{"attributes.format"},
			alter: func(d *cardsim.Draft) { d.Attributes.BirthDate = "20070400" }},
		{name: "era and date disagree", want: []string{"cert.holder"},
			alter: func(d *cardsim.Draft) { d.Certificate.BirthDate = "3" + d.Certificate.BirthDate[1:] }},
		{name: "substitute flags of another length", want: []string{"cert.holder"},
			alter: func(d *cardsim.Draft) { d.Certificate.NameFlags = "0000" }},
		{name: "control characters in the name", want: []string{"cert.holder", "attributes.format"},
			alter: func(d *cardsim.Draft) { d.Certificate.Name, d.Attributes.Name = "試験\r\n太郎", "試験\r\n太郎" }},
		{name: "portrait is no JP2", want: []string{"face.portrait"},
			alter: func(d *cardsim.Draft) { d.Face.Portrait = bytes.Repeat([]byte{0xFF, 0xD8}, 4000) }},

		{name: "portrait altered", want: []string{"face.signature"}, tamper: flip(card.FaceFile, "\xDF\x27", 2000)},
		{name: "name image altered", want: []string{"face.signature"}, tamper: flip(card.FaceFile, "\xDF\x25", 40)},
		{name: "face sex altered", want: []string{"face.signature"},
			tamper: func(f map[card.FileID][]byte) { replace(t, f[card.FaceFile], "\xDF\x23\x01\x31", "\xDF\x23\x01\x32") }},
		{name: "face signature altered", want: []string{"face.signature"}, tamper: flip(card.FaceFile, "\xDF\x28", 100)},
		{name: "face of another card", want: []string{"face.active_auth", "agree.birth_date", "agree.sex"}, tamper: steal(other, faceFiles...)},
		{name: "attributes altered", want: []string{"attributes.integrity"},
			tamper: func(f map[card.FileID][]byte) {
				replace(t, f[card.AttributesFile], "\xDF\x25\x01\x31", "\xDF\x25\x01\x32")
			}},
		{name: "integrity digest altered", want: []string{"attributes.integrity"}, tamper: flip(card.IntegrityFile, "\xDF\x32", 10)},
		{name: "integrity signature altered", want: []string{"attributes.integrity"}, tamper: flip(card.IntegrityFile, "\xDF\x33", 100)},
		{name: "number of another card", want: []string{"number.integrity"}, tamper: steal(other, card.NumberFile)},
		{name: "number with other filler", want: []string{"number.integrity"},
			tamper: func(f map[card.FileID][]byte) { f[card.NumberFile] = f[card.NumberFile][:16] }},
		{name: "key record altered", want: []string{"attributes.key_record"}, tamper: flip(card.AttributesKeyFile, "\x91\x82\x01\x00", 100)},
		{name: "attributes CV certificate altered", want: []string{"attributes.cv_certificate"}, tamper: flip(card.AttributesCVFile, "\x5F\x37", 100)},
		{name: "attributes CV certificate of an unknown issuer", want: []string{"attributes.cv_certificate"}, tamper: flip(card.AttributesCVFile, "\x39\x30\x30", 1)},
		{name: "attributes CV certificate of the other application", want: []string{"attributes.cv_certificate"},
			tamper: func(f map[card.FileID][]byte) { f[card.AttributesCVFile] = f[card.FaceCVFile] }},
		{name: "face CV certificate altered", want: []string{"face.cv_certificate"}, tamper: flip(card.FaceCVFile, "\x5F\x37", 100)},
		{name: "face CV certificate of the other application", want: []string{"face.cv_certificate"},
			tamper: func(f map[card.FileID][]byte) { f[card.FaceCVFile] = f[card.AttributesCVFile] }},
		{name: "copied 補助AP without its key", want: []string{"attributes.active_auth"}, tamper: steal(twin, attributesFiles...)},
		{name: "copied 券面AP without its key", want: []string{"face.active_auth"}, tamper: steal(twin, faceFiles...)},
		{name: "signature certificate of a twin without its key", want: []string{"evidence.signature"}, tamper: steal(twin, card.SignatureCertificate)},
		{name: "signature certificate altered", want: []string{"cert.chain"},
			tamper: func(f map[card.FileID][]byte) { c := f[card.SignatureCertificate]; c[len(c)-5] ^= 1 }},
		{name: "authentication certificate for signing", want: []string{"cert.chain", "cert.profile", "cert.holder"},
			tamper: func(f map[card.FileID][]byte) { f[card.SignatureCertificate] = f[card.AuthenticationCertificate] }},
		{name: "CA certificate for signing", want: []string{"cert.chain", "cert.profile", "cert.holder"},
			tamper: func(f map[card.FileID][]byte) { f[card.SignatureCertificate] = f[card.SignatureCA] }},
		{name: "signature certificate is no X.509", want: []string{"cert.format"},
			tamper: func(f map[card.FileID][]byte) { f[card.SignatureCertificate] = noCertificate() }},
		{name: "authentication certificate is no X.509", want: []string{"auth.format"},
			tamper: func(f map[card.FileID][]byte) { f[card.AuthenticationCertificate] = noCertificate() }},
		{name: "face objects in another order", want: []string{"face.format"},
			tamper: func(f map[card.FileID][]byte) { replace(t, f[card.FaceFile], "\xDF\x23\x01", "\xDF\x2B\x01") }},
		{name: "CV certificate with an even modulus", want: []string{"face.format"},
			tamper: func(f map[card.FileID][]byte) { flipByte(t, f[card.FaceCVFile], "\x91\x82\x01\x00", 4+255) }},
	} {
		t.Run(tc.name, func(t *testing.T) {
			k := w.card(t, "nineteen", cardsim.Options{Alter: tc.alter, Tamper: tc.tamper})
			o := options()
			o.WithIndividualNumber = true
			r := overTheWire(t, read(t, k, k.Person().Secrets(), o))
			c := w.config()
			c.NumberConsent = true
			mustRefuse(t, r, c, tc.want...)
		})
	}
}

// TestCertificateProfile signs certificates that break the profile in one place each.
func TestCertificateProfile(t *testing.T) {
	w := fixture(t)
	find := func(list []pkix.Extension, n int) int {
		return slices.IndexFunc(list, func(e pkix.Extension) bool { return e.Id.Equal(asn1.ObjectIdentifier{2, 5, 29, n}) })
	}
	set := func(n int, value string) func([]pkix.Extension) []pkix.Extension {
		return func(l []pkix.Extension) []pkix.Extension { l[find(l, n)].Value = []byte(value); return l }
	}
	drop := func(n int) func([]pkix.Extension) []pkix.Extension {
		return func(l []pkix.Extension) []pkix.Extension { return slices.Delete(l, find(l, n), find(l, n)+1) }
	}
	uncritical := func(n int) func([]pkix.Extension) []pkix.Extension {
		return func(l []pkix.Extension) []pkix.Extension { l[find(l, n)].Critical = false; return l }
	}
	add := func(e pkix.Extension) func([]pkix.Extension) []pkix.Extension {
		return func(l []pkix.Extension) []pkix.Extension { return append(l, e) }
	}
	san := func(edit func([]byte) []byte) func([]pkix.Extension) []pkix.Extension {
		return func(l []pkix.Extension) []pkix.Extension {
			l[find(l, 17)].Value = edit(l[find(l, 17)].Value)
			return l
		}
	}
	for _, tc := range []struct {
		name string
		edit func([]pkix.Extension) []pkix.Extension
		want []string
	}{
		{"digitalSignature alone", set(15, "\x03\x02\x07\x80"), []string{"cert.profile"}},
		{"keyCertSign added", set(15, "\x03\x02\x02\xC4"), []string{"cert.profile"}},
		{"keyUsage not critical", uncritical(15), []string{"cert.profile"}},
		{"no keyUsage", drop(15), []string{"cert.profile"}},
		{"CA", add(pkix.Extension{Id: asn1.ObjectIdentifier{2, 5, 29, 19}, Critical: true, Value: []byte{0x30, 0x03, 0x01, 0x01, 0xFF}}), []string{"cert.profile"}},
		{"clientAuth", add(pkix.Extension{Id: asn1.ObjectIdentifier{2, 5, 29, 37}, Value: []byte("\x30\x0A\x06\x08\x2B\x06\x01\x05\x05\x07\x03\x02")}), []string{"cert.profile"}},
		{"unknown critical extension", add(pkix.Extension{Id: asn1.ObjectIdentifier{1, 2, 3, 4}, Critical: true, Value: []byte{5, 0}}), []string{"cert.profile"}},
		{"authentication policy", set(32, "\x30\x0E\x30\x0C\x06\x0A\x2A\x83\x08\x8C\x9B\x55\x08\x05\x03\x1E"), []string{"cert.profile"}},
		{"policy of a phone", set(32, "\x30\x0F\x30\x0D\x06\x0B\x2A\x83\x08\x8C\x9B\x55\x08\x05\x01\x01\x28"), []string{"evidence.token", "cert.profile"}},
		{"policy not critical", uncritical(32), []string{"cert.profile"}},
		{"no policy", drop(32), []string{"cert.profile"}},
		{"no distribution point", drop(31), []string{"cert.profile"}},
		{"no subjectKeyIdentifier", drop(14), []string{"cert.profile"}},
		{"no subjectAltName", drop(17), []string{"cert.holder"}},
		{"otherName .6 missing", san(func(b []byte) []byte {
			return bytes.Replace(b, []byte("\x08\x05\x05\x06"), []byte("\x08\x05\x05\x07"), 1)
		}), []string{"cert.holder"}},
		{"otherName .1 twice", san(func(b []byte) []byte {
			return bytes.Replace(b, []byte("\x08\x05\x05\x06"), []byte("\x08\x05\x05\x01"), 1)
		}), []string{"cert.holder"}},
		{"name as PrintableString", san(func(b []byte) []byte {
			return bytes.Replace(b, []byte("\x05\x05\x01\xA0\x11\x0C"), []byte("\x05\x05\x01\xA0\x11\x13"), 1)
		}), []string{"cert.holder"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			k := w.card(t, "nineteen", cardsim.Options{Alter: func(d *cardsim.Draft) {
				d.Certificate.Template = func(c *x509.Certificate) { c.ExtraExtensions = tc.edit(c.ExtraExtensions) }
			}})
			mustRefuse(t, read(t, k, k.Person().Secrets(), options()), w.config(), tc.want...)
		})
	}
}

func TestCertificateWithAnotherAlgorithm(t *testing.T) {
	k := fixture(t).card(t, "nineteen", cardsim.Options{Alter: func(d *cardsim.Draft) {
		d.Certificate.Template = func(c *x509.Certificate) { c.SignatureAlgorithm = x509.SHA384WithRSA }
	}})
	mustRefuse(t, read(t, k, k.Person().Secrets(), options()), fixture(t).config(), "cert.profile")
}

func TestCheckOfGoodEvidenceAgainstAnotherConfiguration(t *testing.T) {
	w := fixture(t)
	k := w.card(t, "nineteen", cardsim.Options{})
	o := options()
	o.WithIndividualNumber = true
	r := overTheWire(t, read(t, k, k.Person().Secrets(), o))
	for _, tc := range []struct {
		name string
		edit func(*card.CheckConfig)
		want []string
	}{
		{"replayed: another challenge is due", func(c *card.CheckConfig) { c.Challenge = bytes.Repeat([]byte{1}, 32) }, []string{"evidence.challenge"}},
		{"challenge is a prefix of the one due", func(c *card.CheckConfig) { c.Challenge = append(challenge(), 0) }, []string{"evidence.challenge"}},
		{"another secure element", func(c *card.CheckConfig) { c.Binding = []byte("se-0000002") }, []string{"evidence.binding"}},
		{"no consent to the number", func(c *card.CheckConfig) { c.NumberConsent = false }, []string{"number.consent"}},
		{"signature roots of a stranger with the same names", func(c *card.CheckConfig) { c.SignatureRoots = w.stranger.SignatureRoots() }, []string{"cert.chain"}},
		{"authentication CA as signature root", func(c *card.CheckConfig) { c.SignatureRoots = w.authority.AuthenticationRoots() }, []string{"cert.chain"}},
		{"municipal roots of a stranger with the same ids", func(c *card.CheckConfig) { c.MunicipalRoots = w.stranger.MunicipalRoots() }, []string{"attributes.cv_certificate", "face.cv_certificate"}},
		{"after the end of the root", func(c *card.CheckConfig) { c.At = today().AddDate(8, 0, 1) }, []string{"cert.chain", "cert.validity", "auth.chain", "auth.validity"}},
		{"before the root", func(c *card.CheckConfig) { c.At = today().AddDate(-3, 0, 0) }, []string{"cert.chain", "cert.validity", "auth.chain", "auth.validity"}},
		{"after the card's expiry", func(c *card.CheckConfig) { c.At = card.EndOfDay(k.Person().Expiry).Add(time.Second) }, []string{"cert.chain", "cert.validity", "auth.chain", "auth.validity", "card.expiry"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c := w.config()
			c.NumberConsent = true
			tc.edit(&c)
			mustRefuse(t, r, c, tc.want...)
		})
	}
}

// TestAlteredReadings changes a good reading on its way to the issuer.
func TestAlteredReadings(t *testing.T) {
	w := fixture(t)
	k := w.card(t, "nineteen", cardsim.Options{})
	twin := w.card(t, "nineteen", cardsim.Options{Keys: w.share(4)})
	stolen := read(t, twin, twin.Person().Secrets(), options())
	earlier := options()
	earlier.Challenge = bytes.Repeat([]byte{9}, 32)
	old := read(t, k, k.Person().Secrets(), earlier)
	for _, tc := range []struct {
		name string
		edit func(*card.Reading)
		want []string
	}{
		{"earlier reading under today's challenge", func(r *card.Reading) { *r = *old; r.Challenge = challenge() },
			[]string{"evidence.signature", "attributes.active_auth", "face.active_auth"}},
		{"earlier signature", func(r *card.Reading) { r.Signature = old.Signature }, []string{"evidence.signature"}},
		{"earlier proof of 補助AP", func(r *card.Reading) { r.AttributesProof = old.AttributesProof }, []string{"attributes.active_auth"}},
		{"earlier proof of 券面AP", func(r *card.Reading) { r.FaceProof = old.FaceProof }, []string{"face.active_auth"}},
		{"proofs exchanged", func(r *card.Reading) { r.FaceProof, r.AttributesProof = r.AttributesProof, r.FaceProof },
			[]string{"attributes.active_auth", "face.active_auth"}},
		{"binding exchanged", func(r *card.Reading) { r.Binding = []byte("se-0000002") }, []string{"evidence.binding", "evidence.signature"}},
		{"signature of another card", func(r *card.Reading) { r.Signature = stolen.Signature }, []string{"evidence.signature"}},
		{"unsigned", func(r *card.Reading) { r.Signature = make([]byte, 256) }, []string{"evidence.signature"}},
		{"signature above the modulus", func(r *card.Reading) { r.Signature = bytes.Repeat([]byte{0xFF}, 256) }, []string{"evidence.signature"}},
		{"file of another card", func(r *card.Reading) { exchange(t, r, stolen, card.BasicFile) }, []string{"evidence.signature"}},
		{"face file left out", func(r *card.Reading) { drop(r, card.FaceFile) }, []string{"evidence.files"}},
		{"certificate left out", func(r *card.Reading) { drop(r, card.SignatureCertificate) }, []string{"evidence.files"}},
		{"filler added", func(r *card.Reading) {
			f := &r.Files[len(r.Files)-1]
			f.Content = append(f.Content, 0xFF)
		}, []string{"evidence.signature"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r := overTheWire(t, read(t, k, k.Person().Secrets(), options()))
			r.Files = slices.Clone(r.Files)
			tc.edit(r)
			mustRefuse(t, overTheWire(t, r), w.config(), tc.want...)
		})
	}
}

// TestMixedCards lets the applications of two genuine cards answer as one card.
func TestMixedCards(t *testing.T) {
	w := fixture(t)
	a := w.card(t, "nineteen", cardsim.Options{Keys: w.share(0)})
	b := w.card(t, "foreigner", cardsim.Options{Keys: w.share(4)})
	sa, sb := a.Person().Secrets(), b.Person().Secrets()
	for _, tc := range []struct {
		name    string
		cards   map[card.Application]*cardsim.Card
		secrets card.Secrets
		want    []string
	}{
		{"signature of the first, the rest of the second",
			map[card.Application]*cardsim.Card{card.JPKI: a, card.Attributes: b, card.Face: b},
			card.Secrets{SignaturePassword: sa.SignaturePassword, AttributePIN: sb.AttributePIN, NumberB: sb.NumberB},
			[]string{"agree.name", "agree.address", "agree.birth_date", "agree.sex", "agree.expiry"}},
		{"attributes of the second",
			map[card.Application]*cardsim.Card{card.JPKI: a, card.Attributes: b, card.Face: a},
			card.Secrets{SignaturePassword: sa.SignaturePassword, AttributePIN: sb.AttributePIN, NumberB: sa.NumberB},
			[]string{"agree.name", "agree.address", "agree.birth_date", "agree.sex"}},
		{"face of the second",
			map[card.Application]*cardsim.Card{card.JPKI: b, card.Attributes: b, card.Face: a},
			card.Secrets{SignaturePassword: sb.SignaturePassword, AttributePIN: sb.AttributePIN, NumberB: sa.NumberB},
			[]string{"agree.birth_date", "agree.sex"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			m := &mixed{cards: map[card.Application]transmitter{}}
			for ap, k := range tc.cards {
				m.cards[ap] = k
			}
			mustRefuse(t, read(t, m, tc.secrets, options()), w.config(), tc.want...)
		})
	}
}

func TestCheckRefusesBadConfigurations(t *testing.T) {
	w := fixture(t)
	k := w.card(t, "nineteen", cardsim.Options{})
	r := read(t, k, k.Person().Secrets(), options())
	for name, edit := range map[string]func(*card.CheckConfig){
		"no signature roots":      func(c *card.CheckConfig) { c.SignatureRoots = nil },
		"no authentication roots": func(c *card.CheckConfig) { c.AuthenticationRoots = nil },
		"no status source":        func(c *card.CheckConfig) { c.Status = nil },
		"no municipal roots":      func(c *card.CheckConfig) { c.MunicipalRoots = nil },
		"no challenge":            func(c *card.CheckConfig) { c.Challenge = nil },
		"no binding":              func(c *card.CheckConfig) { c.Binding = nil },
		"no instant":              func(c *card.CheckConfig) { c.At = time.Time{} },
		"leaf as root": func(c *card.CheckConfig) {
			c.SignatureRoots = append(slices.Clone(c.SignatureRoots), parse(t, r.SignatureCertificate()))
		},
		"no root at all": func(c *card.CheckConfig) { c.AuthenticationRoots = []*x509.Certificate{nil} },
		"root issued by another": func(c *card.CheckConfig) {
			c.SignatureRoots = []*x509.Certificate{alike(c.SignatureRoots[0], func(root *x509.Certificate) { root.RawIssuer = c.AuthenticationRoots[0].RawSubject })}
		},
		"root that is no CA": func(c *card.CheckConfig) {
			c.AuthenticationRoots = []*x509.Certificate{alike(c.AuthenticationRoots[0], func(root *x509.Certificate) { root.IsCA = false })}
		},
		"root that signs no certificates": func(c *card.CheckConfig) {
			c.AuthenticationRoots = []*x509.Certificate{alike(c.AuthenticationRoots[0], func(root *x509.Certificate) { root.KeyUsage = x509.KeyUsageCRLSign })}
		},
	} {
		t.Run(name, func(t *testing.T) {
			c := w.config()
			edit(&c)
			if id, _, err := card.Check(r, c); err == nil || id != nil {
				t.Error("no error")
			}
		})
	}
	if id, _, err := card.Check(nil, w.config()); err == nil || id != nil {
		t.Error("no reading, no error")
	}
	if id, v, err := card.Check(&card.Reading{}, w.config()); err != nil || id != nil || v.OK() {
		t.Errorf("empty reading: %v, %v", v, err)
	}
}

// alike is a certificate with a change, and nothing else of it touched.
func alike(c *x509.Certificate, change func(*x509.Certificate)) *x509.Certificate {
	out := *c
	change(&out)
	return &out
}

// TestCheckRefusesMalformedReadings checks readings that no bytes stand for: every file is there, and no check but the first may speak.
func TestCheckRefusesMalformedReadings(t *testing.T) {
	w := fixture(t)
	k := w.card(t, "nineteen", cardsim.Options{})
	for name, change := range map[string]func(*card.Reading){
		"files out of order":  func(r *card.Reading) { r.Files[0], r.Files[1] = r.Files[1], r.Files[0] },
		"a file twice":        func(r *card.Reading) { r.Files = slices.Insert(r.Files, 1, r.Files[0]) },
		"a file nobody reads": func(r *card.Reading) { r.Files = append(r.Files, card.File{ID: 0xFFFFFF, Content: []byte{1}}) },
		"a file over the bound": func(r *card.Reading) {
			r.Files[0].Content = append(slices.Clone(r.Files[0].Content), make([]byte, card.MaxFile)...)
		},
		"no proof of 補助AP": func(r *card.Reading) { r.AttributesProof = nil },
		"a longer proof":   func(r *card.Reading) { r.FaceProof = append(slices.Clone(r.FaceProof), 0) },
		"no signature":     func(r *card.Reading) { r.Signature = nil },
	} {
		t.Run(name, func(t *testing.T) {
			r := read(t, k, k.Person().Secrets(), options())
			r.Files = slices.Clone(r.Files)
			change(r)
			mustRefuse(t, r, w.config(), "evidence.files")
		})
	}
}

// TestVerdictListsEveryCheck keeps the ids stable: services and documents refer to them.
func TestVerdictListsEveryCheck(t *testing.T) {
	w := fixture(t)
	k := w.card(t, "nineteen", cardsim.Options{})
	o := options()
	o.WithIndividualNumber = true
	c := w.config()
	c.NumberConsent = true
	_, v, err := card.Check(read(t, k, k.Person().Secrets(), o), c)
	if err != nil {
		t.Fatal(err)
	}
	var ids []string
	for _, ch := range v.Checks {
		ids = append(ids, ch.ID)
		if ch.Clause == "" || ch.Measured == "" {
			t.Errorf("%s has no clause or nothing measured", ch.ID)
		}
	}
	want := strings.Fields(`evidence.files evidence.challenge evidence.binding
		cert.format evidence.token cert.chain cert.validity cert.profile cert.holder evidence.signature
		auth.format auth.chain auth.validity auth.profile cert.birthday auth.birthday
		attributes.format attributes.cv_certificate attributes.integrity attributes.key_record attributes.active_auth
		face.format face.cv_certificate face.signature face.portrait face.active_auth
		agree.name agree.address agree.birth_date agree.sex agree.municipality agree.expiry card.expiry
		number.consent number.integrity number.check_digit
		card.certificate.status card.certificate.hold card.authentication.status card.authentication.hold`)
	if diff := cmp.Diff(want, ids); diff != "" {
		t.Error(diff)
	}
	// The same list, whatever fails.
	_, broken, err := card.Check(&card.Reading{}, c)
	if err != nil {
		t.Fatal(err)
	}
	if len(broken.Checks) != len(want)-3 || len(broken.Failed()) != 3 {
		t.Errorf("%d checks listed, %d failed", len(broken.Checks), len(broken.Failed()))
	}
}

func flipByte(t *testing.T, b []byte, find string, offset int) {
	t.Helper()
	at := bytes.Index(b, []byte(find))
	if at < 0 {
		t.Fatalf("no %x in the file", find)
	}
	b[at+offset] ^= 0x01
}

func replace(t *testing.T, b []byte, find, with string) {
	t.Helper()
	at := bytes.Index(b, []byte(find))
	if at < 0 || len(find) != len(with) {
		t.Fatal(fmt.Errorf("no %x in the file", find))
	}
	copy(b[at:], with)
}

// noCertificate is a DER sequence with nothing sensible in it.
func noCertificate() []byte { return append([]byte{0x30, 0x81, 0x80}, make([]byte, 0x80)...) }

func exchange(t *testing.T, r, from *card.Reading, id card.FileID) {
	t.Helper()
	content, ok := from.File(id)
	if !ok {
		t.Fatal("no such file")
	}
	for i := range r.Files {
		if r.Files[i].ID == id {
			r.Files[i].Content = content
		}
	}
}

func drop(r *card.Reading, id card.FileID) {
	r.Files = slices.DeleteFunc(r.Files, func(f card.File) bool { return f.ID == id })
}
