package jpkiapplet_test

import (
	"bytes"
	"crypto"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"testing"
	"time"

	"mobileid/mdoc/apdu"
	"mobileid/mdoc/jpkiap"
	"mobileid/mdoc/provisioning"
	"mobileid/tsm/applet/stream"
	"mobileid/tsm/gp"
	"mobileid/tsm/jpkiapplet"
	"mobileid/tsm/se"
	"mobileid/tsm/se/setest"
)

func digestInfo(text string) (info []byte, digest [32]byte) {
	digest = sha256.Sum256([]byte(text))
	prefix := []byte{0x30, 0x31, 0x30, 0x0D, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01, 0x05, 0x00, 0x04, 0x20}
	return append(prefix, digest[:]...), digest
}

// The exchange that readers make with a phone, from the choice of the secrets to signatures with both keys.
func TestReader(t *testing.T) {
	b := newBench(t)
	s, j := provisioned(t, b)
	p := phone{t, s}
	p.app()
	p.say(apdu.OK, apdu.Command{INS: 0xA4, P1: 0x04, Data: jpkiap.AID()[:6], Le: 256})
	info := p.whole(apdu.OK, jpkiap.TokenInfo)
	if len(info) != 160 || string(bytes.TrimRight(info[:32], " ")) != "JPKIAPGPSETOKEN" {
		t.Errorf("token information of %d bytes: %q", len(info), info[:min(len(info), 32)])
	}
	if got := p.whole(apdu.OK, jpkiap.Presence); !bytes.Equal(got, []byte{0x8F, 0x8F, 0}) {
		t.Errorf("presence %x", got)
	}
	for id, want := range map[uint16][]byte{jpkiap.SignatureCA: j.set.SignatureCA, jpkiap.AuthenticationCA: j.set.AuthenticationCA} {
		if got := p.whole(apdu.OK, id); !bytes.Equal(got, want) {
			t.Errorf("CA certificate %02X: %d bytes", id, len(got))
		}
	}
	p.whole(apdu.SecurityStatus, jpkiap.AuthenticationCertificate) // on a card it is free
	p.whole(apdu.SecurityStatus, jpkiap.SignatureCertificate)
	for id, sw := range map[uint16]apdu.SW{jpkiap.AuthenticationKey: apdu.WrongFileType, jpkiap.AuthenticationPIN: apdu.WrongFileType} {
		p.whole(sw, id)
	}

	p.verify(apdu.OK, jpkiap.AuthenticationPIN, testPIN)
	if got := p.whole(apdu.OK, jpkiap.AuthenticationCertificate); !bytes.Equal(got, j.set.Authentication) {
		t.Errorf("user authentication certificate: %d bytes", len(got))
	}
	p.whole(apdu.SecurityStatus, jpkiap.SignatureCertificate)
	p.app() // the same application again clears nothing
	auth, signature, err := j.attested.Keys()
	if err != nil {
		t.Fatal(err)
	}
	message, digest := digestInfo("a challenge")
	p.file(apdu.OK, jpkiap.AuthenticationKey)
	out := p.say(apdu.OK, apdu.Command{CLA: 0x80, INS: 0x2A, P2: 0x80, Data: message, Le: 256})
	if err := rsa.VerifyPKCS1v15(auth, crypto.SHA256, digest[:], out); err != nil {
		t.Error(err)
	}
	p.say(apdu.SecurityStatus, apdu.Command{CLA: 0x80, INS: 0x2A, P2: 0x9A, Data: message, Le: 256})
	p.verify(apdu.OK, jpkiap.SignaturePassword, testPassword)
	out = p.say(apdu.OK, apdu.Command{CLA: 0x80, INS: 0x2A, P1: 0x02, P2: 0x9A, Data: digest[:], Le: 256})
	if err := rsa.VerifyPKCS1v15(signature, crypto.SHA256, digest[:], out); err != nil {
		t.Error(err)
	}
	out = p.say(apdu.OK, apdu.Command{CLA: 0x80, INS: 0x2A, P1: 0x04, P2: 0x9A, Data: digest[:], Le: 256})
	if err := rsa.VerifyPSS(signature, crypto.SHA256, digest[:], out, nil); err != nil {
		t.Error(err)
	}
	if got := p.whole(apdu.OK, jpkiap.SignatureCertificate); !bytes.Equal(got, j.set.Signature) {
		t.Errorf("signature certificate: %d bytes", len(got))
	}

	// Another application ends the security status, and so does a reset.
	p.say(apdu.OK, apdu.Command{INS: 0xA4, P1: 0x04, P2: 0x0C, Data: []byte(gp.ISD)})
	p.app()
	p.whole(apdu.SecurityStatus, jpkiap.AuthenticationCertificate)
	p.verify(apdu.OK, jpkiap.AuthenticationPIN, testPIN)
	s.Reset()
	p.app()
	p.whole(apdu.SecurityStatus, jpkiap.AuthenticationCertificate)
}

