package counter_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"mobileid/issuer/card"
	"mobileid/issuer/card/cardsim"
	"mobileid/issuer/counter"
	"mobileid/issuer/pairing"
	"mobileid/mdoc/apdu"
	"mobileid/schemas/problem"
)

// TestVisit goes through a whole visit, with what each page must say.
func TestVisit(t *testing.T) {
	d := newHall(t).desk(t, nil)
	d.says(d.page(), "受付を始める", "Begin", "lang=\"ja\"")
	d.says(d.until("phone"), "QRコード", "mobileid-join:", "http-equiv=\"refresh\"")
	d.says(d.scanned("code"), "確認コード")
	d.says(d.press("/code", "code", d.joined.Code[:3]+"-"+wide(d.joined.Code[3:])), "カードをリーダーに置いてください")
	d.reader.cards <- d.wallet.Card
	page := d.want("consent")
	d.says(page, "個人番号（マイナンバー）", "required")
	if strings.Contains(page, "checked") {
		t.Error("a consent is ticked before the holder ticked it")
	}
	d.says(d.press("/consent", "number", "yes"), "同意が必要です")
	d.says(d.press("/consent", "agree", "yes"), "<b>3</b>", "<b>5</b>", "<b>10</b>")
	p := d.wallet.Card.Person()
	page = d.press("/secrets", secrets(p)...)
	d.says(page, p.Name, p.Address, "2007年5月23日", "JPEG 2000", "読み取っていません")
	if strings.Contains(page, p.Number) {
		t.Error("the page shows the individual number")
	}
	if d.reader.count() != 1 {
		t.Errorf("the card was let go %d times", d.reader.count())
	}
	d.says(d.press("/review"), "書き込んでいます")
	d.provision()
	page = d.want("done")
	d.says(page, "2026年12月23日", "org.iso.23220.1.jp.mnc", "止めるとき")
	if strings.Contains(page, p.Name) {
		t.Error("the name is shown in the end")
	}
	d.says(d.press("/end"), "すべて消去しました")
	if d.cookie != nil || d.issuer.closed != 0 {
		t.Errorf("cookie %v; a finished session was closed %d times", d.cookie, d.issuer.closed)
	}
}

// scanned lets the phone scan and waits for a step.
func (d *desk) scanned(step string) string {
	d.Helper()
	d.scan()
	return d.want(step)
}

// wide writes digits as a Japanese keyboard in full-width state does.
func wide(s string) string {
	return strings.Map(func(r rune) rune { return r - '0' + '０' }, s)
}

// The individual number is read and handed over after its own consent, and not without.
func TestIndividualNumber(t *testing.T) {
	h := newHall(t)
	for _, consent := range []bool{false, true} {
		d := h.desk(t, nil)
		var numbers int
		d.wallet.Card = h.Card(t, "nineteen", nil)
		d.until("card")
		d.reader.cards <- apdu.Tap{Transmitter: d.wallet.Card, Seen: func(_, answer []byte, _ error) {
			if strings.Contains(string(answer), d.wallet.Card.Person().Number) {
				numbers++
			}
		}}
		d.want("consent")
		fields := []string{"agree", "yes"}
		if consent {
			fields = append(fields, "number", "yes")
		}
		d.press("/consent", fields...)
		page := d.press("/secrets", secrets(d.wallet.Card.Person())...)
		if consent != (numbers == 1) || consent == strings.Contains(page, "読み取っていません") {
			t.Errorf("consent %v: the number crossed %d times", consent, numbers)
		}
		d.press("/review")
		d.want("deliver")
	}
}

