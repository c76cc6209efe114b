package statuslist_test

import (
	"bytes"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"mobileid/mdoc/cbor"
	"mobileid/mdoc/mdoctest"
	"mobileid/mdoc/statuslist"
)

type identifierVector struct {
	List struct {
		Claim struct {
			Hex        string   `json:"hex"`
			Revoked    []string `json:"revoked"`
			NotRevoked []string `json:"not_revoked"`
		} `json:"identifier_list_claim"`
	} `json:"identifier_list"`
}

func TestIdentifierListClaim(t *testing.T) {
	var file identifierVector
	mdoctest.ReadJSON(t, "iso18013-5/revocation.json", &file)
	c := file.List.Claim
	s, aggregation, err := statuslist.DecodeIdentifiers(mdoctest.Hex(t, c.Hex))
	if err != nil {
		t.Fatal(err)
	}
	if aggregation != "https://example.com/identifierlists/aggregation" { // as the note of the vector says, and its bytes
		t.Errorf("aggregation_uri %q", aggregation)
	}
	if len(c.Revoked) != 3 || s.Len() != len(c.Revoked) {
		t.Errorf("%d ids, the vector names %d", s.Len(), len(c.Revoked))
	}
	for _, id := range c.Revoked {
		if !s.Revoked(mdoctest.Hex(t, id)) {
			t.Errorf("%s is not revoked", id)
		}
	}
	for _, id := range c.NotRevoked {
		if s.Revoked(mdoctest.Hex(t, id)) {
			t.Errorf("%s is revoked", id)
		}
	}
}

// TestIdentifierListBytes holds the written form against the example with two ids of the public implementations.
func TestIdentifierListBytes(t *testing.T) {
	want := "a16b6964656e74696669657273a25000112233445566778899aabbccddeeffa050ffeeddccbbaa99887766554433221100a0"
	s, err := statuslist.NewIdentifiers(mdoctest.Hex(t, "00112233445566778899aabbccddeeff"), mdoctest.Hex(t, "ffeeddccbbaa99887766554433221100"))
	if err != nil {
		t.Fatal(err)
	}
	if got := statuslist.EncodeIdentifiers(s, ""); !bytes.Equal(got, mdoctest.Hex(t, want)) {
		t.Errorf("%x", got)
	}
}

func identifierToken(tb testing.TB, ids ...string) statuslist.Token {
	tb.Helper()
	var raw [][]byte
	for _, id := range ids {
		raw = append(raw, []byte(id))
	}
	s, err := statuslist.NewIdentifiers(raw...)
	if err != nil {
		tb.Fatal(err)
	}
	t := token()
	t.List, t.Identifiers = nil, s
	return t
}

func TestIdentifierToken(t *testing.T) {
	a, b := newAuthority(t, "IACA"), newAuthority(t, "IACA of another")
	want := identifierToken(t, "one", "two")
	s, err := statuslist.Parse(a.sign(want))
	if err != nil {
		t.Fatal(err)
	}
	got, v, err := s.Verify(a.anchors, uri, now)
	if err != nil || !v.OK() {
		t.Fatalf("%v: %s", err, v)
	}
	if got.List != nil || got.AggregationURI != want.AggregationURI || got.TTL != want.TTL {
		t.Error("another token came out")
	}
	for id, revoked := range map[string]bool{"one": true, "two": true, "three": false, "on": false} {
		if is, v := got.Revoked([]byte(id), a.root); !v.OK() || is != revoked {
			t.Errorf("%s: %v, %s", id, is, v)
		}
	}
	for name, c := range map[string]struct {
		look func() ([]string, bool)
		want []string
	}{
		"another authority": {func() ([]string, bool) { r, v := got.Revoked([]byte("three"), b.root); return failedIDs(v), r }, []string{"status.token.authority"}},
		"no authority":      {func() ([]string, bool) { r, v := got.Revoked([]byte("three"), nil); return failedIDs(v), r }, []string{"status.token.authority"}},
		"an empty id":       {func() ([]string, bool) { r, v := got.Revoked(nil, a.root); return failedIDs(v), r }, []string{"status.token.id"}},
		"asked by index": {func() ([]string, bool) {
			value, v := got.Status(0, a.root)
			return failedIDs(v), value == statuslist.Invalid
		}, []string{"status.token.index"}},
	} {
		t.Run(name, func(t *testing.T) {
			failed, revoked := c.look()
			if diff := cmp.Diff(c.want, failed); diff != "" || !revoked {
				t.Errorf("revoked %v, failed checks (-want +got):\n%s", revoked, diff)
			}
		})
	}
	other, v, err := parse(t, a.sign(token())).Verify(a.anchors, uri, now)
	if err != nil || !v.OK() {
		t.Fatal(err, v)
	}
	if revoked, v := other.Revoked([]byte("one"), a.root); !revoked || !slices.Equal(failedIDs(v), []string{"status.token.id"}) {
		t.Errorf("a status list asked by id: %v, %s", revoked, v)
	}
}

