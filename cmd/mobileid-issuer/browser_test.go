package main

import (
	"context"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"mobileid/mdoc/provisioning"
)

// browser is Chromium without a window on the counter's page.
type browser struct {
	t    *testing.T
	ctx  context.Context //nolint:containedctx // the tab is what this context stands for
	shot string          // folder for pictures; empty takes none
}

func newBrowser(t *testing.T) *browser {
	t.Helper()
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.NoSandbox, chromedp.DisableGPU, chromedp.Flag("disable-quic", true),
		chromedp.Flag("disable-component-update", true), chromedp.UserDataDir(t.TempDir()), chromedp.WindowSize(1280, 720))
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewExecAllocator(ctx, options...)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewContext(ctx)
	t.Cleanup(cancel)
	b := &browser{t: t, ctx: ctx, shot: os.Getenv("MOBILEID_SCREENSHOTS")}
	b.do(chromedp.EmulateViewport(1280, 720))
	return b
}

func (b *browser) do(steps ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	if err := chromedp.Do(b.ctx, steps...); err != nil {
		b.t.Fatal(err)
	}
}

// at waits for a step of the page, looks at it, and takes its picture.
func (b *browser) at(step string) {
	b.t.Helper()
	b.until(`document.querySelector('body[data-step="` + step + `"] main h1')`)
	b.look(step)
	b.picture(step)
}

// until waits for a page that is loaded and of which something holds. It asks for values and not for nodes, which go with a page
// that is being left.
func (b *browser) until(what string) {
	b.t.Helper()
	for {
		ok, err := chromedp.Run(b.ctx, chromedp.Evaluate[bool](`new Promise((done) => setTimeout(() => done(document.readyState === "complete" && !!(`+what+`)), 50))`, chromedp.EvalAwaitPromise))
		if err == nil && ok {
			return
		}
		if b.ctx.Err() != nil { // any other error is of a page that was left meanwhile
			b.t.Fatalf("never %s: %v", what, err)
		}
	}
}

// look checks what a sighted keyboard user and a screen reader need: a language, one heading, a name for each control, and
// nothing wider than the window.
func (b *browser) look(step string) {
	b.t.Helper()
	faults, err := chromedp.Run(b.ctx, chromedp.Evaluate[[]string](audit))
	if err != nil {
		b.t.Fatal(err)
	}
	for _, f := range faults {
		b.t.Errorf("%s: %s", step, f)
	}
}

// audit is a small accessibility check in the page: names, headings, language, width, and contrast by WCAG 2.2, 1.4.3.
const audit = `(() => {
  const faults = [];
  if (document.documentElement.lang !== "ja") faults.push("no language");
  if (document.querySelectorAll("h1").length !== 1) faults.push("not one h1");
  if (!document.title) faults.push("no title");
  if (document.documentElement.scrollWidth > innerWidth) faults.push("wider than the window by " + (document.documentElement.scrollWidth - innerWidth));
  for (const e of document.querySelectorAll("input:not([type=hidden])")) if (!e.labels || !e.labels.length) faults.push("no label for " + e.id);
  for (const e of document.querySelectorAll("button")) if (!e.textContent.trim()) faults.push("button without a name");
  for (const e of document.querySelectorAll("img")) if (!e.alt) faults.push("picture without a text");
  if (document.querySelector("[style], style, script:not([src])")) faults.push("inline style or script");
  const luminance = (c) => { const f = c.map((v) => { v /= 255; return v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4; }); return 0.2126 * f[0] + 0.7152 * f[1] + 0.0722 * f[2]; };
  const rgb = (s) => s.match(/[\d.]+/g).map(Number);
  const ground = (e) => { for (; e; e = e.parentElement) { const c = rgb(getComputedStyle(e).backgroundColor); if (c.length < 4 || c[3] > 0) return c.slice(0, 3); } return [255, 255, 255]; };
  const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  const seen = new Set();
  while (walk.nextNode()) {
    const e = walk.currentNode.parentElement;
    if (!walk.currentNode.data.trim() || seen.has(e) || e.closest("svg, noscript, .hidden, .skip, details:not([open]) > :not(summary)")) continue;
    seen.add(e);
    const a = luminance(rgb(getComputedStyle(e).color).slice(0, 3)), b = luminance(ground(e));
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    if (ratio < 4.5) faults.push("contrast " + ratio.toFixed(2) + ": " + walk.currentNode.data.trim().slice(0, 20));
  }
  return faults;
})()`

