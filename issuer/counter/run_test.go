package counter_test

import (
	"context"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"mobileid/issuer/counter"
	"mobileid/mdoc/apdu"
)

// script is an issuer whose phone has joined and whose every answer is yes.
type script struct{ state string }

func (*script) Open(context.Context) (counter.Session, error) {
	return counter.Session{ID: goodID, Token: "token", Invitation: "mobileid-join:x"}, nil
}

func (s *script) Progress(context.Context, counter.Session) (counter.Progress, error) {
	return counter.Progress{State: s.state}, nil
}

func (*script) Confirm(context.Context, counter.Session, string) (counter.Grant, error) {
	return counter.Grant{Challenge: make([]byte, 32), SEID: make([]byte, 10), Slot: 1, Purpose: 1}, nil
}

func (*script) Submit(context.Context, counter.Session, []byte) error { return nil }
func (*script) Close(context.Context, counter.Session) error          { return nil }

// answers is a card that says the same to every question for tries.
type answers struct {
	apdu.Transmitter
	word uint16
}

func (a answers) Transmit(ctx context.Context, command []byte) ([]byte, error) {
	if len(command) == 4 && command[1] == 0x20 {
		return []byte{byte(a.word >> 8), byte(a.word)}, nil
	}
	return a.Transmitter.Transmit(ctx, command)
}

// small is a counter over script, without an issuer's weight.
func small(t *testing.T, s *script) (c *counter.Counter, r *slot, browse func(path string, fields ...string) string) {
	t.Helper()
	r = &slot{cards: make(chan apdu.Transmitter, 1), broken: make(chan error, 1)}
	c, err := counter.New(counter.Config{Reader: r, Issuer: s, Origin: origin, QR: func(string) ([]byte, error) { return []byte("x"), nil }})
	if err != nil {
		t.Fatal(err)
	}
	d := &desk{T: t, counter: c, handler: c.Handler()}
	return c, r, func(path string, fields ...string) string {
		if path != "" {
			values := url.Values{"csrf": {regexp.MustCompile(`name="csrf" value="([^"]+)"`).FindStringSubmatch(d.page())[1]}}
			for i := 0; i < len(fields); i += 2 {
				values.Set(fields[i], fields[i+1])
			}
			d.send(form(path, values))
		}
		return d.page()
	}
}

// Run wipes a visit that nobody looks at any more, and lets the reader go when it ends.
func TestRun(t *testing.T) {
	chip := newHall(t).Card(t, "nineteen", nil)
	synctest.Test(t, func(t *testing.T) {
		c, r, browse := small(t, &script{state: "claimed"})
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- c.Run(ctx) }()
		browse("/start")
		browse("/code", "code", "123456")
		r.cards <- answers{chip, 0x63C3}
		synctest.Wait()
		if page := browse(""); stepOf(page) != "consent" {
			t.Fatalf("at %s", stepOf(page))
		}
		<-time.After(counter.DefaultIdle + 6*time.Second)
		synctest.Wait()
		if r.count() != 1 {
			t.Errorf("the card was let go %d times", r.count())
		}
		if page := browse(""); !strings.Contains(page, "操作がなかった") {
			t.Error("the next person is not told")
		}
		browse("/start")
		browse("/code", "code", "123456") // waits for a card
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}

// What a card says of its tries, and what the page makes of it.
func TestTries(t *testing.T) {
	chip := newHall(t).Card(t, "nineteen", nil)
	for word, says := range map[uint16]string{0x63C3: "<b>3</b>", 0x63CF: "<b>15</b>", 0x63C1: "tries low", 0x63C0: "続けられません", 0x6983: "続けられません",
		0x6984: "続けられません", 0x9000: "確認済み", 0x6300: "確認済み", 0x6A83: "読み取れませんでした", 0x6D00: "読み取れませんでした"} {
		synctest.Test(t, func(t *testing.T) {
			c, r, browse := small(t, &script{state: "claimed"})
			browse("/start")
			browse("/code", "code", "123456")
			r.cards <- answers{chip, word}
			synctest.Wait()
			if page := browse("/consent", "agree", "yes"); !strings.Contains(page, says) {
				t.Errorf("for %04X the page at %s does not say %q", word, stepOf(page), says)
			}
			ctx, stop := context.WithCancel(t.Context())
			stop()
			if err := c.Run(ctx); err != nil {
				t.Error(err)
			}
		})
	}
}

// A QR code that cannot be drawn opens nothing.
func TestQRFails(t *testing.T) {
	c, err := counter.New(counter.Config{Reader: &slot{}, Issuer: &script{}, Origin: origin, QR: func(string) ([]byte, error) { return nil, context.Canceled }})
	if err != nil {
		t.Fatal(err)
	}
	d := &desk{T: t, counter: c, handler: c.Handler()}
	d.says(d.press("/start"), "受付を始める")
}
