package revocation

import (
	"crypto/sha256"
	"errors"
	"testing"
)

func hashed(token string) []byte {
	sum := sha256.Sum256([]byte(token))
	return sum[:]
}

func TestAuthorize(t *testing.T) {
	who, err := newOperators([]Operator{{"day desk", hashed("day")}, {"night desk", hashed("night")}, {"hotline", hashed("phone")}})
	must(t, err)
	for token, want := range map[string]string{"day": "day desk", "night": "night desk", "phone": "hotline", "": "", "da": "", "dayy": "", "DAY": "",
		string(hashed("day")): "", "day desk": ""} {
		name, err := who.authorize(token)
		if name != want || (err == nil) != (want != "") || err != nil && !errors.Is(err, ErrUnauthorized) {
			t.Errorf("token of %d bytes: %q, %v", len(token), name, err)
		}
	}
	nobody, err := newOperators(nil)
	must(t, err)
	if _, err := nobody.authorize(""); !errors.Is(err, ErrUnauthorized) {
		t.Error("a desk without operators lets someone in")
	}
}

func TestOperatorsRefused(t *testing.T) {
	for name, list := range map[string][]Operator{
		"no name":        {{"", hashed("a")}},
		"no hash":        {{"a", nil}},
		"short hash":     {{"a", hashed("a")[:31]}},
		"token in clear": {{"a", []byte("a")}},
		"name twice":     {{"a", hashed("a")}, {"a", hashed("b")}},
		"token twice":    {{"a", hashed("a")}, {"b", hashed("a")}},
	} {
		if _, err := newOperators(list); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}