// PINs: how many tries are left, one spent for each wrong value, nothing repeated, the last one only when asked for.
func TestSecrets(t *testing.T) {
	h := newHall(t)
	t.Run("wrong ones", func(t *testing.T) {
		d := h.desk(t, nil)
		d.until("secrets")
		right := secrets(d.wallet.Card.Person())
		d.says(d.press("/secrets", with(right, "attribute", "0000")...), "残り2回です", "<b>2</b>")
		d.says(d.press("/secrets", with(right, "attribute", "0000")...), "残り1回です", "最後の1回を使う")
		d.says(d.press("/secrets", right...), "あと1回でロック", "<b>1</b>") // not sent: nobody asked to spend the last try
		d.says(d.press("/secrets", with(with(right, "last", "yes"), "attribute", "0000")...), "ロックされています", "初期化")
		d.says(d.page(), "続けられません")
	})
	t.Run("right one resets", func(t *testing.T) {
		d := h.desk(t, nil)
		d.until("secrets")
		right := secrets(d.wallet.Card.Person())
		d.says(d.press("/secrets", with(right, "signature", "WRONG1")...), "署名用の暗証番号が違います。残り4回です")
		if page := d.press("/secrets", right...); stepOf(page) != "review" {
			t.Errorf("then the page is at %s", stepOf(page))
		}
	})
	t.Run("wrong number B", func(t *testing.T) {
		d := h.desk(t, nil)
		d.until("secrets")
		d.says(d.press("/secrets", with(secrets(d.wallet.Card.Person()), "security", "0000")...), "照合番号Bが違います。残り9回です")
	})
	t.Run("forms that cannot be", func(t *testing.T) {
		d := h.desk(t, nil)
		d.until("secrets")
		right := secrets(d.wallet.Card.Person())
		for field, value := range map[string]string{"attribute": "12a4", "signature": "A1", "birth": "1"} {
			d.says(d.press("/secrets", with(right, field, value)...), "回数は減っていません", "<b>3</b>", "<b>5</b>", "<b>10</b>")
		}
	})
	t.Run("full width and small letters", func(t *testing.T) {
		d := h.desk(t, nil)
		d.until("secrets")
		p := d.wallet.Card.Person()
		fields := with(with(secrets(p), "attribute", wide(p.AttributePIN)), "signature", strings.ToLower(p.SignaturePassword))
		if page := d.press("/secrets", fields...); stepOf(page) != "review" {
			t.Errorf("the page is at %s", stepOf(page))
		}
	})
}

// A card that is no My Number card, is pulled away at any exchange, or answers garbage: a message, nothing kept, and the next
// tap works.
func TestBadCards(t *testing.T) {
	h := newHall(t)
	other := cardsim.Fault{Answer: func(context.Context, []byte) ([]byte, error) { return []byte{0x6A, 0x82}, nil }}
	for name, c := range map[string]struct {
		card apdu.Transmitter
		says string
	}{
		"another card":  {&other, "マイナンバーカードではありません"},
		"garbage":       {&cardsim.Fault{Answer: func(context.Context, []byte) ([]byte, error) { return []byte{1, 2, 3}, nil }}, "読み取れませんでした"},
		"pulled at tap": {&cardsim.Fault{}, "読み取れませんでした"},
		"odd status":    {&cardsim.Fault{Answer: func(context.Context, []byte) ([]byte, error) { return []byte{0x6F, 0x00}, nil }}, "読み取れませんでした"},
	} {
		t.Run(name, func(t *testing.T) {
			d := h.desk(t, nil)
			d.until("card")
			d.reader.cards <- c.card
			d.saysSoon(c.says)
			d.press("/card")
			d.press("/card") // waits already: nothing more happens
			d.reader.cards <- d.wallet.Card
			d.want("consent")
		})
	}
	t.Run("pulled while it is read", func(t *testing.T) {
		for _, after := range []int{12, 20, 28} {
			d := h.desk(t, nil)
			d.until("card")
			fault := &cardsim.Fault{Card: d.wallet.Card, After: after}
			d.reader.cards <- fault
			d.want("consent")
			d.press("/consent", "agree", "yes")
			page := d.press("/secrets", secrets(d.wallet.Card.Person())...)
			if stepOf(page) != "card" {
				t.Fatalf("pulled after %d of %d exchanges: at %s", after, fault.Exchanges(), stepOf(page))
			}
			d.says(page, "破棄しました")
			d.wallet.Card.Unpower()
			d.press("/card")
			d.reader.cards <- d.wallet.Card
			d.want("consent")
			d.press("/consent", "agree", "yes")
			if page := d.press("/secrets", secrets(d.wallet.Card.Person())...); stepOf(page) != "review" {
				t.Errorf("the next tap ends at %s", stepOf(page))
			}
		}
	})
	t.Run("layout of another card", func(t *testing.T) {
		for _, id := range []card.FileID{card.AttributesFile, card.FaceFile} {
			d := h.desk(t, nil)
			d.wallet.Card = h.Card(t, "nineteen", func(_ *cardsim.Person, o *cardsim.Options) {
				o.Tamper = func(files map[card.FileID][]byte) { files[id] = apdu.AppendTLV(nil, 0xFF20, []byte{0xDF}) }
			})
			d.until("secrets")
			if page := d.press("/secrets", secrets(d.wallet.Card.Person())...); stepOf(page) != "card" {
				t.Errorf("at %s", stepOf(page))
			}
		}
	})
	t.Run("broken reader", func(t *testing.T) {
		d := h.desk(t, nil)
		d.until("card")
		d.reader.broken <- errors.New("unplugged")
		d.saysSoon("カードリーダーまたはカードを使用できません")
	})
}

