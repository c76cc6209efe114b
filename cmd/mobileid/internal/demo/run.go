package demo

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net/http"
	"strings"
	"time"

	"mobileid/cmd/internal/phone"
	"mobileid/issuer/card"
	"mobileid/mdoc/engagement"
	"mobileid/mdoc/holder"
	"mobileid/mdoc/provisioning"
	"mobileid/mdoc/session"
	"mobileid/mdoc/transcript"
	"mobileid/mdoc/transport/loopback"
	"mobileid/tsm/applet"
	"mobileid/tsm/gp"
	"mobileid/verifier"
	"mobileid/verifier/policy"
	"mobileid/verifier/trust"

	qrcode "github.com/skip2/go-qrcode"
)

// Slots of the secure element: one for presentations by signature, one for presentations by MAC.
const (
	slotSign = 1
	slotMAC  = 2
)

// run is one run under way.
type run struct {
	*world
	p     *printer
	pin   string
	lists *trust.Cache
	fetch *trust.Refresher

	crls     *trust.CRLs
	fetchCRL *trust.CRLRefresher
	till     *verifier.Till
	receipt  []byte
	listOld  []byte
	listNew  []byte
}

// Run tells the whole story once. Any error is one sentence with what to do.
func Run(ctx context.Context, o Options) (*Report, error) {
	if err := o.validate(); err != nil {
		return nil, err
	}
	p := &printer{out: o.Stdout, json: o.JSON, ja: o.Language == Japanese, now: o.Now}
	begun := o.Now()
	p.write("%s\n", p.say("試験用の鍵・証明書・人物による一連の流れです（本物ではありません）。", "Everything here is made for this run and says TEST: no real card, person or government record."))
	w, err := newWorld(ctx, o, newRecorder(p, o.Trace && !o.JSON))
	if err != nil {
		return nil, fmt.Errorf("starting the parties: %w", err)
	}
	p.report.Person = w.person.ID
	r := &run{world: w, p: p}
	err = errors.Join(r.story(ctx), w.Close())
	if err != nil {
		return nil, err
	}
	p.finish()
	p.report.Milliseconds = o.Now().Sub(begun).Milliseconds()
	r.summary()
	return &p.report, p.close()
}

func (r *run) story(ctx context.Context) error {
	pin, err := rand.Int(rand.Reader, big.NewInt(1_000_000))
	if err != nil {
		return err
	}
	r.pin = fmt.Sprintf("%06d", pin)
	r.phone.SE = r.watched("se", r.element)
	for _, step := range []func(context.Context) error{r.readAndProve, r.present, r.export, r.handOver} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	return nil
}

// readAndProve is steps 1 to 3.
func (r *run) readAndProve(ctx context.Context) error {
	r.p.step(r.p.say("カードを読む", "Read the My Number card over APDUs"))
	t, reading, err := r.tap(ctx)
	if err != nil {
		return err
	}
	r.p.report.Figures.CardExchanges = r.rec.count("card")
	r.p.line(r.p.say("APDU %d 往復、読取り %d バイト、署名は発行者のチャレンジ %d バイトと SE に対するもの", "%d APDUs, a reading of %d bytes, signed over the issuer's challenge of %d bytes and the secure element's id"),
		r.rec.count("card"), len(reading), len(t.Challenge))

	r.p.step(r.p.say("発行者が証拠を確かめる", "Prove it to the issuer"))
	size, progress, err := r.phone.Submit(ctx, t, phone.Application{Reading: reading, Slot: slotSign, Purpose: provisioning.PurposeSign})
	if err != nil {
		return err
	}
	r.p.line(r.p.say("証拠 %d バイトを送信 → 状態 %s、注文 %s", "evidence of %d bytes sent → state %s, order %s"), size, progress.State, progress.OrderID)

	r.p.step(r.p.say("セキュアエレメントに届ける", "Provision into the secure element over SCP03"))
	if err := r.provision(ctx, t, slotSign); err != nil {
		return err
	}
	return nil
}

