package counter

import (
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
