package pairing_test

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"pgregory.net/rapid"

	"mobileid/issuer/pairing"
)

// clock is a time that tests move.
type clock struct{ at atomic.Int64 }

func (c *clock) now() time.Time          { return time.Unix(1_800_000_000, c.at.Load()) }
func (c *clock) advance(d time.Duration) { c.at.Add(int64(d)) }

func newBoard(alter func(*pairing.Config)) (*pairing.Board, *clock) {
	c := new(clock)
	config := pairing.Config{Now: c.now}
	if alter != nil {
		alter(&config)
	}
	return pairing.NewBoard(config), c
}

func device(id string) pairing.Device {
	return pairing.Device{SEID: []byte(id), Slot: 1, Purpose: 1}
}

// failer is what testing and rapid have in common.
type failer interface {
	Helper()
	Fatal(args ...any)
}

func must[T any](v T, err error) func(failer) T {
	return func(t failer) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func wantErr(t testing.TB, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Errorf("got %v, want %v", err, want)
	}
}

func wrong(code string) string {
	if code == "000000" {
		return "000001"
	}
	return "000000"
}

func TestVisit(t *testing.T) {
	b, _ := newBoard(nil)
	o := must(b.Open())(t)
	if s := must(b.Status(o.ID, o.Token))(t); s.Step != pairing.Open || !s.Counter || s.CodeTries != pairing.CodeTries {
		t.Errorf("opened: %+v", s)
	}
	_, err := b.Confirm(o.ID, o.Token, "000000")
	wantErr(t, err, pairing.ErrStep)
	wantErr(t, b.Attach(o.ID, pairing.Transaction{ID: "t"}), pairing.ErrStep)

	j := must(b.Claim(o.ID, o.Invitation.Secret(), device("element-01")))(t)
	if len(j.Code) != pairing.CodeDigits || strings.Trim(j.Code, "0123456789") != "" {
		t.Errorf("code %q", j.Code)
	}
	if s := must(b.Status(o.ID, j.Token))(t); s.Step != pairing.Claimed || s.Counter {
		t.Errorf("for the phone: %+v", s)
	}
	d := must(b.Confirm(o.ID, o.Token, j.Code))(t)
	if string(d.SEID) != "element-01" {
		t.Errorf("bound to %s", d.SEID)
	}
	_, err = b.Confirm(o.ID, o.Token, j.Code)
	wantErr(t, err, pairing.ErrStep)
	if err := b.Attach(o.ID, pairing.Transaction{ID: "t", Token: "secret"}); err != nil {
		t.Fatal(err)
	}
	wantErr(t, b.Attach(o.ID, pairing.Transaction{ID: "u"}), pairing.ErrStep)
	if s := must(b.Status(o.ID, o.Token))(t); s.Step != pairing.Confirmed || s.Transaction.ID != "t" {
		t.Errorf("confirmed: %+v", s)
	}
	if err := b.Close(o.ID, o.Token); err != nil {
		t.Fatal(err)
	}
	for _, token := range []string{o.Token, j.Token} {
		if s := must(b.Status(o.ID, token))(t); s.Step != pairing.Ended {
			t.Errorf("closed: %+v", s)
		}
	}
}

// A photographed invitation gives a second phone nothing, and the clerk sees that one came.
func TestInvitationIsTakenUpOnce(t *testing.T) {
	b, _ := newBoard(nil)
	o := must(b.Open())(t)
	var won atomic.Int32
	var group sync.WaitGroup
	for i := range 64 {
		group.Go(func() {
			_, err := b.Claim(o.ID, o.Invitation.Secret(), device(fmt.Sprintf("element-%02d", i)))
			switch {
			case err == nil:
				won.Add(1)
			case !errors.Is(err, pairing.ErrTaken):
				t.Error(err)
			}
		})
	}
	group.Wait()
	if won.Load() != 1 {
		t.Errorf("%d phones took it up", won.Load())
	}
	if s := must(b.Status(o.ID, o.Token))(t); !s.Contested {
		t.Error("the counter is not told of the others")
	}
}

// The one who took up a photographed invitation has a code that the holder's phone does not show.
func TestCodesOfTwoSessionsDiffer(t *testing.T) {
	b, _ := newBoard(nil)
	mine, other := must(b.Open())(t), must(b.Open())(t)
	thief := must(b.Claim(mine.ID, mine.Invitation.Secret(), device("thief-0001")))(t)
	holder := must(b.Claim(other.ID, other.Invitation.Secret(), device("holder-001")))(t)
	if holder.Code == thief.Code {
		t.Fatal("equal by a chance of one in a million")
	}
	_, err := b.Confirm(mine.ID, mine.Token, holder.Code)
	if e, ok := errors.AsType[*pairing.CodeError](err); !ok || e.TriesLeft != pairing.CodeTries-1 {
		t.Errorf("got %v", err)
	}
}