// tap starts with the issuer and reads the card over its challenge.
func (r *run) tap(ctx context.Context) (phone.Transaction, []byte, error) {
	t, err := r.phone.Start(ctx)
	if err != nil {
		return t, nil, err
	}
	chip, off, err := r.field(ctx)
	if err != nil {
		return t, nil, err
	}
	reading, err := card.Read(ctx, r.watched("card", chip), r.person.Secrets(), card.Options{Challenge: t.Challenge, Binding: r.seID})
	if err = errors.Join(err, off()); err != nil {
		return t, nil, err
	}
	raw, err := reading.Bytes()
	if err != nil {
		return t, nil, err
	}
	r.rec.cbor("CardReading", "docs/issuance.md", raw)
	return t, raw, nil
}

func (r *run) provision(ctx context.Context, t phone.Transaction, slot byte) error {
	result, err := r.phone.Contact(ctx)
	if err != nil {
		return err
	}
	state, err := r.phone.State(ctx, t)
	if err != nil {
		return err
	}
	if state.State != "active" {
		return fmt.Errorf("the credential is %s, not active: run again with --trace to see where it stopped", state.State)
	}
	if err := applet.NewClient(r.phone.SE, slot).SetPIN(ctx, r.pin); err != nil {
		return fmt.Errorf("setting the PIN: %w", err)
	}
	sealed := int(r.sealed.Load())
	if slot == slotSign {
		f := &r.p.report.Figures
		f.SealedBytes, f.ProvisionExchanges, f.ProvisionRoundTrips = sealed, result.APDUs, result.RoundTrips
	}
	r.p.line(r.p.say("鍵は SE の中で生成、SE だけが開ける %d バイトを APDU %d 往復・HTTP %d 往復で書込み → %s",
		"key born inside, %d bytes sealed to the element went in by %d APDUs and %d HTTP round trips → %s"), sealed, result.APDUs, result.RoundTrips, state.State)
	return nil
}

// newTill makes a till that knows the roots from a file and no status list yet.
func (r *run) newTill() error {
	anchors, err := trust.LoadAnchors(r.anchorFile())
	if err != nil {
		return err
	}
	if r.crls, err = trust.NewCRLs(anchors, "", r.options.Now()); err != nil {
		return err
	}
	if r.lists, err = trust.NewCache(trust.CacheConfig{Anchors: anchors, Revocation: r.crls}); err != nil {
		return err
	}
	if r.fetch, err = trust.NewRefresher(trust.RefresherConfig{Cache: r.lists, URIs: []string{r.statusURI},
		Transport: r.options.transport(nil), Now: r.options.Now, Log: r.options.Log}); err != nil {
		return err
	}
	if r.fetchCRL, err = trust.NewCRLRefresher(trust.CRLRefresherConfig{CRLs: r.crls, URIs: []string{r.crlURI},
		Transport: r.options.transport(nil), Now: r.options.Now, Log: r.options.Log}); err != nil {
		return err
	}
	r.till, err = verifier.New(verifier.Config{Anchors: anchors, Lists: r.lists, CRLs: r.crls, Profile: policy.AgeTill(20, true),
		ReaderKey: r.authority.Reader.Key, ReaderChain: r.authority.Reader.Chain, Now: r.options.Now})
	return err
}

func (r *run) present(ctx context.Context) error {
	r.p.step(r.p.say("レジで見せる（オフライン）", "Show it to a till that is offline"))
	if err := r.writeAnchors(); err != nil {
		return err
	}
	if err := r.newTill(); err != nil {
		return err
	}
	if _, err := r.show(ctx, r.p.say("失効リストをまだ持たないレジ", "a till without a status list"), false); err != nil {
		return err
	}
	if err := errors.Join(r.fetch.Fetch(ctx, r.statusURI), r.fetchCRL.Refresh(ctx)); err != nil {
		return err
	}
	r.p.line("%s", r.p.say("レジが前もって失効リストと証明書失効リスト（CRL）を取得", "the till fetches status list and CRL ahead of time, and asks nobody from here on"))
	_, err := r.show(ctx, r.p.say("失効リストを持つレジ", "the same till with a list"), true)
	return err
}

