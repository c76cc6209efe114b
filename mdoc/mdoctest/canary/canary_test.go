package canary_test

import (
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"log/slog"
	"net/url"
	"strings"
	"sync"
	"testing"

	"mobileid/mdoc/mdoctest/canary"
)

// A value is found in each form, whatever stands before and behind it.
func TestForms(t *testing.T) {
	const value = "鵺野　檮 昧-4711"
	wide := func(text string, order string) string {
		var b strings.Builder
		for _, r := range text { // all of them below U+10000
			if order == "LE" {
				b.WriteString(string([]byte{byte(r), byte(r >> 8)}))
			} else {
				b.WriteString(string([]byte{byte(r >> 8), byte(r)}))
			}
		}
		return b.String()
	}
	for _, around := range []string{"", "x", "xy", "xyz"} {
		for _, behind := range []string{"", "y", "yz", "tail"} {
			text := around + value + behind
			for name, encoded := range map[string]string{
				"plain": text, "hex": hex.EncodeToString([]byte(text)), "HEX": strings.ToUpper(hex.EncodeToString([]byte(text))),
				"percent": url.PathEscape(text), "percent of a form": url.QueryEscape(text), "UTF-16LE": wide(text, "LE"), "UTF-16BE": wide(text, "BE"),
				"base64 ": base64.StdEncoding.EncodeToString([]byte(text)), "base64 at": base64.RawStdEncoding.EncodeToString([]byte(text)),
				"base64url": base64.URLEncoding.EncodeToString([]byte(text)),
			} {
				found := false
				for form, needle := range canary.Forms(value) {
					found = found || strings.HasPrefix(form, name) && strings.Contains(encoded, string(needle))
				}
				if !found {
					t.Errorf("not found between %q and %q in %s", around, behind, name)
				}
			}
		}
	}
}

// Of a PIN of six digits enough is looked for that no date or number has it by chance: all but the bits it shares with its neighbours.
func TestFormsOfAShortValue(t *testing.T) {
	for form, needle := range canary.Forms("202611") {
		if strings.HasPrefix(form, "base64") && 6*len(needle) < 8*6-10 {
			t.Errorf("%s: %d of 48 bits are looked for", form, 6*len(needle))
		}
	}
}

// A needle that is empty would be found everywhere.
func TestFormsAreNeverEmpty(t *testing.T) {
	for n := 1; n < 8; n++ {
		for form, needle := range canary.Forms(strings.Repeat("x", n)) {
			if len(needle) == 0 {
				t.Errorf("%s of %d bytes is empty", form, n)
			}
		}
	}
}

func TestLog(t *testing.T) {
	var log canary.Log
	logger := slog.New(slog.NewTextHandler(&log, nil))
	var all sync.WaitGroup
	for i := range 20 {
		all.Go(func() {
			logger.Info("event", "n", fmt.Sprintf("<%d>", i))
			_ = log.String()
		})
	}
	all.Wait()
	if text := log.String(); strings.Count(text, "\n") != 20 || !strings.Contains(text, "<0>") || !strings.Contains(text, "<19>") {
		t.Errorf("the log is %q", text)
	}
}
