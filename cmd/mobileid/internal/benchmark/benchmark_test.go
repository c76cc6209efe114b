package benchmark

import (
	"bytes"
	"context"
	"errors"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestMedian(t *testing.T) {
	for _, c := range []struct {
		name string
		in   []float64
		want float64
	}{
		{"one", []float64{3}, 3},
		{"odd, unsorted, with an outlier", []float64{900, 1, 2}, 2},
		{"even", []float64{4, 1, 3, 2}, 2.5},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := median(c.in); got != c.want {
				t.Errorf("%v, want %v", got, c.want)
			}
		})
	}
}

// ticker is a clock that only the measured functions move.
type ticker struct{ at time.Time }

func (c *ticker) now() time.Time { return c.at }

func (c *ticker) work(d time.Duration) func() error {
	return func() error { c.at = c.at.Add(d); return nil }
}

func TestCompare(t *testing.T) {
	c := &ticker{at: time.Unix(0, 0)}
	h := harness{rounds: 5, batch: 10 * time.Millisecond, now: c.now}
	m, err := h.compare(t.Context(), c.work(300*time.Microsecond), c.work(100*time.Microsecond))
	if err != nil {
		t.Fatal(err)
	}
	if m.ratio != 3 || m.function != 300*time.Microsecond || m.floor != 100*time.Microsecond {
		t.Errorf("%+v", m)
	}
}

func TestCompareIgnoresABurst(t *testing.T) {
	c := &ticker{at: time.Unix(0, 0)}
	h := harness{rounds: 9, batch: 10 * time.Millisecond, now: c.now}
	calls := 0
	burst := func() error { // three of the nine batches of ten calls run ten times slower
		calls++
		d := 2 * time.Millisecond
		if calls > 30 && calls <= 45 {
			d *= 10
		}
		return c.work(d)()
	}
	m, err := h.compare(t.Context(), burst, c.work(time.Millisecond))
	if err != nil {
		t.Fatal(err)
	}
	if m.ratio != 2 {
		t.Errorf("ratio %v, want 2", m.ratio)
	}
}

func TestCompareFails(t *testing.T) {
	c := &ticker{at: time.Unix(0, 0)}
	good, bad := c.work(time.Millisecond), func() error { return errBroken }
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	h := harness{rounds: 3, batch: time.Millisecond, now: c.now}
	for _, tc := range []struct {
		name            string
		h               harness
		ctx             context.Context
		function, floor func() error
		want            error
	}{
		{"function", h, t.Context(), bad, good, errBroken},
		{"floor", h, t.Context(), good, bad, errBroken},
		{"cancelled", h, cancelled, good, good, context.Canceled},
		{"clock stands still", h, t.Context(), func() error { return nil }, good, nil},
		{"no rounds", harness{batch: time.Millisecond, now: c.now}, t.Context(), good, good, nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, err := tc.h.compare(tc.ctx, tc.function, tc.floor)
			if err == nil || tc.want != nil && !errors.Is(err, tc.want) {
				t.Errorf("got %v, want %v", err, tc.want)
			}
		})
	}
}

var errBroken = errors.New("broken")

// figures reads the lines back and refuses any that is neither a figure nor a comment.
func figures(t *testing.T, out string) (names []string, values map[string]float64) {
	t.Helper()
	values = map[string]float64{}
	form := regexp.MustCompile(`^figure ([a-z0-9_]+) ([0-9]+(?:\.[0-9]+)?)$`)
	for line := range strings.Lines(out) {
		line = strings.TrimSuffix(line, "\n")
		if strings.HasPrefix(line, "# ") {
			continue
		}
		m := form.FindStringSubmatch(line)
		if m == nil {
			t.Fatalf("line %q", line)
		}
		v, err := strconv.ParseFloat(m[2], 64)
		if err != nil {
			t.Fatal(err)
		}
		names = append(names, m[1])
		values[m[1]] = v
	}
	return names, values
}

// The times of a few rounds on a shared machine prove nothing, so only that each figure is there is held.
func TestRun(t *testing.T) {
	var out bytes.Buffer
	if err := run(t.Context(), &out, harness{rounds: 3, batch: time.Millisecond}); err != nil {
		t.Fatal(err)
	}
	names, values := figures(t, out.String())
	if diff := cmp.Diff([]string{"issue_over_sign", "issue_share_of_sign", "issue_allocs", "verify_sig_over_floor",
		"verify_age_over_floor", "verify_mac_over_floor", "verify_chain_over_floor", "session_over_floor", "answer_bytes",
		"hostile_cbor_ms", "hostile_cbor_alloc_mb", "card_model_reads_per_s", "card_exchanges_short", "card_exchanges_extended", "card_read_ms", "evidence_check_over_rsa",
		"scp03_pair_over_floor", "scp03_pair_allocs", "scp03_fault_mac_over_padding",
		"se_commands_per_s",
		"provision_exchanges_short", "provision_round_trips", "provision_exchanges_extended", "provision_cpu_over_sign", "provisionings_per_s"}, names); diff != "" {
		t.Error(diff)
	}
	if v := values["scp03_pair_allocs"]; v != 0 {
		t.Errorf("%v allocations for a command and an answer through both ends of the secure channel", v)
	}
	delete(values, "scp03_pair_allocs")
	for name, v := range values {
		if v <= 0 {
			t.Errorf("%s is %v", name, v)
		}
	}
	if v := values["answer_bytes"]; v > 2700 || v < 64*2+32*30 {
		t.Errorf("an answer of %v bytes", v)
	}
	// 27 kB are sealed, which 2 + ceil(n/239) + 8 short commands bring.
	if short, extended := values["provision_exchanges_short"], values["provision_exchanges_extended"]; short > 126 || extended > 20 || values["provision_round_trips"] > 4 {
		t.Errorf("%v exchanges, %v with extended lengths, %v round trips", short, extended, values["provision_round_trips"])
	}
	if short, extended := values["card_exchanges_short"], values["card_exchanges_extended"]; short > 130 || extended > 32 || extended > short {
		t.Errorf("%v exchanges, %v with extended lengths", short, extended)
	}
}

func TestRunTellsWriteErrors(t *testing.T) {
	if err := run(t.Context(), fullDisk{}, harness{rounds: 1, batch: time.Millisecond}); !errors.Is(err, errBroken) {
		t.Errorf("got %v", err)
	}
}

type fullDisk struct{}

func (fullDisk) Write([]byte) (int, error) { return 0, errBroken }

func TestPrintDemo(t *testing.T) {
	var out bytes.Buffer
	PrintDemo(&out, DemoFigures{Exchanges: 31, RoundTrips: 5, SealedBytes: 29000, Seconds: 1.25, RSSMB: 42.5, AnswerBytes: 2600})
	want := "# demonstration: 29000 sealed bytes provisioned in 31 APDU exchanges and 5 HTTP requests, answer of 2600 bytes\n" +
		"figure demo_seconds 1.25\nfigure demo_rss_mb 42.50\n"
	if diff := cmp.Diff(want, out.String()); diff != "" {
		t.Error(diff)
	}
}

func TestWorkload(t *testing.T) {
	w, err := newWorld(time.Now())
	if err != nil {
		t.Fatal(err)
	}
	list := w.workload()
	if len(list) != workloadItems {
		t.Errorf("%d items", len(list))
	}
	seen := map[[2]string]bool{}
	for _, e := range list {
		seen[[2]string{e.NameSpace, e.Identifier}] = true
	}
	if len(seen) != workloadItems {
		t.Errorf("%d different items", len(seen))
	}
}