func parse(t *testing.T, raw []byte) *statuslist.SignedToken {
	t.Helper()
	s, err := statuslist.Parse(raw)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// TestForgedIdentifierTokens changes one thing and signs again.
func TestForgedIdentifierTokens(t *testing.T) {
	const identifierType = "application/identifierlist+cwt"
	a := newAuthority(t, "IACA")
	lists := func(m cbor.RawMessage) claims { return append(with(65533, nil), claims{{Key: 65530, Value: m}}...) }
	pairs := func(kv ...cbor.RawMessage) cbor.RawMessage {
		b := cbor.AppendMapHead(nil, len(kv)/2)
		for _, x := range kv {
			b = append(b, x...)
		}
		return b
	}
	name := item("identifiers")
	good := pairs(name, pairs(item([]byte{1}), pairs()))
	for title, c := range map[string]struct {
		claims claims
		typ    string
		want   []string
	}{
		"good":                        {lists(good), identifierType, nil},
		"type without application/":   {lists(good), "identifierlist+cwt", nil},
		"typed as a status list":      {lists(good), "application/statuslist+cwt", []string{"status.token.list"}},
		"no list":                     {with(65533, nil), identifierType, []string{"status.token.identifiers"}},
		"a status list":               {goodClaims(), identifierType, []string{"status.token.identifiers"}},
		"both lists":                  {append(goodClaims(), lists(good)[4:]...), identifierType, []string{"status.token.identifiers"}},
		"both lists, as status list":  {append(goodClaims(), lists(good)[4:]...), "application/statuslist+cwt", []string{"status.token.list"}},
		"identifiers missing":         {lists(pairs()), identifierType, []string{"status.token.identifiers"}},
		"identifiers an array":        {lists(pairs(name, item([]uint64{1}))), identifierType, []string{"status.token.identifiers"}},
		"an id as text":               {lists(pairs(name, pairs(item("a"), pairs()))), identifierType, []string{"status.token.identifiers"}},
		"an entry that is a number":   {lists(pairs(name, pairs(item([]byte{1}), item(1)))), identifierType, []string{"status.token.identifiers"}},
		"an empty id":                 {lists(pairs(name, pairs(item([]byte{}), pairs()))), identifierType, []string{"status.token.identifiers"}},
		"an id too long":              {lists(pairs(name, pairs(item(make([]byte, 65)), pairs()))), identifierType, []string{"status.token.identifiers"}},
		"aggregation_uri a number":    {lists(pairs(name, pairs(), item("aggregation_uri"), item(1))), identifierType, []string{"status.token.identifiers"}},
		"not a map":                   {lists(item([]uint64{1})), identifierType, []string{"status.token.identifiers"}},
		"an unknown type":             {lists(good), "application/list+cwt", []string{"status.token.list", "status.token.type"}},
		"no expiry":                   {slices.DeleteFunc(lists(good), func(e cbor.Entry[int64, cbor.RawMessage]) bool { return e.Key == 4 }), identifierType, []string{"status.token.expiry"}},
		"unknown members are ignored": {lists(pairs(name, pairs(item([]byte{1}), pairs(item(7), item(0))), item("x"), item(1), item(1), item(1))), identifierType, nil},
	} {
		t.Run(title, func(t *testing.T) {
			got, v, err := parse(t, a.forge(c.claims, c.typ)).Verify(a.anchors, uri, now)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, failedIDs(v)); diff != "" {
				t.Errorf("failed checks (-want +got):\n%s%s", diff, v)
			}
			if (got.Identifiers != nil) != (c.want == nil) {
				t.Error("a refused token gives a list, or a good one none")
			}
		})
	}
	duplicate := pairs(name, pairs(item([]byte{1}), pairs(), item([]byte{1}), pairs()))
	if _, _, err := statuslist.DecodeIdentifiers(duplicate); err == nil {
		t.Error("an id twice is accepted")
	}
}