func (b *browser) picture(name string) {
	b.t.Helper()
	if b.shot == "" {
		return
	}
	p, err := chromedp.Run(b.ctx, chromedp.CaptureScreenshot())
	check(b.t, err)
	check(b.t, os.WriteFile(filepath.Join(b.shot, name+".png"), p, 0o600))
}

func (b *browser) text(selector string) string {
	b.t.Helper()
	s, err := chromedp.Run(b.ctx, chromedp.Evaluate[string](`document.querySelector("`+selector+`").innerText`))
	check(b.t, err)
	return s
}

func (b *browser) press(selector string) { b.t.Helper(); b.do(chromedp.Click(chromedp.CSS(selector))) }

func (b *browser) fill(id, value string) {
	b.t.Helper()
	b.do(chromedp.Focus(chromedp.CSS("#"+id)), chromedp.SendKeys(chromedp.CSS("#"+id), value))
}

// qr takes the QR code off the screen as a camera would.
func (b *browser) qr() []byte {
	b.t.Helper()
	b.until(`document.querySelector(".qr img").naturalWidth`)
	p, err := chromedp.Run(b.ctx, chromedp.ScreenshotScale(chromedp.CSS(".qr img"), 2))
	check(b.t, err)
	return p
}

// TestCounterInABrowser clicks through a whole visit in Chromium: the phone scans the screen, the clerk types its code, the
// card is tapped, one PIN is wrong first, the holder agrees, and the phone has its credential.
func TestCounterInABrowser(t *testing.T) {
	h := newHall(t, "nineteen")
	b := newBrowser(t)
	b.do(chromedp.Navigate(h.page + "/"))
	b.at("start")
	b.do(chromedp.KeyEvent("\r")) // the button has the focus
	b.at("phone")
	visit := h.join(h.scan(b.qr()))
	b.at("code")
	b.tablet("スマートフォン")
	b.fill("code", visit.Code[:3]+" "+visit.Code[3:]+"\r")
	b.at("card")
	h.tap()
	b.at("consent")
	b.do(chromedp.Click(chromedp.CSS("label[for=agree]")), chromedp.Click(chromedp.CSS("label[for=number]")))
	b.press("main button.primary")
	b.at("secrets")
	p := h.card.Person()
	enter := func(pin string) {
		b.fill("attribute", pin)
		b.fill("signature", p.SignaturePassword)
		b.fill("birth", p.NumberB()[:6])
		b.fill("expiry", p.NumberB()[6:10])
		b.fill("security", p.NumberB()[10:])
		b.press("main button.primary")
	}
	wrong := "0000"
	if p.AttributePIN == wrong {
		wrong = "0001"
	}
	enter(wrong)
	b.until(`document.querySelector(".notice.bad")`)
	b.picture("secrets-wrong")
	if text := b.text("main"); !strings.Contains(text, "残り2回") || !strings.Contains(text, "残り 2 回") {
		t.Errorf("after a wrong PIN the page says %q", text)
	}
	values, err := chromedp.Run(b.ctx, chromedp.Evaluate[[]string](`[...document.querySelectorAll("input:not([type=hidden])")].map((e) => e.value).filter((v) => v)`))
	if err != nil || len(values) != 0 {
		t.Errorf("%d fields still hold something, %v", len(values), err)
	}
	enter(p.AttributePIN)
	b.at("review")
	if text := b.text("main"); !strings.Contains(text, p.Name) || strings.Contains(text, p.Number) {
		t.Error("the page does not show the name, or shows the number")
	}
	b.until(`document.querySelector(".portrait img").naturalWidth`)
	h.pull()
	b.press("main button.primary")
	b.at("deliver")
	h.provision(visit)
	b.at("done")
	if text := b.text("main"); strings.Contains(text, p.Name) || !strings.Contains(text, "org.iso.23220.1.jp.mnc") {
		t.Errorf("in the end the page says %q", text)
	}
	b.tablet("発行")
	b.press("main button.primary")
	b.at("start")
	where, err := chromedp.Run(b.ctx, chromedp.Location())
	if err != nil || where != h.page+"/" {
		t.Errorf("the address is %s, %v", where, err)
	}
	h.wantNoCanary()
}