// wallet holds the credential of a slot, read out of the secure element.
func (r *run) wallet(ctx context.Context, slot byte, answered func(request, response []byte, t transcript.Transcript)) (*holder.Holder, []byte, error) {
	c, issued, err := phone.Credential(ctx, r.phone.SE, slot, func(context.Context) (string, error) { return r.pin, nil })
	if err != nil {
		return nil, nil, err
	}
	agree := func(_ context.Context, p holder.Proposal) ([]holder.Element, error) { return p.Elements, nil }
	return &holder.Holder{Credentials: []*holder.Credential{c}, ReaderRoots: r.readerRoots, ReaderRevocation: r.revocations, Consent: agree,
		Restrictions: phone.Restrictions(), Answered: answered, Now: r.options.Now}, issued, nil
}

// show holds one session between phone and till and gives the till's decision.
func (r *run) show(ctx context.Context, when string, whole bool) (*verifier.Result, error) {
	w, _, err := r.wallet(ctx, slotSign, func(request, response []byte, t transcript.Transcript) {
		r.rec.cbor("SessionTranscript", "ISO/IEC 18013-5:2021, 9.1.5.1", t.Array())
		r.rec.cbor("DeviceRequest", "ISO/IEC 18013-5:2021, 8.3.2.1.2.1", request)
		r.rec.cbor("DeviceResponse", "ISO/IEC 18013-5:2021, 8.3.2.1.2.2", response)
	})
	if err != nil {
		return nil, err
	}
	device, err := newDevice()
	if err != nil {
		return nil, err
	}
	uri := device.Engagement().URI()
	r.rec.cbor("DeviceEngagement", "ISO/IEC 18013-5:2021, 8.2.1.1", device.Engagement().Bytes())
	if whole {
		if err := r.printQR(uri); err != nil {
			return nil, err
		}
	}
	atTill, atPhone := loopback.Pipe()
	ended := make(chan error, 1)
	go func() { ended <- w.Present(ctx, &watchedConn{Conn: atPhone, rec: r.rec}, device) }()
	result, err := r.till.Check(ctx, atTill, uri)
	err = errors.Join(err, <-ended, atPhone.Close())
	if err != nil {
		return nil, fmt.Errorf("presenting: %w", err)
	}
	r.p.shown(when, result, whole)
	if whole {
		r.p.line(r.p.say("回答 %d バイト、%d ミリ秒、確認項目 %d", "answer of %d bytes over the air, decided in %d ms by %d checks, no network"), result.BytesReceived, result.DurationMS, len(result.Checks))
	}
	result.Wipe()
	return result, nil
}

// newDevice makes an engagement that offers BLE, as a phone's does; the messages then go over the modelled radio.
func newDevice() (*session.Device, error) {
	method, err := engagement.CentralClient(rand.Reader)
	if err != nil {
		return nil, err
	}
	return session.NewDevice(nil, []engagement.RetrievalMethod{method})
}

func (r *run) printQR(uri string) error {
	code, err := qrcode.New(uri, qrcode.Low)
	if err != nil {
		return fmt.Errorf("drawing the QR code: %w", err)
	}
	r.p.line("%s", r.p.say("電話が表示する QR", "the phone shows this QR code (DeviceEngagement, mdoc: URI)"))
	r.p.write("%s\n", code.ToSmallString(false))
	return nil
}