func TestStatusWords(t *testing.T) {
	b := newBench(t)
	s, _ := provisioned(t, b)
	p := phone{t, s}
	p.app()
	for _, c := range []struct {
		name    string
		command apdu.Command
		sw      apdu.SW
	}{
		{"no file is current", apdu.Command{INS: 0xB0, Le: 256}, apdu.NoCurrentFile},
		{"VERIFY without a file", apdu.Command{INS: 0x20, P2: 0x80}, apdu.NoCurrentFile},
		{"unknown file", apdu.Command{INS: 0xA4, P1: 0x02, P2: 0x0C, Data: []byte{0, 0x16}}, apdu.NotFound},
		{"file id of one byte", apdu.Command{INS: 0xA4, P1: 0x02, P2: 0x0C, Data: []byte{6}}, apdu.WrongLength},
		{"MF", apdu.Command{INS: 0xA4, P2: 0x0C, Data: []byte{0x3F, 0}}, apdu.NotFound},
		{"empty SELECT", apdu.Command{INS: 0xA4}, apdu.OK},
		{"file with FCI", apdu.Command{INS: 0xA4, P1: 0x02, Data: []byte{0, 6}}, apdu.WrongParameters},
		{"short id", apdu.Command{INS: 0xB0, P1: 0x86, Le: 256}, apdu.OK},
		{"unknown short id", apdu.Command{INS: 0xB0, P1: 0x96, Le: 256}, apdu.NotFound},
		{"bad short id", apdu.Command{INS: 0xB0, P1: 0xE6, Le: 256}, apdu.WrongParameters},
		{"at the end", apdu.Command{INS: 0xB0, P2: 160, Le: 256}, apdu.OffsetOutside},
		{"READ with data", apdu.Command{INS: 0xB0, Data: []byte{1}, Le: 256}, apdu.WrongLength},
		{"tries of the PIN", apdu.Command{INS: 0x20, P2: 0x98}, 0x63C3},
		{"tries of the password", apdu.Command{INS: 0x20, P2: 0x9B}, 0x63C5},
		{"VERIFY with Le", apdu.Command{INS: 0x20, P2: 0x98, Le: 256}, apdu.WrongLength},
		{"VERIFY of a key", apdu.Command{INS: 0x20, P2: 0x97}, apdu.WrongFileType},
		{"VERIFY of nothing", apdu.Command{INS: 0x20, P2: 0x96}, apdu.ReferenceNotFound},
		{"VERIFY P2", apdu.Command{INS: 0x20, P2: 0x18}, apdu.WrongParameters},
		{"VERIFY P1", apdu.Command{INS: 0x20, P1: 1, P2: 0x98}, apdu.WrongParameters},
		{"CHANGE before VERIFY", apdu.Command{INS: 0x24, P1: 1, P2: 0x98, Data: []byte("1111")}, apdu.SecurityStatus},
		{"CHANGE with old and new", apdu.Command{INS: 0x24, P2: 0x98, Data: []byte("24681111")}, apdu.WrongParameters},
		{"sign with a secret", apdu.Command{CLA: 0x80, INS: 0x2A, P2: 0x98, Data: []byte{1}, Le: 256}, apdu.WrongFileType},
		{"sign before VERIFY", apdu.Command{CLA: 0x80, INS: 0x2A, P2: 0x97, Data: []byte{1}, Le: 256}, apdu.SecurityStatus},
		{"sign with the AP's own key", apdu.Command{CLA: 0x80, INS: 0x2A, Data: []byte{1}, Le: 256}, apdu.WrongParameters},
		{"terminal's certificate", apdu.Command{CLA: 0x80, INS: 0xA2}, apdu.WrongParameters},
		{"other INS of JPKI", apdu.Command{CLA: 0x80, INS: 0xAE}, apdu.InsUnsupported},
		{"other INS", apdu.Command{INS: 0xB2, P1: 1, P2: 4, Le: 256}, apdu.InsUnsupported},
		{"GET DATA of another object", apdu.Command{INS: 0xCA, P1: 0x5F, P2: 0x51, Le: 256}, apdu.ReferenceNotFound},
		{"GET CHALLENGE", apdu.Command{INS: 0x84, Le: 16}, apdu.OK},
		{"GET CHALLENGE P2", apdu.Command{INS: 0x84, P2: 1, Le: 16}, apdu.WrongParameters},
		{"GET CHALLENGE without Le", apdu.Command{INS: 0x84}, apdu.WrongLength},
		{"GET CHALLENGE extended", apdu.Command{INS: 0x84, Le: 300, Extended: true}, apdu.Conditions},
	} {
		t.Run(c.name, func(t *testing.T) { phone{t, s}.say(c.sw, c.command) })
	}
	p.verify(apdu.OK, jpkiap.AuthenticationPIN, testPIN)
	p.say(apdu.WrongLength, apdu.Command{CLA: 0x80, INS: 0x2A, P2: 0x97, Le: 256})
	p.say(apdu.WrongParameters, apdu.Command{CLA: 0x80, INS: 0x2A, P1: 6, P2: 0x97, Data: []byte{1}, Le: 256})
	p.say(apdu.Conditions, apdu.Command{CLA: 0x80, INS: 0x2A, P1: 0, P2: 0x97, Data: make([]byte, 246), Le: 256})
	p.say(apdu.WrongLength, apdu.Command{INS: 0x24, P1: 1, P2: 0x98, Data: []byte("12345")})
	p.say(apdu.OK, apdu.Command{INS: 0x24, P1: 1, P2: 0x98, Data: []byte("1111")})
	p.verify(0x63C2, jpkiap.AuthenticationPIN, testPIN)
	p.verify(apdu.OK, jpkiap.AuthenticationPIN, "1111")
}

