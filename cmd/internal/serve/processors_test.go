package serve_test

import (
	"runtime"
	"testing"

	"mobileid/cmd/internal/serve"
)

// Twice the processors, unless the operator said how many; not in parallel with other tests.
func TestRoomForSyncs(t *testing.T) {
	before := runtime.GOMAXPROCS(0)
	for value, want := range map[string]int{"": 2 * before, "0": 2 * before, "many": 2 * before, "1": before} {
		t.Setenv("GOMAXPROCS", value) // read as the program starts, so that here it changes nothing else
		restore := serve.RoomForSyncs()
		if got := runtime.GOMAXPROCS(0); got != want {
			t.Errorf("GOMAXPROCS=%q: %d processors, want %d", value, got, want)
		}
		if restore(); runtime.GOMAXPROCS(0) != before {
			t.Errorf("GOMAXPROCS=%q: %d processors afterwards, want %d", value, runtime.GOMAXPROCS(0), before)
		}
	}
}