// saysSoon waits for words on the page.
func (d *desk) saysSoon(words string) {
	d.Helper()
	for deadline := time.Now().Add(20 * time.Second); ; {
		if strings.Contains(d.page(), words) {
			return
		}
		if time.Now().After(deadline) {
			d.Fatalf("the page never says %q", words)
		}
	}
}

// Codes: a wrong one costs a try, the third ends the visit; one that cannot be is not sent.
func TestCodes(t *testing.T) {
	h := newHall(t)
	d := h.desk(t, nil)
	d.until("code")
	wrong := "000000"
	if d.joined.Code == wrong {
		wrong = "000001"
	}
	d.says(d.press("/code", "code", "12 34"), "確認してください")
	d.says(d.press("/code", "code", wrong), "残り2回")
	d.says(d.press("/code", "code", wrong), "残り1回")
	page := d.press("/code", "code", wrong)
	d.says(page, "無効になりました")
	if stepOf(page) != "failed" {
		t.Errorf("at %s", stepOf(page))
	}
	d.press("/end")
	if d.issuer.closed != 1 {
		t.Errorf("closed %d times", d.issuer.closed)
	}
}

// A second phone with the same invitation is seen by the clerk, and gets nothing.
func TestSecondPhoneIsShown(t *testing.T) {
	d := newHall(t).desk(t, nil)
	d.until("phone")
	text := strings.TrimPrefix(d.get("/qr.png").Body.String(), "picture of ")
	d.scan()
	i, err := pairing.ParseInvitation(text)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := d.service.JoinSession(t.Context(), i.Session(), i.Secret(), pairing.Device{SEID: []byte("element-02"), Slot: 1, Purpose: 1}); !errors.Is(err, pairing.ErrTaken) {
		t.Errorf("the second phone: %v", err)
	}
	d.says(d.want("code"), "別のスマートフォン")
}

// Each answer of the issuer that ends a visit says so; one that may pass leaves it where it was.
func TestIssuerRefuses(t *testing.T) {
	h := newHall(t)
	away := errors.New("no route")
	for name, c := range map[string]struct {
		at, op string
		err    error
		press  []string
		step   string
		says   string
	}{
		"away at the start":   {"start", "open", away, []string{"/start"}, "start", "接続できません"},
		"unknown operator":    {"start", "open", problem.New(401, "unauthorized", ""), []string{"/start"}, "start", "管理者に連絡"},
		"busy":                {"start", "open", problem.New(503, "unavailable", ""), []string{"/start"}, "start", "接続できません"},
		"away while scanning": {"phone", "progress", away, nil, "phone", "読み取りを待っています"},
		"session gone":        {"phone", "progress", problem.New(401, "unauthorized", ""), nil, "failed", "受け付けませんでした"},
		"away at the code":    {"code", "confirm", away, []string{"/code", "code", "123456"}, "code", "接続できません"},
		"expired at the code": {"code", "confirm", problem.New(410, "session_ended", ""), []string{"/code", "code", "123456"}, "failed", "有効時間"},
		"odd wrong code":      {"code", "confirm", problem.New(422, "wrong_code", "tries left: many"), []string{"/code", "code", "123456"}, "failed", "無効"},
		"away at the end":     {"review", "submit", away, []string{"/review"}, "review", "接続できません"},
		"refused":             {"review", "submit", problem.New(422, "card.reading_unsound", "checks not passed: agree.name, <b>x</b>, card.expiry"), []string{"/review"}, "failed", "<code>agree.name</code>"},
		"challenge expired":   {"review", "submit", problem.New(410, "expired", ""), []string{"/review"}, "failed", "有効時間"},
		"challenge used":      {"review", "submit", problem.New(409, "challenge_used", ""), []string{"/review"}, "failed", "有効時間"},
		"fault":               {"review", "submit", problem.New(500, "internal_error", ""), []string{"/review"}, "failed", "最初からやり直して"},
	} {
		t.Run(name, func(t *testing.T) {
			d := h.desk(t, nil)
			d.until(c.at)
			d.issuer.set(c.op, c.err)
			page := ""
			if c.press == nil {
				page = d.page()
			} else {
				page = d.press(c.press[0], c.press[1:]...)
			}
			if stepOf(page) != c.step {
				t.Errorf("the page is at %s, want %s", stepOf(page), c.step)
			}
			d.says(page, c.says)
			if strings.Contains(page, "<b>x</b>") || strings.Contains(page, "no route") {
				t.Error("the page repeats what the issuer said")
			}
			d.issuer.set(c.op, nil)
			if c.step == c.at && c.at == "review" { // it may be sent again
				d.press("/review")
				d.want("deliver")
			}
		})
	}
	t.Run("answer lost", func(t *testing.T) {
		d := h.desk(t, nil)
		d.until("review")
		d.issuer.set("answer", away)
		d.says(d.press("/review"), "接続できません")
		d.issuer.set("answer", nil)
		d.issuer.set("submit", problem.New(409, "challenge_used", ""))
		d.press("/review")
		d.want("deliver")
	})
	t.Run("answer lost and issuer away", func(t *testing.T) {
		d := h.desk(t, nil)
		d.until("review")
		d.issuer.set("submit", problem.New(409, "challenge_used", ""))
		d.issuer.set("progress", away)
		if page := d.press("/review"); stepOf(page) != "failed" {
			t.Errorf("at %s", stepOf(page))
		}
	})
	t.Run("a card the issuer refuses", func(t *testing.T) {
		d := h.desk(t, nil)
		d.wallet.Card = h.Card(t, "nineteen", func(_ *cardsim.Person, o *cardsim.Options) {
			o.Alter = func(a *cardsim.Draft) { a.Attributes.Name = "別人　花子" }
		})
		d.until("review")
		page := d.press("/review")
		d.says(page, "<code>card.", "<code>agree.")
		d.says(d.press("/end"), "受付を始める")
	})
	t.Run("phone lost", func(t *testing.T) {
		d := h.desk(t, nil)
		d.until("deliver")
		if _, err := d.service.Suspend(t.Context(), "an operator's token for tests, 32 bytes or more", d.wallet.SE.ID); err != nil {
			t.Fatal(err)
		}
		d.page() // not there yet: nothing says that it cannot come
		d.issuer.set("progress", problem.New(410, "expired", ""))
		d.says(d.page(), "有効時間")
	})
}