// Before a commit there are neither keys nor certificates; before the choice of secrets nothing can be verified.
func TestEmpty(t *testing.T) {
	b := newBench(t)
	s := b.On(t)
	c := jpkiapplet.NewClient(s)
	if _, err := c.Info(t.Context()); !errors.Is(err, jpkiapplet.ErrEmpty) {
		t.Errorf("not installed: %v", err)
	}
	if err := c.ChoosePIN(t.Context(), testPIN); !errors.Is(err, jpkiapplet.ErrEmpty) {
		t.Errorf("not installed: %v", err)
	}
	j := newJob(t, b)
	h, err := b.session(t.Context(), s)
	if err == nil {
		err = j.Attest(t.Context(), h)
	}
	if err != nil {
		t.Fatal(err)
	}
	p := phone{t, s}
	p.app()
	for _, id := range []uint16{jpkiap.SignatureCertificate, jpkiap.SignatureCA, jpkiap.AuthenticationCertificate, jpkiap.AuthenticationCA,
		jpkiap.AuthenticationKey, jpkiap.SignatureKey} {
		p.file(apdu.NotFound, id)
	}
	if got := p.whole(apdu.OK, jpkiap.Presence); !bytes.Equal(got, []byte{0, 0, 0}) {
		t.Errorf("presence %x", got)
	}
	p.file(apdu.OK, jpkiap.AuthenticationPIN)
	p.say(0x63C0, apdu.Command{INS: 0x20, P2: 0x80})
	p.verify(apdu.ReferenceUnusable, jpkiap.AuthenticationPIN, testPIN)
	for _, bad := range []string{"", "123", "12345", "12a4"} {
		if err := c.ChoosePIN(t.Context(), bad); !errors.Is(err, jpkiapplet.ErrForm) {
			t.Errorf("PIN of %d bytes: %v", len(bad), err)
		}
	}
	for _, bad := range []string{"", "ABC12", "abcdef", "ABCDEFGHIJKLMNOPQ"} {
		if err := c.ChoosePassword(t.Context(), bad); !errors.Is(err, jpkiapplet.ErrForm) {
			t.Errorf("password of %d bytes: %v", len(bad), err)
		}
	}
	info, err := c.Info(t.Context())
	if err != nil || info.Committed || !info.Pending || info.PINSet || info.PasswordSet || info.Version != jpkiapplet.Version {
		t.Errorf("%+v: %v", info, err)
	}
}

