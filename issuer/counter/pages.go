package counter

import (
	"bytes"
	"embed"
	"fmt"
	"html/template"
	"io/fs"
	"net/http"
	"time"

	"mobileid/issuer/card"
	"mobileid/mdoc/doctype"
)

//go:embed web
var web embed.FS

// pages are the templates and the two files beside them.
type pages struct {
	page, refusal *template.Template
	css, js       []byte
}

func newPages() (*pages, error) {
	p := new(pages)
	both := template.FuncMap{"t": bilingual}
	var err error
	if p.page, err = template.New("page.html").Funcs(both).ParseFS(web, "web/page.html", "web/steps.html"); err != nil {
		return nil, err
	}
	if p.refusal, err = template.New("refusal.html").Funcs(both).ParseFS(web, "web/refusal.html"); err != nil {
		return nil, err
	}
	if p.css, err = fs.ReadFile(web, "web/counter.css"); err != nil {
		return nil, err
	}
	p.js, err = fs.ReadFile(web, "web/counter.js")
	return p, err
}

// bilingual writes Japanese with English beside it. The texts are the templates' own or notices.
func bilingual(ja, en string) template.HTML {
	return template.HTML(`<span class="ja">` + template.HTMLEscapeString(ja) + `</span> <span class="en" lang="en">` + //nolint:gosec // escaped
		template.HTMLEscapeString(en) + `</span>`)
}

func (p *pages) style(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/css; charset=utf-8")
	_, _ = w.Write(p.css)
}

func (p *pages) script(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/javascript; charset=utf-8")
	_, _ = w.Write(p.js)
}

// refuse answers a request that does not come from the page.
func (p *pages) refuse(w http.ResponseWriter, status int) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	_ = p.refusal.Execute(w, status) // the browser has gone: nothing left to tell it
}

// view is all a page is made of.
type view struct {
	Step                  step
	Stage                 int // 1 to 6 in the list of stages, 0 outside
	Stages                []stage
	Notice                notice
	CSRF                  string
	Revision, Left        int
	InUse                 bool // another window has the visit
	Waits                 bool // the page changes by itself
	Contested, Waiting    bool
	Invitation            string
	Attribute, B, Sign    tryView
	Blocked, Last         bool
	WithNumber            bool
	Person                *person
	Male, Female, Picture bool
	Until, DocType        string
	Slot                  uint64
	Codes                 []string
}

// stage is one entry of the list at the top.
type stage struct {
	Number     int
	JA, EN     string
	Done, Here bool
}

// tryView is what the page says of one secret's tries.
type tryView struct {
	Known         bool
	Left          int
	Low, Finished bool
}

func tryViewOf(n int) tryView {
	return tryView{Known: n != unknownTries, Left: n, Low: n == 1, Finished: n == 0}
}

var stageOf = map[step]int{stepPhone: 1, stepCode: 1, stepCard: 2, stepConsent: 3, stepSecrets: 4, stepReview: 5, stepDeliver: 6, stepDone: 7}

func stages(at int) []stage {
	list := []stage{{JA: "スマートフォン", EN: "Phone"}, {JA: "カード", EN: "Card"}, {JA: "同意", EN: "Consent"},
		{JA: "暗証番号", EN: "PINs"}, {JA: "内容確認", EN: "Check"}, {JA: "発行", EN: "Issue"}}
	for i := range list {
		list[i].Number, list[i].Done, list[i].Here = i+1, i+1 < at, i+1 == at
	}
	return list
}

func (c *Counter) showPage(w http.ResponseWriter, r *http.Request) {
	c.refresh(r)
	c.mu.Lock()
	v := view{Step: stepStart, CSRF: c.starter, Revision: -1, Notice: c.before}
	if mine := c.mine(r); mine != nil {
		v = c.view(mine)
	} else if c.visit != nil {
		v.InUse, v.Notice = true, noticeUsed()
	}
	v.Stages = stages(v.Stage)
	var out bytes.Buffer
	err := c.pages.page.Execute(&out, v)
	c.mu.Unlock()
	if err != nil {
		c.config.Log.ErrorContext(r.Context(), "page not written", "step", string(v.Step))
		c.pages.refuse(w, http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	_, _ = w.Write(out.Bytes())
	clear(out.Bytes())
}

// view is the page of a visit. The lock is held.
func (c *Counter) view(v *visit) view {
	out := view{Step: v.step, Stage: stageOf[v.step], Notice: v.notice, CSRF: v.csrf, Revision: v.revision,
		Left: max(int(c.left(v)/time.Second), 0), Contested: v.contested, Waiting: v.waiting, WithNumber: v.number, Codes: v.codes}
	switch v.step {
	case stepPhone:
		out.Waits, out.Invitation = true, v.session.Invitation
	case stepCard:
		out.Waits = v.waiting
	case stepConsent, stepSecrets:
		out.Attribute, out.B, out.Sign = tryViewOf(v.tries.attribute), tryViewOf(v.tries.numberB), tryViewOf(v.tries.signature)
		out.Blocked, out.Last = v.tries.blocked(), v.tries.last()
	case stepReview:
		out.Person, out.Picture = v.person, len(v.picture) > 0
		out.Male, out.Female = v.person.Sex == card.SexMale, v.person.Sex == card.SexFemale
	case stepDeliver:
		out.Waits = true
	case stepDone:
		out.Until, out.DocType, out.Slot = untilInJapan(v.validUntil), doctype.DocTypeMNC, v.grant.Slot
	case stepStart, stepCode, stepFailed:
	}
	return out
}

func untilInJapan(t time.Time) string {
	t = t.In(card.Japan())
	return fmt.Sprintf("%d年%d月%d日 %02d:%02d", t.Year(), t.Month(), t.Day(), t.Hour(), t.Minute())
}
