package main

import (
	"slices"
	"testing"
)

// TestOpenValues shows which values of cases are left out, by the case's result and flags, and that results and numbers never are.
func TestOpenValues(t *testing.T) {
	const file = `{"testGroups": [{"sha": "SHA-256", "tests": [
		{"tcId": 1, "flags": ["Normal"], "msg": "aabbccdd", "result": "valid"},
		{"tcId": 2, "flags": ["ModifiedSignature"], "msg": "aabbccdd", "result": "invalid"},
		{"tcId": 3, "flags": ["InvalidAsn"], "public": "aabbccdd", "private": "aabbccdd", "shared": "aabbccdd", "result": "acceptable"},
		{"tcId": 4, "flags": ["LowOrderPublic", "ZeroSharedSecret"], "public": "aabbccdd", "private": "aabbccdd", "result": "acceptable"},
		{"tcId": 5, "flags": ["Twist"], "public": "aabbccdd", "private": "aabbccdd", "result": "acceptable"}]}]}`
	const tests = ".testGroups[0].tests"
	want := []string{".testGroups[0].sha", tests + "[0].tcId", tests + "[0].msg", tests + "[0].result", tests + "[1].tcId", tests + "[1].result",
		tests + "[2].tcId", tests + "[2].private", tests + "[2].shared", tests + "[2].result", tests + "[3].tcId", tests + "[3].public",
		tests + "[3].result", tests + "[4].tcId", tests + "[4].public", tests + "[4].private", tests + "[4].result"}
	places := func(name string) (out []string) {
		for _, v := range variants(name, []byte(file)) {
			out = append(out, v.where)
		}
		return out
	}
	if got := places("wycheproof/a.json"); !slices.Equal(got, want) {
		t.Errorf("changed %q, want %q", got, want)
	}
	if got := places("openid4vp/a.json"); len(got) != len(want)+3 {
		t.Errorf("%d values of another folder are changed, want all", len(got))
	}
}