// A commit takes only certificates for the keys of its order, of their kinds, in force, and of the factory's CAs.
func TestCommitRefuses(t *testing.T) {
	k := keys()
	for name, c := range map[string]struct {
		alter func(b *bench, j *job, s *provisioning.CertificateSet)
		sw    apdu.SW
	}{
		"nothing wrong": {func(*bench, *job, *provisioning.CertificateSet) {}, apdu.OK},
		"another signature key": {func(b *bench, _ *job, s *provisioning.CertificateSet) {
			s.Signature = k.signature.issue(b.tb, &k.stranger.key.PublicKey, usageSignature, b.now)
		}, apdu.WrongData},
		"another authentication key": {func(b *bench, _ *job, s *provisioning.CertificateSet) {
			s.Authentication = k.auth.issue(b.tb, &k.stranger.key.PublicKey, usageAuth, b.now)
		}, apdu.WrongData},
		"keys exchanged": {func(b *bench, j *job, s *provisioning.CertificateSet) {
			auth, signature, _ := j.attested.Keys()
			s.Signature = k.signature.issue(b.tb, auth, usageSignature, b.now)
			s.Authentication = k.auth.issue(b.tb, signature, usageAuth, b.now)
		}, apdu.WrongData},
		"certificates exchanged": {func(_ *bench, _ *job, s *provisioning.CertificateSet) {
			s.Signature, s.Authentication = s.Authentication, s.Signature
		}, apdu.WrongData},
		"a stranger of the CA's name": {func(b *bench, j *job, s *provisioning.CertificateSet) {
			_, signature, _ := j.attested.Keys()
			s.Signature = k.stranger.issue(b.tb, signature, usageSignature, b.now)
		}, apdu.WrongData},
		"a stranger with his CA": {func(b *bench, j *job, s *provisioning.CertificateSet) {
			_, signature, _ := j.attested.Keys()
			s.Signature, s.SignatureCA = k.stranger.issue(b.tb, signature, usageSignature, b.now), k.stranger.cert.Raw
		}, apdu.WrongData},
		"another usage": {func(b *bench, j *job, s *provisioning.CertificateSet) {
			_, signature, _ := j.attested.Keys()
			s.Signature = k.signature.issue(b.tb, signature, usageAuth, b.now)
		}, apdu.WrongData},
		"a CA": {func(b *bench, j *job, s *provisioning.CertificateSet) {
			_, signature, _ := j.attested.Keys()
			s.Signature = k.signature.create(b.tb, signature, &x509.Certificate{KeyUsage: usageSignature, IsCA: true, BasicConstraintsValid: true}, b.now)
		}, apdu.WrongData},
		"the CA's key under another name": {func(b *bench, j *job, s *provisioning.CertificateSet) {
			_, signature, _ := j.attested.Keys()
			renamed := authority{key: k.signature.key, cert: &x509.Certificate{Subject: pkix.Name{CommonName: "other TEST"}, SubjectKeyId: k.signature.cert.SubjectKeyId}}
			s.Signature = renamed.issueNew(b.tb, signature, usageSignature, b.now)
		}, apdu.WrongData},
		"expired": {func(b *bench, j *job, s *provisioning.CertificateSet) {
			auth, _, _ := j.attested.Keys()
			s.Authentication = k.auth.issue(b.tb, auth, usageAuth, b.now.AddDate(-6, 0, 0))
		}, apdu.WrongData},
		"not yet": {func(b *bench, j *job, s *provisioning.CertificateSet) {
			auth, _, _ := j.attested.Keys()
			s.Authentication = k.auth.issue(b.tb, auth, usageAuth, b.now.Add(time.Hour))
		}, apdu.WrongData},
		"no certificate":    {func(_ *bench, _ *job, s *provisioning.CertificateSet) { s.Signature = []byte{1} }, apdu.WrongData},
		"no CA certificate": {func(_ *bench, _ *job, s *provisioning.CertificateSet) { s.AuthenticationCA = []byte{1} }, apdu.WrongData},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t)
			s := b.On(t)
			j := newJob(t, b)
			j.alter = func(set *provisioning.CertificateSet) { c.alter(b, j, set) }
			if err := j.run(t.Context(), b, s); setest.StatusWord(err) != c.sw {
				t.Errorf("%v, expected %v", err, c.sw)
			}
			info, err := infoOf(t.Context(), s)
			if err != nil || info.Committed != (c.sw == apdu.OK) {
				t.Errorf("%+v: %v", info, err)
			}
		})
	}
	t.Run("an element without CAs", func(t *testing.T) {
		b := newBench(t)
		b.Factory.CertificateAnchors = nil
		b.Again(t)
		if err := newJob(t, b).run(t.Context(), b, b.On(t)); setest.StatusWord(err) != apdu.WrongData {
			t.Errorf("%v", err)
		}
	})
}