// V2: a wrong code does not burn the right one before the limit; at the limit the session is over.
func TestWrongCodes(t *testing.T) {
	for tries := 1; tries <= pairing.CodeTries; tries++ {
		b, _ := newBoard(nil)
		o := must(b.Open())(t)
		j := must(b.Claim(o.ID, o.Invitation.Secret(), device("element-01")))(t)
		for n := range tries {
			_, err := b.Confirm(o.ID, o.Token, wrong(j.Code))
			if e, ok := errors.AsType[*pairing.CodeError](err); !ok || e.TriesLeft != pairing.CodeTries-1-n {
				t.Errorf("try %d: %v", n+1, err)
			}
		}
		_, err := b.Confirm(o.ID, o.Token, j.Code)
		if tries < pairing.CodeTries && err != nil {
			t.Errorf("after %d wrong codes: %v", tries, err)
		}
		if tries == pairing.CodeTries {
			wantErr(t, err, pairing.ErrEnded)
		}
	}
}

func TestTokens(t *testing.T) {
	b, _ := newBoard(nil)
	o, other := must(b.Open())(t), must(b.Open())(t)
	j := must(b.Claim(o.ID, o.Invitation.Secret(), device("element-01")))(t)
	for name, token := range map[string]string{"none": "", "of another session": other.Token, "the secret": o.Invitation.Secret()} {
		_, err := b.Status(o.ID, token)
		wantErr(t, err, pairing.ErrUnknown)
		_, err = b.Confirm(o.ID, token, j.Code)
		wantErr(t, err, pairing.ErrUnknown)
		wantErr(t, b.Close(o.ID, token), pairing.ErrUnknown)
		if t.Failed() {
			t.Fatal(name)
		}
	}
	_, err := b.Confirm(o.ID, j.Token, j.Code) // a phone does not confirm itself
	wantErr(t, err, pairing.ErrUnknown)
	wantErr(t, b.Close(o.ID, j.Token), pairing.ErrUnknown)
	for _, secret := range []string{"", other.Invitation.Secret(), o.Token} {
		wantErr(t, b.Knock(o.ID, secret), pairing.ErrUnknown)
		_, err := b.Claim(o.ID, secret, device("element-02"))
		wantErr(t, err, pairing.ErrUnknown)
	}
	wantErr(t, b.Knock("no such", o.Invitation.Secret()), pairing.ErrUnknown)
}

func TestTimes(t *testing.T) {
	b, c := newBoard(nil)
	unclaimed, claimed := must(b.Open())(t), must(b.Open())(t)
	j := must(b.Claim(claimed.ID, claimed.Invitation.Secret(), device("element-01")))(t)
	c.advance(pairing.ClaimWithin)
	_, err := b.Claim(unclaimed.ID, unclaimed.Invitation.Secret(), device("element-01"))
	wantErr(t, err, pairing.ErrEnded)
	must(b.Confirm(claimed.ID, claimed.Token, j.Code))(t)
	c.advance(pairing.Life - pairing.ClaimWithin - time.Second)
	b.Prolong(claimed.ID)
	c.advance(pairing.Life - time.Second)
	if s := must(b.Status(claimed.ID, claimed.Token))(t); s.Step != pairing.Confirmed {
		t.Errorf("prolonged: %+v", s)
	}
	c.advance(2 * time.Second)
	if s := must(b.Status(claimed.ID, j.Token))(t); s.Step != pairing.Ended {
		t.Errorf("past its time: %+v", s)
	}
	c.advance(time.Hour)
	b.Forget()
	_, err = b.Status(claimed.ID, claimed.Token)
	wantErr(t, err, pairing.ErrUnknown)
}

func TestBoardIsBounded(t *testing.T) {
	b, c := newBoard(func(c *pairing.Config) { c.Max = 2 })
	must(b.Open())(t)
	must(b.Open())(t)
	_, err := b.Open()
	wantErr(t, err, pairing.ErrFull)
	c.advance(time.Hour)
	must(b.Open())(t)
}

