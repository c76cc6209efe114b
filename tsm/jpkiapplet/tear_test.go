package jpkiapplet_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"testing"

	"mobileid/mdoc/apdu"
	"mobileid/mdoc/jpkiap"
	"mobileid/mdoc/provisioning"
	"mobileid/tsm/gp"
	"mobileid/tsm/jpkiapplet"
	"mobileid/tsm/se"
	"mobileid/tsm/se/setest"
)

// state is what can be seen of the application from outside.
type state struct {
	lifeCycle       gp.State
	info            jpkiapplet.Info
	auth, signature []byte // the certificates, nil for none
}

// look reads the state with the secrets, choosing those that are not there, and at every fourth look has both keys prove that they fit their
// certificates.
func (b *bench) look(ctx context.Context, s *se.SE) (out state, err error) {
	h, err := setest.Open(ctx, s, b.Factory.Keys)
	if err != nil {
		return out, err
	}
	r, err := h.Send(ctx, gp.GetStatus{Scope: gp.ScopeApplications, Prefix: gp.PhoneInstance}.Command())
	if err != nil || r.SW == apdu.ReferenceNotFound {
		return out, err
	}
	entries, err := gp.ParseEntries(r.Data)
	if err != nil || len(entries) != 1 {
		return out, fmt.Errorf("%d entries: %w", len(entries), err)
	}
	out.lifeCycle = gp.State(entries[0].State)
	c := jpkiapplet.NewClient(s)
	if out.info, err = c.Info(ctx); err != nil {
		return out, err
	}
	if !out.info.PINSet {
		err = errors.Join(c.ChoosePIN(ctx, testPIN), c.ChoosePassword(ctx, testPassword))
	}
	if err != nil || !out.info.Committed {
		return out, err
	}
	b.looks++
	for _, f := range []struct {
		secret, certificate, key uint16
		value                    string
		into                     *[]byte
	}{
		{jpkiap.AuthenticationPIN, jpkiap.AuthenticationCertificate, jpkiap.AuthenticationKey, testPIN, &out.auth},
		{jpkiap.SignaturePassword, jpkiap.SignatureCertificate, jpkiap.SignatureKey, testPassword, &out.signature},
	} {
		if *f.into, err = proved(ctx, s, f.secret, f.certificate, f.key, f.value, b.looks%4 == 0); err != nil {
			return out, err
		}
	}
	return out, nil
}

// torn cuts the power at every point of a provisioning that starts from the given state file, looks at what is left, and runs the job to its end.
// before are the certificates at the start.
func (b *bench) torn(t *testing.T, start []byte, before provisioning.CertificateSet, name string) {
	t.Helper()
	ctx := t.Context()
	b.restore(t, start)
	unbroken := newJob(t, b)
	points, err := b.powered(nil, func(s *se.SE) error { return unbroken.run(ctx, b, s) })
	if err != nil {
		t.Fatal(err)
	}
	var end state
	if _, err := b.powered(nil, func(s *se.SE) error { end, err = b.look(ctx, s); return err }); err != nil {
		t.Fatal(err)
	}
	var oldSeen, newSeen int
	for k := 1; k <= points; k++ {
		b.restore(t, start)
		j := newJob(t, b)
		if _, err := b.powered(at(k), func(s *se.SE) error { return j.run(ctx, b, s) }); !errors.Is(err, se.ErrPowerCut) {
			t.Fatalf("point %d: %v", k, err)
		}
		var found state
		if _, err := b.powered(nil, func(s *se.SE) error { found, err = b.look(ctx, s); return err }); err != nil {
			t.Fatalf("point %d: %v", k, err)
		}
		switch isOld := bytes.Equal(found.auth, before.Authentication) && bytes.Equal(found.signature, before.Signature); {
		case isOld:
			oldSeen++
		case bytes.Equal(found.auth, j.set.Authentication) && bytes.Equal(found.signature, j.set.Signature):
			newSeen++
		default:
			t.Fatalf("point %d: neither the old certificates nor the new ones", k)
		}
		if found.info.Committed != (found.lifeCycle == gp.StatePersonalized) {
			t.Fatalf("point %d: committed %v in life cycle %v", k, found.info.Committed, found.lifeCycle)
		}
		if _, err := b.powered(nil, func(s *se.SE) error {
			if err := j.run(ctx, b, s); err != nil {
				return fmt.Errorf("resuming: %w", err)
			}
			found, err = b.look(ctx, s)
			return err
		}); err != nil {
			t.Fatalf("point %d: %v", k, err)
		}
		end.info.PINSet, end.info.PINTries, end.info.PasswordSet, end.info.PasswordTries = found.info.PINSet, found.info.PINTries, found.info.PasswordSet, found.info.PasswordTries
		if found.info != end.info || !bytes.Equal(found.auth, j.set.Authentication) || !bytes.Equal(found.signature, j.set.Signature) {
			t.Fatalf("point %d: the resumed job ended in %+v, the unbroken one in %+v", k, found.info, end.info)
		}
	}
	if oldSeen == 0 || newSeen == 0 || points < 20 {
		t.Errorf("%d points, %d times the old state, %d times the new", points, oldSeen, newSeen)
	}
	t.Logf("E5: JPKI %s: power cut at %d points, %d times the old certificates were left, %d times the new, never a mixture", name, points, oldSeen, newSeen)
}