func TestIdentifierBounds(t *testing.T) {
	wide := func(n int) []byte {
		b := cbor.AppendMapHead(cbor.AppendText(cbor.AppendMapHead(nil, 1), "identifiers"), n)
		for i := range n {
			b = cbor.AppendMapHead(cbor.AppendBytes(b, []byte{byte(i >> 16), byte(i >> 8), byte(i)}), 0)
		}
		return b
	}
	s, _, err := statuslist.DecodeIdentifiers(wide(statuslist.MaxIdentifiers))
	if err != nil || s.Len() != statuslist.MaxIdentifiers || !s.Revoked([]byte{1, 0xff, 0xff}) || s.Revoked([]byte{2, 0, 0}) {
		t.Errorf("the largest list: %v", err)
	}
	if s, _, err := statuslist.DecodeIdentifiers(wide(statuslist.MaxIdentifiers + 1)); err == nil || s != nil {
		t.Error("one more is accepted")
	}
	tooMany := make([][]byte, statuslist.MaxIdentifiers+1)
	for i := range tooMany {
		tooMany[i] = []byte{byte(i >> 16), byte(i >> 8), byte(i)}
	}
	if _, err := statuslist.NewIdentifiers(tooMany...); err == nil {
		t.Error("one more is made")
	}
	a := newAuthority(t, "IACA")
	largest := token()
	largest.List, largest.Identifiers = nil, s
	if got, v, err := parse(t, a.sign(largest)).Verify(a.anchors, uri, now); err != nil || !v.OK() || got.Identifiers.Len() != s.Len() {
		t.Errorf("the largest token: %v, %s", err, v)
	}
	for name, ids := range map[string][][]byte{"empty": {{}}, "long": {make([]byte, 65)}, "twice": {{1}, {1}}} {
		if _, err := statuslist.NewIdentifiers(ids...); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	both := identifierToken(t, "x")
	both.List = token().List
	for name, tok := range map[string]statuslist.Token{"both": both, "neither": {URI: uri, IssuedAt: now, ExpiresAt: now.AddDate(0, 0, 1)}} {
		if _, err := statuslist.Sign(a.key, [][]byte{a.signer}, tok); err == nil {
			t.Errorf("%s: signed", name)
		}
	}
}

// FuzzDecodeIdentifiers checks bounds, and that an accepted list survives a round trip.
func FuzzDecodeIdentifiers(f *testing.F) {
	var file identifierVector
	mdoctest.ReadJSON(f, "iso18013-5/revocation.json", &file)
	f.Add(mdoctest.Hex(f, file.List.Claim.Hex))
	f.Fuzz(func(t *testing.T, raw []byte) {
		s, aggregation, err := statuslist.DecodeIdentifiers(raw)
		if err != nil {
			if s != nil {
				t.Fatal("an error and a result")
			}
			return
		}
		again, a, err := statuslist.DecodeIdentifiers(statuslist.EncodeIdentifiers(s, aggregation))
		if err != nil || a != aggregation || again.Len() != s.Len() {
			t.Errorf("round trip: %v", err)
		}
	})
}
