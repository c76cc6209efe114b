package counter

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"mobileid/issuer/card"
)

// TestWipe: what a visit held is overwritten, or let go of, when it ends.
func TestWipe(t *testing.T) {
	released, ended := 0, 0
	file, picture, qr := []byte("name and address"), []byte("portrait"), []byte("invitation")
	v := &visit{
		cancel: func() { ended++ }, release: func() { released++ }, tries: tries{}, step: stepDone,
		reading: &card.Reading{Files: []card.File{{ID: card.AttributesFile, Content: file}}}, person: new(person),
		picture: picture, pictureType: "image/png", qr: qr, grant: Grant{Challenge: []byte("challenge"), SEID: []byte("element")},
		codes: []string{"card.expired"}, agreed: true, number: true,
	}
	v.wipe()
	for name, held := range map[string][]byte{"file": file, "picture": picture, "QR code": qr} {
		for _, b := range held {
			if b != 0 {
				t.Errorf("%s is still there", name)
				break
			}
		}
	}
	if v.reading != nil || v.person != nil || v.picture != nil || v.pictureType != "" || v.qr != nil || v.codes != nil || v.card != nil {
		t.Error("something is held on to")
	}
	if v.grant.Challenge != nil || v.grant.SEID != nil || v.agreed || v.number {
		t.Error("grant or consents are kept")
	}
	if released != 1 || ended != 1 {
		t.Errorf("card let go %d times, work ended %d times", released, ended)
	}
}

// TestPicturesAreOfTheirStep: the QR code and the portrait are given at the step that shows them and at no other, though the visit holds them.
func TestPicturesAreOfTheirStep(t *testing.T) {
	steps := []step{stepPhone, stepCode, stepCard, stepConsent, stepSecrets, stepReview, stepDeliver, stepDone, stepFailed}
	for _, at := range steps {
		c := &Counter{visit: &visit{cookie: "cookie", step: at, qr: []byte("invitation"), picture: []byte("portrait"), pictureType: "image/png"}}
		for _, shown := range []struct {
			at   step
			show http.HandlerFunc
			want string
		}{{stepPhone, c.showQR, "invitation"}, {stepReview, c.showPortrait, "portrait"}} {
			r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil)
			r.AddCookie(&http.Cookie{Name: cookieName, Value: "cookie"}) //nolint:gosec // a request's
			rec := httptest.NewRecorder()
			shown.show(rec, r)
			given := rec.Code == http.StatusOK && rec.Body.String() == shown.want
			if given != (at == shown.at) || !given && rec.Code != http.StatusNotFound {
				t.Errorf("at %s the %s is answered with %d", at, shown.want, rec.Code)
			}
		}
	}
}