func (r *run) handOver(ctx context.Context) error {
	r.p.step(r.p.say("電話を手放す", "Hand the phone over"))
	var err error
	if r.listOld, err = r.get(ctx, r.statusURI); err != nil {
		return err
	}
	r.rec.cbor("StatusListToken", "ISO/IEC 18013-5 second edition, 12.3.6", r.listOld)
	if r.receipt, err = r.desk(ctx); err != nil {
		return err
	}
	signed, err := provisioning.ParseHandoverReceipt(r.receipt)
	if err != nil {
		return err
	}
	receipt, v, err := signed.Verify(r.anchors, r.options.Now())
	if err != nil || !v.OK() {
		return errors.Join(fmt.Errorf("the handover receipt does not verify: %s", v), err)
	}
	r.rec.cbor("HandoverReceipt", "docs/provisioning.md", r.receipt)
	r.p.line(r.p.say("窓口が失効を申請 → %d 件を失効、署名付き受領書 %d バイト", "the desk revokes by REST → %d credentials revoked, signed receipt of %d bytes"), receipt.Credentials, len(r.receipt))
	if err := r.fetch.Fetch(ctx, r.statusURI); err != nil {
		return err
	}
	if r.listNew, err = r.get(ctx, r.statusURI); err != nil {
		return err
	}
	r.rec.cbor("StatusListToken", "ISO/IEC 18013-5 second edition, 12.3.6", r.listNew)
	r.p.line(r.p.say("失効リスト %d バイトを再公開、レジが取得", "status list published again, %d bytes, fetched by the till"), len(r.listNew))
	result, err := r.show(ctx, r.p.say("手放した電話をレジで見せる", "the handed-over phone at the till"), false)
	if err != nil {
		return err
	}
	if result.Decision != policy.Refused {
		return fmt.Errorf("the handed-over phone was not refused but %s", result.Decision)
	}
	exchanges, err := r.emptied(ctx)
	if err != nil {
		return err
	}
	r.p.line(r.p.say("次の接続（APDU %d 往復）で SE は空", "at its next contact (%d APDUs) the element is emptied: no credential is left"), exchanges)
	return r.writeHandover()
}

const (
	pollEvery = 50 * time.Millisecond
	pollFor   = 10 * time.Second
)

// emptied has the phone contact the TSM until the wipe has been carried out: the issuer sends the order on its own time.
func (r *run) emptied(ctx context.Context) (exchanges int, err error) {
	ctx, cancel := context.WithTimeout(ctx, pollFor)
	defer cancel()
	ticker := time.NewTicker(pollEvery)
	defer ticker.Stop()
	for {
		contact, err := r.phone.Contact(ctx)
		if err != nil {
			return 0, err
		}
		left, err := applet.Slots(ctx, r.phone.SE)
		if err != nil {
			return 0, err
		}
		if len(left) == 0 {
			return contact.APDUs, nil
		}
		select {
		case <-ctx.Done():
			return 0, fmt.Errorf("%d credentials are left in the secure element %s after the handover", len(left), pollFor)
		case <-ticker.C:
		}
	}
}

// desk is what the hotline does: one POST with its own token.
func (r *run) desk(ctx context.Context) ([]byte, error) {
	body := strings.NewReader(`{"se_id":"` + hex.EncodeToString(r.seID) + `"}`)
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, r.issuerURL+"/v1/handovers", body)
	if err != nil {
		return nil, err
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Authorization", "Bearer "+r.operatorToken)
	return r.do(request)
}

func (r *run) get(ctx context.Context, uri string) ([]byte, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, uri, nil)
	if err != nil {
		return nil, err
	}
	return r.do(request)
}

func (r *run) do(request *http.Request) ([]byte, error) {
	client := http.Client{Transport: r.options.transport(nil), Timeout: 10 * time.Second}
	response, err := client.Do(request)
	if err != nil {
		return nil, fmt.Errorf("asking the issuer: %w", err)
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(response.Body, 1<<20))
	if err != nil || response.StatusCode != http.StatusOK {
		return nil, errors.Join(fmt.Errorf("asking the issuer: status %d", response.StatusCode), err)
	}
	return body, nil
}

func (r *run) summary() {
	f := r.p.report.Figures
	r.p.write("\n%s\n", r.p.say("まとめ", "Summary"))
	r.p.write("      %s\n", fmt.Sprintf(r.p.say("カード APDU %d、書込み APDU %d（%d ブロック分）、HTTP 往復 %d、年齢だけの回答 %d バイト、合計 %d ms",
		"card APDUs %d, provisioning APDUs %d (%d of them blocks), HTTP round trips %d, answer with the age alone %d bytes, %d ms in all"),
		f.CardExchanges, f.ProvisionExchanges, blocks(f.SealedBytes), f.ProvisionRoundTrips, f.AnswerBytes, r.p.report.Milliseconds))
	for _, s := range r.p.report.Checks {
		r.p.write("      %-14s %s\n", s.Decision, s.When)
	}
	for _, file := range r.p.report.Files {
		r.p.write("      %s\n", file)
	}
}

// blocks is how many STORE DATA commands the sealed bytes take.
func blocks(n int) int { return (n + gp.BlockSize - 1) / gp.BlockSize }