// Orders: the same order attests the same keys, another destroys them; what was carried out is repeated and never done twice.
func TestOrders(t *testing.T) {
	b := newBench(t)
	s := b.On(t)
	ctx := t.Context()
	j := newJob(t, b)
	step := func(name string, want apdu.SW, do func(h *setest.Host) error) {
		t.Helper()
		h, err := b.session(ctx, s)
		if err != nil {
			t.Fatal(err)
		}
		if err := do(h); setest.StatusWord(err) != want {
			t.Errorf("%s: %v, expected %v", name, err, want)
		}
	}
	step("generate", apdu.OK, func(h *setest.Host) error { return j.Attest(ctx, h) })
	first := bytes.Clone(j.Attestation)
	step("again", apdu.OK, func(h *setest.Host) error { return j.Attest(ctx, h) })
	one, err := provisioning.ParsePhoneAttestation(first)
	if err != nil {
		t.Fatal(err)
	}
	a, _, _, _ := one.Verify(b.Roots, b.now)
	if err := j.issue(b); err != nil || a == nil || !bytes.Equal(a.SignatureKey, j.attested.SignatureKey) || !a.SealingKey.Equal(j.attested.SealingKey) {
		t.Errorf("other keys for the same order: %v", err)
	}
	challenged := *j
	challenged.Order.Challenge = bytes.Repeat([]byte{1}, 32)
	step("another challenge", apdu.Conditions, func(h *setest.Host) error { return challenged.Attest(ctx, h) })
	for name, g := range map[string]stream.Generate{"slot 2": {Slot: 2, Purpose: 1}, "a key for MACs": {Slot: 1, Purpose: uint64(provisioning.PurposeMAC)}} {
		step(name, apdu.WrongData, func(h *setest.Host) error {
			g.OrderID, g.Challenge = j.Order.ID, j.Order.Challenge
			object, err := g.Object()
			if err == nil {
				_, err = h.Store(ctx, object, 0)
			}
			return err
		})
	}
	step("deliver", apdu.OK, func(h *setest.Host) error { return j.Deliver(ctx, h) })
	counter := j.Receipt.Counter
	step("deliver again", apdu.OK, func(h *setest.Host) error { return j.Deliver(ctx, h) })
	if j.Receipt.Counter != counter {
		t.Error("a commit was done twice")
	}
	step("generate after the commit", apdu.Conditions, func(h *setest.Host) error { return j.Attest(ctx, h) })
	other := *j
	other.Sealed = append(bytes.Clone(j.Sealed), 0)
	step("other bytes of the same order", apdu.Conditions, func(h *setest.Host) error { return other.Deliver(ctx, h) })
	step("wipe by the order of the commit", apdu.Conditions, func(*setest.Host) error { return j.wipe(ctx, b, s) })
	stranger := newJob(t, b)
	stranger.Sealed, stranger.Content = j.Sealed, j.Content
	step("an order that made no keys", apdu.Conditions, func(h *setest.Host) error { return stranger.Deliver(ctx, h) })

	w := newJob(t, b)
	w.SEKey = j.SEKey
	if err := w.wipe(ctx, b, s); err != nil {
		t.Fatal(err)
	}
	counter = w.Receipt.Counter
	if err := w.wipe(ctx, b, s); err != nil || w.Receipt.Counter != counter {
		t.Errorf("the same wipe again: %v", err)
	}
	info, err := infoOf(ctx, s)
	if err != nil || info.Committed || info.PINSet {
		t.Errorf("after the wipe: %+v, %v", info, err)
	}
}

// The keys of an order that was given up are destroyed when another makes its own.
func TestAbandonedKeysAreDestroyed(t *testing.T) {
	b := newBench(t)
	begun(worn(t))(t, b)
	former := b.Objects(t)
	if _, err := b.Powered(nil, func(s *se.SE) error {
		j := newJob(t, b)
		h, err := b.session(t.Context(), s)
		if err != nil {
			return err
		}
		return j.Attest(t.Context(), h)
	}); err != nil {
		t.Fatal(err)
	}
	file, now := b.Snapshot(t), b.Objects(t)
	for _, name := range []string{"pending.authentication", "pending.signature", "pending.sealing"} {
		if former[name] == "" || now[name] == "" || bytes.Contains(file, []byte(former[name])) {
			t.Errorf("%s of the former order is still in the state file, or there is none", name)
		}
	}
	if now["live.signature"] != former["live.signature"] {
		t.Error("the live key was touched")
	}
}

