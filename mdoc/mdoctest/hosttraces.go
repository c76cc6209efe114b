package mdoctest

import (
	"strings"
	"testing"
)

// HostTrace is one recorded run of a host that manages a GlobalPlatform card over SCP03, as scp03/host-traces.json tells it. Data are in
// hex; the three static keys are alike.
type HostTrace struct {
	Name, Key, Keys, KVN, I string
	ISDAID                  string `json:"isd_aid"`
	Exchanges               []struct {
		Command, Response, SW string
		// The command before it was wrapped and the answer once it was unwrapped.
		PlainHeader   string `json:"plain_header"`
		PlainData     string `json:"plain_data"`
		PlainResponse string `json:"plain_response"`
		Note          string
	}
}

// HostTraces are all recorded runs.
func HostTraces(tb testing.TB) []HostTrace {
	tb.Helper()
	var file struct{ Traces []HostTrace }
	ReadJSON(tb, "scp03/host-traces.json", &file)
	if len(file.Traces) != 19 {
		tb.Fatalf("host-traces.json holds %d traces, want 19", len(file.Traces))
	}
	return file.Traces
}

// HostTraceNamed is one of them.
func HostTraceNamed(tb testing.TB, name string) HostTrace {
	tb.Helper()
	for _, h := range HostTraces(tb) {
		if h.Name == name {
			return h
		}
	}
	tb.Fatalf("host-traces.json holds no trace %s", name)
	return HostTrace{}
}

// Loaded is what the run sent in LOAD commands, one after the other: a load file data block (GlobalPlatform Card Specification, 11.6.2.3).
func (h HostTrace) Loaded(tb testing.TB) []byte {
	tb.Helper()
	var stream []byte
	for _, e := range h.Exchanges {
		if strings.HasPrefix(e.PlainHeader, "80e8") {
			stream = append(stream, Hex(tb, e.PlainData)...)
		}
	}
	return stream
}