func TestRandomnessFails(t *testing.T) {
	b, _ := newBoard(func(c *pairing.Config) { c.Rand = io.LimitReader(zeroes{}, 64+32+4) })
	o := must(b.Open())(t)
	must(b.Claim(o.ID, o.Invitation.Secret(), device("element-01")))(t)
	if _, err := b.Open(); err == nil {
		t.Error("opened without randomness")
	}
	if _, err := b.Claim(o.ID, o.Invitation.Secret(), device("element-01")); err == nil {
		t.Error("claimed without randomness")
	}
}

type zeroes struct{}

func (zeroes) Read(p []byte) (int, error) { clear(p); return len(p), nil }

// Whatever is asked in whatever order, at most one device is ever confirmed, by its own code.
func TestBoardProperty(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b, c := newBoard(nil)
		o := must(b.Open())(t)
		codes := map[string]string{}
		var confirmed []string
		t.Repeat(map[string]func(*rapid.T){
			"claim": func(t *rapid.T) {
				id := rapid.StringMatching(`[a-z]{10}`).Draw(t, "id")
				if j, err := b.Claim(o.ID, o.Invitation.Secret(), device(id)); err == nil {
					codes[id] = j.Code
				}
			},
			"confirm": func(t *rapid.T) {
				code := rapid.StringMatching(`[0-9]{6}`).Draw(t, "code")
				for _, right := range codes {
					if rapid.Bool().Draw(t, "right") {
						code = right
					}
				}
				if d, err := b.Confirm(o.ID, o.Token, code); err == nil {
					if codes[string(d.SEID)] != code {
						t.Fatal("another's code")
					}
					confirmed = append(confirmed, string(d.SEID))
				}
			},
			"wait": func(t *rapid.T) { c.advance(time.Duration(rapid.IntRange(0, 600).Draw(t, "s")) * time.Second) },
			"": func(t *rapid.T) {
				if len(codes) > 1 || len(confirmed) > 1 {
					t.Fatalf("%d claimed, %d confirmed", len(codes), len(confirmed))
				}
			},
		})
	})
}

func TestInvitationText(t *testing.T) {
	b, _ := newBoard(nil)
	o := must(b.Open())(t)
	text := must(o.Invitation.Reveal())(t)
	got := must(pairing.ParseInvitation(text))(t)
	if got.Session() != o.ID || got.Secret() != o.Invitation.Secret() {
		t.Error("another invitation came back")
	}
	raw, err := base64.RawURLEncoding.DecodeString(strings.TrimPrefix(text, pairing.Scheme))
	if err != nil || !bytes.HasPrefix(raw, []byte{0xA2, 0x01, 0x50}) || len(raw) != 37 {
		t.Errorf("encoding %x, %v", raw[:3], err)
	}
	encode := func(b []byte) string { return pairing.Scheme + base64.RawURLEncoding.EncodeToString(b) }
	for name, bad := range map[string]string{
		"empty": "", "scheme alone": pairing.Scheme, "another scheme": "mdoc:" + strings.TrimPrefix(text, pairing.Scheme),
		"an address": "https://issuer.example/" + text, "padding": text + "=", "cut": text[:len(text)-2], "more": text + "AAAA",
		"long": text + strings.Repeat("A", 256), "not base64url": pairing.Scheme + "+/+/",
		"short secret": encode(append(append([]byte{0xA2, 1, 0x50}, raw[3:19]...), append([]byte{2, 0x4F}, raw[21:36]...)...)),
		"text":         encode([]byte{0x63, 'a', 'b', 'c'}), "no secret": encode(append([]byte{0xA1}, raw[1:19]...)),
	} {
		if _, err := pairing.ParseInvitation(bad); !errors.Is(err, pairing.ErrInvitation) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if s := fmt.Sprintf("%v %+v %s", o.Invitation, o.Invitation, must(o.Invitation.MarshalText())(t)); s != "[redacted] [redacted] [redacted]" {
		t.Errorf("formatted as %s", s)
	}
	if s := o.Invitation.LogValue().String(); s != "[redacted]" {
		t.Errorf("logged as %s", s)
	}
}

func FuzzParseInvitation(f *testing.F) {
	b, _ := newBoard(nil)
	o := must(b.Open())(f)
	f.Add(must(o.Invitation.Reveal())(f))
	f.Add(pairing.Scheme)
	f.Fuzz(func(t *testing.T, text string) {
		i, err := pairing.ParseInvitation(text)
		if err != nil {
			if i.SessionID != nil || i.SecretKey != nil {
				t.Error("a refused text gave something")
			}
			return
		}
		again, err := pairing.ParseInvitation(must(i.Reveal())(t))
		if err != nil || again.Session() != i.Session() || again.Secret() != i.Secret() {
			t.Errorf("does not come back: %v", err)
		}
	})
}