// A sealed set for another order or element opens nowhere else.
func TestSealedElsewhere(t *testing.T) {
	b := newBench(t)
	s := b.On(t)
	ctx := t.Context()
	j := newJob(t, b)
	h, err := b.session(ctx, s)
	if err == nil {
		err = j.Attest(ctx, h)
	}
	if err == nil {
		err = j.issue(b)
	}
	if err != nil {
		t.Fatal(err)
	}
	other := bytes.Repeat([]byte{7}, 16)
	seal := func(order, element []byte, slot uint64, content []byte) []byte {
		t.Helper()
		sealed, err := provisioning.Seal(j.attested.SealingKey, order, element, slot, content)
		if err != nil {
			t.Fatal(err)
		}
		return sealed
	}
	flipped := bytes.Clone(j.Sealed)
	flipped[80] ^= 1
	for name, sealed := range map[string][]byte{
		"another order":   seal(other, j.Order.SEID, 1, j.Content),
		"another element": seal(j.Order.ID, other[:10], 1, j.Content),
		"another slot":    seal(j.Order.ID, j.Order.SEID, 2, j.Content),
		"a bit":           flipped,
		"no set":          seal(j.Order.ID, j.Order.SEID, 1, []byte{0xA0}),
	} {
		t.Run(name, func(t *testing.T) {
			c := *j
			c.Sealed = sealed
			h, err := b.session(ctx, s)
			if err != nil {
				t.Fatal(err)
			}
			if err := c.Deliver(ctx, h); setest.StatusWord(err) != apdu.WrongData {
				t.Errorf("%v", err)
			}
		})
	}
	h, err = b.session(ctx, s)
	if err == nil {
		err = j.Deliver(ctx, h)
	}
	if err != nil {
		t.Errorf("the right one after them: %v", err)
	}
}

// Locked: nothing but the state and a wipe.
func TestLocked(t *testing.T) {
	b := newBench(t)
	s, j := provisioned(t, b)
	ctx := t.Context()
	h, err := setest.Open(ctx, s, b.Factory.Keys)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := h.Must(ctx, apdu.Command{CLA: 0x80, INS: 0xF0, P1: 0x40, P2: 0x80, Data: []byte(gp.PhoneInstance)}); err != nil {
		t.Fatal(err)
	}
	p := phone{t, s}
	p.say(apdu.WarnCardLocked, apdu.Command{INS: 0xA4, P1: 0x04, P2: 0x0C, Data: jpkiap.AID()})
	p.file(apdu.Conditions, jpkiap.TokenInfo)
	p.say(apdu.Conditions, apdu.Command{INS: 0x20, P2: 0x98, Data: []byte(testPIN)})
	c := jpkiapplet.NewClient(s)
	info, err := c.Info(ctx)
	if err != nil || !info.Locked || !info.Committed {
		t.Errorf("%+v: %v", info, err)
	}
	if err := c.ChoosePIN(ctx, "1111"); !errors.Is(err, jpkiapplet.ErrLocked) {
		t.Errorf("%v", err)
	}
	if err := newJob(t, b).run(ctx, b, s); setest.StatusWord(err) != apdu.Conditions {
		t.Errorf("renewed while locked: %v", err)
	}
	w := newJob(t, b)
	w.SEKey = j.SEKey
	if err := w.wipe(ctx, b, s); err != nil {
		t.Errorf("wiping while locked: %v", err)
	}
}

// The AID is the only one, and there are no parameters.
func TestAccept(t *testing.T) {
	k := jpkiapplet.Kind(jpkiapplet.Options{})
	if err := k.Accept([]byte(gp.PhoneInstance), nil); err != nil {
		t.Error(err)
	}
	if k.Accept([]byte(gp.PhoneInstance), []byte{1}) == nil || k.Accept([]byte(gp.Instance(1)), nil) == nil || k.Accept(make([]byte, 10), nil) == nil {
		t.Error("accepted")
	}
	if k.Version() != [2]byte{1, 0} {
		t.Error("another version")
	}
}