// The QR code goes stale by itself, and the code's step with the session.
func TestStaleSessions(t *testing.T) {
	h := newHall(t)
	now := h.Now()
	d := h.desk(t, nil)
	d.until("phone")
	h.World.Now = func() time.Time { return now.Add(pairing.ClaimWithin) }
	d.says(d.want("failed"), "QRコードの有効期限")
	h.World.Now = func() time.Time { return now }
	d.press("/end")
	d.until("code")
	h.World.Now = func() time.Time { return now.Add(pairing.Life) }
	d.says(d.want("failed"), "有効時間")
}

// Idle time: the visit goes with everything in it, the issuer is told, and more time can be had.
func TestIdle(t *testing.T) {
	h := newHall(t)
	for _, step := range []string{"phone", "code", "card", "consent", "secrets", "review", "deliver"} {
		t.Run(step, func(t *testing.T) {
			d := h.desk(t, nil)
			d.until(step)
			d.at = d.at.Add(counter.DefaultIdle - time.Second)
			d.press("/keep")
			d.at = d.at.Add(counter.DefaultIdle - time.Second)
			if page := d.page(); stepOf(page) != step {
				t.Fatalf("ended too early: %s", stepOf(page))
			}
			d.at = d.at.Add(time.Second)
			page := d.page()
			d.says(page, "操作がなかった")
			if strings.Contains(page, d.wallet.Card.Person().Name) {
				t.Error("the name is still there")
			}
			if d.get("/portrait").Code != http.StatusNotFound || d.get("/qr.png").Code != http.StatusNotFound {
				t.Error("a picture is still there")
			}
			if closed := d.issuer.closed == 1; closed != (step != "deliver") {
				t.Errorf("closed %d times", d.issuer.closed)
			}
			if held := step == "consent" || step == "secrets"; held && d.reader.count() != 1 {
				t.Error("the card is still held")
			}
		})
	}
	d := h.desk(t, nil)
	d.until("review")
	d.at = d.at.Add(counter.DefaultIdle)
	d.issuer.set("close", errors.New("away"))
	d.counter.Sweep(t.Context()) // nobody looks at the page
	if !strings.Contains(d.logs.String(), "session not closed") {
		t.Error("the log does not say that the session was left open")
	}
}

