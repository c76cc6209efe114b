package benchmark

import (
	"os"
	"testing"
)

func TestScratch(t *testing.T) {
	h := harness{rounds: 20, batch: batch}
	w, err := newWorld(h.clock())
	if err != nil {
		t.Fatal(err)
	}
	p := &printer{out: os.Stdout}
	t.Log(channelCost(t.Context(), h, w, p))
	h.rounds=60
	t.Log(provisionRate(t.Context(), h, w, p))
}