func TestTornPhoneCertificates(t *testing.T) {
	t.Run("provisioning", func(t *testing.T) {
		t.Parallel()
		b := newBench(t)
		b.torn(t, b.snapshot(t), provisioning.CertificateSet{}, "provisioning")
	})
	t.Run("renewal", func(t *testing.T) {
		t.Parallel()
		b := newBench(t)
		first := newJob(t, b)
		if _, err := b.powered(nil, func(s *se.SE) error { return first.run(t.Context(), b, s) }); err != nil {
			t.Fatal(err)
		}
		b.torn(t, b.snapshot(t), first.set, "renewal")
	})
}

// The power goes at every point of wipe and delete: afterwards the certificates are whole or gone, and the wipe ends with its receipt.
func TestTornPhoneWipe(t *testing.T) {
	b := newBench(t)
	j := newJob(t, b)
	ctx := t.Context()
	if _, err := b.powered(nil, func(s *se.SE) error { return j.run(ctx, b, s) }); err != nil {
		t.Fatal(err)
	}
	start := b.snapshot(t)
	empty := func(s *se.SE, w *job) error {
		if err := w.wipe(ctx, b, s); err != nil {
			return err
		}
		h, err := setest.Open(ctx, s, b.Factory.Keys)
		if err != nil {
			return err
		}
		c, err := gp.Delete{AID: gp.PhoneInstance}.Command()
		if err == nil {
			_, err = h.Must(ctx, c)
		}
		return err
	}
	newWipe := func() *job { w := newJob(t, b); w.seKey = j.seKey; return w }
	points, err := b.powered(nil, func(s *se.SE) error { return empty(s, newWipe()) })
	if err != nil {
		t.Fatal(err)
	}
	var whole, gone int
	for k := 1; k <= points; k++ {
		b.restore(t, start)
		w := newWipe()
		if _, err := b.powered(at(k), func(s *se.SE) error { return empty(s, w) }); !errors.Is(err, se.ErrPowerCut) {
			t.Fatalf("point %d: %v", k, err)
		}
		var found state
		if _, err := b.powered(nil, func(s *se.SE) error { found, err = b.look(ctx, s); return err }); err != nil {
			t.Fatalf("point %d: %v", k, err)
		}
		switch {
		case bytes.Equal(found.auth, j.set.Authentication) && bytes.Equal(found.signature, j.set.Signature):
			whole++
		case found.auth == nil && found.signature == nil:
			gone++
		default:
			t.Fatalf("point %d: half wiped", k)
		}
		if found.lifeCycle == 0 {
			continue // deleted; the receipt came before
		}
		if _, err := b.powered(nil, func(s *se.SE) error { return empty(s, w) }); err != nil || w.receipt == nil {
			t.Fatalf("point %d, again: %v", k, err)
		}
	}
	t.Logf("E5: JPKI wipe and delete: power cut at %d points, %d times whole, %d times gone, never half", points, whole, gone)
	if whole == 0 || gone == 0 {
		t.Error("one of the two never seen")
	}
}