// Extended commands take a fraction of the exchanges, and a card that refuses them is read with short ones.
func TestExtendedVisit(t *testing.T) {
	h := newHall(t)
	count := func(extended, refuses bool) (exchanges int) {
		d := h.desk(t, func(c *counter.Config) { c.Extended = extended })
		d.until("card")
		d.reader.cards <- apdu.Tap{Transmitter: noExtended{d.wallet.Card, refuses}, Seen: func(_, _ []byte, _ error) { exchanges++ }}
		d.want("consent")
		d.press("/consent", "agree", "yes")
		if page := d.press("/secrets", secrets(d.wallet.Card.Person())...); stepOf(page) != "review" {
			t.Errorf("extended %v, refused %v: the page is at %s", extended, refuses, stepOf(page))
		}
		return exchanges
	}
	if short, long := count(false, false), count(true, false); long*2 > short {
		t.Errorf("%d exchanges extended, %d short", long, short)
	}
	count(true, true)
}

// noExtended is a card that may refuse extended commands by their length.
type noExtended struct {
	apdu.Transmitter
	refuses bool
}

func (n noExtended) Transmit(ctx context.Context, command []byte) ([]byte, error) {
	if c, err := apdu.ParseCommand(command); n.refuses && err == nil && c.Extended {
		return []byte{0x67, 0x00}, nil
	}
	return n.Transmitter.Transmit(ctx, command)
}

// A visit that ends while the card is being read takes the reading with it.
func TestEndWhileReading(t *testing.T) {
	d := newHall(t).desk(t, nil)
	d.until("card")
	reached := make(chan struct{})
	d.reader.cards <- &cardsim.Fault{Card: d.wallet.Card, After: 15, Answer: func(ctx context.Context, _ []byte) ([]byte, error) {
		close(reached)
		<-ctx.Done()
		return nil, ctx.Err()
	}}
	d.want("consent")
	d.press("/consent", "agree", "yes")
	values := url.Values{"csrf": {d.csrf()}}
	fields := secrets(d.wallet.Card.Person())
	for i := 0; i < len(fields); i += 2 {
		values.Set(fields[i], fields[i+1])
	}
	r := form("/secrets", values)
	r.AddCookie(d.cookie)
	answered := make(chan int)
	go func() {
		rec := httptest.NewRecorder()
		d.handler.ServeHTTP(rec, r)
		answered <- rec.Code
	}()
	<-reached
	for _, path := range []string{"/consent", "/secrets"} { // the visit is at work: a form changes nothing, the same one twice neither
		if page := d.press(path, append(fields, "agree", "yes")...); stepOf(page) != "secrets" {
			t.Errorf("%s while the card is read leads to %s", path, stepOf(page))
		}
	}
	d.says(d.press("/end"), "すべて消去しました")
	if code := <-answered; code != http.StatusSeeOther {
		t.Errorf("the reading answers %d", code)
	}
	if d.reader.count() != 1 {
		t.Errorf("the card was let go %d times", d.reader.count())
	}
}

// A portrait that can be decoded is shown; one that cannot costs the picture only.
func TestPortrait(t *testing.T) {
	h := newHall(t)
	for name, c := range map[string]struct {
		decode counter.DecodePortrait
		shown  bool
	}{
		"decoded": {func(_ context.Context, jp2 []byte) ([]byte, string, error) {
			if !strings.HasPrefix(string(jp2), "\x00\x00\x00\x0cjP  ") {
				return nil, "", errors.New("no JP2")
			}
			return []byte("a picture"), "image/png", nil
		}, true},
		"not decoded":   {func(context.Context, []byte) ([]byte, string, error) { return nil, "", errors.New("cut") }, false},
		"another type":  {func(context.Context, []byte) ([]byte, string, error) { return []byte("<svg/>"), "image/svg+xml", nil }, false},
		"far too large": {func(context.Context, []byte) ([]byte, string, error) { return make([]byte, 2<<20), "image/png", nil }, false},
	} {
		t.Run(name, func(t *testing.T) {
			d := h.desk(t, func(c2 *counter.Config) { c2.Portrait = c.decode })
			page := d.until("review")
			rec := d.get("/portrait")
			if c.shown != strings.Contains(page, `src="/portrait"`) || c.shown != (rec.Code == http.StatusOK) {
				t.Errorf("shown is not %v: %d", c.shown, rec.Code)
			}
			if c.shown && (rec.Header().Get("Content-Type") != "image/png" || drain(rec) != "a picture") {
				t.Error("another picture")
			}
		})
	}
}