// TestSecondPhoneLeavesWhatIsTyped: the warning comes without the form being loaded anew while the clerk types, who goes on.
func TestSecondPhoneLeavesWhatIsTyped(t *testing.T) {
	h := newHall(t, "nineteen")
	b := newBrowser(t)
	b.do(chromedp.Navigate(h.page + "/"))
	b.at("start")
	b.press("main button.primary")
	b.at("phone")
	invitation := h.scan(b.qr())
	visit := h.join(invitation)
	b.at("code")
	b.fill("code", visit.Code[:2])
	second := *h.phone
	second.SEID = []byte("element-02")
	if _, err := second.Join(t.Context(), invitation, 1, provisioning.PurposeSign); err == nil {
		t.Error("a second phone joined")
	}
	b.until(`document.querySelector("main > .notice.bad")`)
	b.look("contested")
	b.fill("code", visit.Code[2:4])
	value, err := chromedp.Run(b.ctx, chromedp.Evaluate[string](`document.getElementById("code").value`))
	if err != nil || value != visit.Code[:4] {
		t.Errorf("%d digits are left of 4, %v", len(value), err)
	}
	if text := b.text("main > .notice"); !strings.Contains(text, "別のスマートフォン") {
		t.Errorf("the notice is %q", text)
	}
	b.fill("code", visit.Code[4:]+"\r")
	b.at("card")
}

// tablet looks at the page as a tablet held upright shows it: the stage that the visit is at, or the last one, has its name.
func (b *browser) tablet(stage string) {
	b.t.Helper()
	b.do(chromedp.EmulateViewport(768, 1024))
	b.look("tablet")
	names, err := chromedp.Run(b.ctx, chromedp.Evaluate[[]string](`[...document.querySelectorAll(".stages .label")].filter((e) => e.offsetWidth).map((e) => e.innerText)`))
	if err != nil || len(names) != 1 || !strings.Contains(names[0], stage) {
		b.t.Errorf("a tablet shows the stages %q, want %s alone: %v", names, stage, err)
	}
	b.picture("tablet")
	b.do(chromedp.EmulateViewport(1280, 720))
}

// TestPortraitIsNoPictureForBrowsers shows why the page says that it cannot show the portrait: Chromium does not take JPEG 2000.
func TestPortraitIsNoPictureForBrowsers(t *testing.T) {
	files := httptest.NewServer(http.FileServer(http.Dir("../../issuer/card/cardsim")))
	t.Cleanup(files.Close)
	b := newBrowser(t)
	b.do(chromedp.Navigate(files.URL + "/"))
	outcome, err := chromedp.Run(b.ctx, chromedp.Evaluate[string](`new Promise((done) => { const i = new Image(); i.onload = () => done("shown");
		i.onerror = async () => done("refused, status " + (await fetch("portrait.jp2")).status); i.src = "portrait.jp2"; })`, chromedp.EvalAwaitPromise))
	if err != nil || outcome != "refused, status 200" {
		t.Errorf("a portrait is %s, %v", outcome, err)
	}
}
