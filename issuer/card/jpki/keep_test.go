package jpki

import (
	"encoding/binary"
	"testing"
	"time"

	"mobileid/issuer/card"
)

// What is kept of answers and of judged certificates is bounded, and what has expired makes room.
func TestBoundsOfMemory(t *testing.T) {
	at := time.Date(2026, time.November, 23, 3, 0, 0, 0, time.UTC)
	id := func(n int) (k key) {
		binary.BigEndian.PutUint64(k[:], uint64(n)) //nolint:gosec // a small number
		return k
	}
	r := &responder{answers: map[key]answer{}}
	good := answer{status: card.StatusAnswer{State: card.StateInForce}, from: at, until: at.Add(time.Hour)}
	for n := range maxAnswers {
		r.keep(id(n), at, good)
	}
	if got := r.keep(id(maxAnswers), at, good); got.State != card.StateInForce || len(r.answers) != maxAnswers {
		t.Errorf("state %d, %d answers kept", got.State, len(r.answers))
	}
	if _, ok := r.find(id(maxAnswers), at); ok {
		t.Error("one more is kept")
	}
	later := answer{status: good.status, from: at, until: at.Add(2 * time.Hour)}
	r.keep(id(maxAnswers), at.Add(time.Hour+time.Second), later)
	if _, ok := r.find(id(maxAnswers), at.Add(2*time.Hour)); !ok || len(r.answers) != 1 {
		t.Errorf("%d answers kept, the new one among them: %v", len(r.answers), ok)
	}

	s := &Source{judged: map[key]bool{}}
	for n := range maxJudged + 1 {
		s.remember(id(n))
	}
	if len(s.judged) != maxJudged || s.knows(id(maxJudged)) || !s.knows(id(0)) {
		t.Errorf("%d certificates remembered", len(s.judged))
	}
}
