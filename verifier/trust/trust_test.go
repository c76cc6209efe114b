package trust_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"mobileid/mdoc"
	"mobileid/mdoc/cbor"
	"mobileid/mdoc/cose"
	"mobileid/mdoc/mdoctest/world"
	"mobileid/mdoc/pki"
	"mobileid/mdoc/statuslist"
	"mobileid/mdoc/verdict"
	"mobileid/verifier/trust"
)

const uri = "https://issuer.example/v1/status-lists/1"

// issuer is a status list signer under a world's root.
type issuer struct {
	*world.World
	key   *ecdsa.PrivateKey
	chain [][]byte
}

func newIssuer(t testing.TB) *issuer {
	t.Helper()
	i := &issuer{World: world.New(t), key: world.Key(t)}
	from := i.Now.AddDate(0, -1, 0)
	c := i.Certificate(t, pki.Template{Profile: pki.StatusSigner, Country: "JP", CommonName: "TEST status signer",
		NotBefore: from, NotAfter: from.AddDate(1, 0, 0), CRLURI: "https://issuer.example/crl"}, i.key.Public(), i.IACA, i.IACAKey)
	i.chain = [][]byte{c.Raw}
	return i
}

// token signs a list of 1024 entries in which those named are revoked.
func (i *issuer) token(t testing.TB, issued time.Time, life time.Duration, revoked ...uint64) []byte {
	t.Helper()
	return i.tokenFor(t, uri, issued, life, revoked...)
}

func (i *issuer) tokenFor(t testing.TB, at string, issued time.Time, life time.Duration, revoked ...uint64) []byte {
	t.Helper()
	list := statuslist.New(1024)
	for _, r := range revoked {
		if err := list.Set(r, statuslist.Invalid); err != nil {
			t.Fatal(err)
		}
	}
	raw, err := statuslist.Sign(i.key, i.chain, statuslist.Token{URI: at, IssuedAt: issued, ExpiresAt: issued.Add(life), TTL: 5 * time.Minute, List: list})
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// identifierToken signs an identifier list with one id.
func (i *issuer) identifierToken(t testing.TB, at, id string) []byte {
	t.Helper()
	ids, err := statuslist.NewIdentifiers([]byte(id))
	if err != nil {
		t.Fatal(err)
	}
	raw, err := statuslist.Sign(i.key, i.chain, statuslist.Token{URI: at, IssuedAt: i.Now, ExpiresAt: i.Now.Add(48 * time.Hour), TTL: 5 * time.Minute, Identifiers: ids})
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

func (i *issuer) cache(t testing.TB, dir string) *trust.Cache {
	t.Helper()
	c, err := trust.NewCache(trust.CacheConfig{Anchors: i.Anchors, Revocation: i.Revocation, Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestLookup(t *testing.T) {
	i := newIssuer(t)
	week := 7 * 24 * time.Hour
	for name, tc := range map[string]struct {
		life   time.Duration
		uri    string
		index  uint64
		after  time.Duration
		answer trust.Answer
	}{
		"valid":                       {week, uri, 7, time.Minute, trust.Answer{Known: true, Held: true, Age: time.Minute}},
		"revoked":                     {week, uri, 5, time.Minute, trust.Answer{Known: true, Held: true, Value: 1, Age: time.Minute}},
		"valid at the last moment":    {week, uri, 7, 24 * time.Hour, trust.Answer{Known: true, Held: true, Age: 24 * time.Hour}},
		"too old":                     {week, uri, 7, 24*time.Hour + time.Second, trust.Answer{Held: true, Age: 24*time.Hour + time.Second, Why: "list is too old"}},
		"expired":                     {time.Hour, uri, 7, time.Hour, trust.Answer{Held: true, Age: time.Hour, Why: "list has expired"}},
		"revoked stays so when stale": {time.Hour, uri, 5, 90 * 24 * time.Hour, trust.Answer{Known: true, Held: true, Value: 1, Age: 90 * 24 * time.Hour, Why: "list has expired"}},
		"clock went back":             {week, uri, 7, -10 * time.Minute, trust.Answer{Held: true, Why: "list is signed in the future"}},
		"index beyond the end":        {week, uri, 1024, time.Minute, trust.Answer{Held: true, Age: time.Minute, Why: "index beyond the end of the list"}},
		"index 2^63":                  {week, uri, 1 << 63, time.Minute, trust.Answer{Held: true, Age: time.Minute, Why: "index beyond the end of the list"}},
		"another list":                {week, uri + "0", 7, time.Minute, trust.Answer{Why: "no list held"}},
		"no address":                  {week, "", 7, time.Minute, trust.Answer{Why: "no list held"}},
	} {
		t.Run(name, func(t *testing.T) {
			c := i.cache(t, "")
			if err := c.Put(uri, i.token(t, i.Now, tc.life, 5), i.Now); err != nil {
				t.Fatal(err)
			}
			if got := c.Lookup(tc.uri, tc.index, i.Now.Add(tc.after)); got != tc.answer {
				t.Errorf("answer %+v, want %+v", got, tc.answer)
			}
		})
	}
}

func TestStatusForAVerification(t *testing.T) {
	i, stranger := newIssuer(t), newIssuer(t)
	c := i.cache(t, "")
	if err := c.Put(uri, i.token(t, i.Now, 48*time.Hour, 5), i.Now); err != nil {
		t.Fatal(err)
	}
	query := func(index uint64, after time.Duration) mdoc.StatusQuery {
		return mdoc.StatusQuery{List: &mdoc.StatusListRef{URI: uri, Index: index}, Anchor: i.IACA, At: i.Now.Add(after)}
	}
	foreign, rootless, missing := query(7, 0), query(7, 0), query(7, 0)
	foreign.Anchor, rootless.Anchor, missing.List.URI = stranger.IACA, nil, uri+"9"
	const identifiers = uri + "/identifiers"
	if err := c.Put(identifiers, i.identifierToken(t, identifiers, "taken"), i.Now); err != nil {
		t.Fatal(err)
	}
	identifier := func(at, id string, after time.Duration) mdoc.StatusQuery {
		return mdoc.StatusQuery{Identifier: &mdoc.IdentifierListRef{ID: []byte(id), URI: at}, Anchor: i.IACA, At: i.Now.Add(after)}
	}
	ownTrust, strangersTrust := query(7, 0), query(7, 0)
	ownTrust.List.Certificate, ownTrust.Anchor, strangersTrust.List.Certificate = i.IACA.Raw, stranger.IACA, stranger.IACA.Raw
	byIndex := query(7, 0)
	byIndex.List.URI = identifiers
	for name, tc := range map[string]struct {
		query mdoc.StatusQuery
		want  mdoc.StatusAnswer
	}{
		"valid":        {query(7, 3*time.Minute), mdoc.StatusAnswer{Outcome: verdict.Pass, Measured: "valid, list 3 min old"}},
		"revoked":      {query(5, 3*time.Minute), mdoc.StatusAnswer{Outcome: verdict.Fail, Measured: "revoked, list 3 min old"}},
		"26 hours old": {query(7, 26*time.Hour), mdoc.StatusAnswer{Outcome: verdict.NotRun, Measured: "status unknown, last list 26 h old, list is too old"}},
		"another root": {foreign, mdoc.StatusAnswer{Outcome: verdict.NotRun, Measured: "status unknown, the list held is signed under another root"}},
		"no root":      {rootless, mdoc.StatusAnswer{Outcome: verdict.NotRun, Measured: "status unknown, the list held is signed under another root"}},

		"empty identifier":             {identifier(identifiers, "", 0), mdoc.StatusAnswer{Outcome: verdict.NotRun, Measured: "status unknown, last list 0 min old, no identifier to look for"}},
		"identifier not listed":        {identifier(identifiers, "mine", 0), mdoc.StatusAnswer{Outcome: verdict.Pass, Measured: "valid, list 0 min old"}},
		"identifier listed":            {identifier(identifiers, "taken", 0), mdoc.StatusAnswer{Outcome: verdict.Fail, Measured: "revoked, list 0 min old"}},
		"identifier listed, stale":     {identifier(identifiers, "taken", 40*time.Hour), mdoc.StatusAnswer{Outcome: verdict.Fail, Measured: "revoked, list 40 h old"}},
		"identifier not listed, stale": {identifier(identifiers, "mine", 40*time.Hour), mdoc.StatusAnswer{Outcome: verdict.NotRun, Measured: "status unknown, last list 40 h old, list is too old"}},
		"identifier in a status list":  {identifier(uri, "mine", 0), mdoc.StatusAnswer{Outcome: verdict.NotRun, Measured: "status unknown, the list held is of the other kind"}},
		"index in an identifier list":  {byIndex, mdoc.StatusAnswer{Outcome: verdict.NotRun, Measured: "status unknown, the list held is of the other kind"}},

		"trust point of its own":     {ownTrust, mdoc.StatusAnswer{Outcome: verdict.Pass, Measured: "valid, list 0 min old"}},
		"a trust point of strangers": {strangersTrust, mdoc.StatusAnswer{Outcome: verdict.NotRun, Measured: "status unknown, the list held is signed under another root"}},
		"no list":                    {missing, mdoc.StatusAnswer{Outcome: verdict.NotRun, Measured: "status unknown, no list held"}},
		"past the end":               {query(5000, 0), mdoc.StatusAnswer{Outcome: verdict.NotRun, Measured: "status unknown, last list 0 min old, index beyond the end of the list"}},
		"revoked, stale":             {query(5, 40*time.Hour), mdoc.StatusAnswer{Outcome: verdict.Fail, Measured: "revoked, list 40 h old"}},
		"expired at exp.":            {query(7, 48*time.Hour), mdoc.StatusAnswer{Outcome: verdict.NotRun, Measured: "status unknown, last list 48 h old, list has expired"}},
	} {
		t.Run(name, func(t *testing.T) {
			if got := c.Status(tc.query); got != tc.want {
				t.Errorf("answer %+v, want %+v", got, tc.want)
			}
		})
	}
}

func TestPutRefuses(t *testing.T) {
	i, stranger := newIssuer(t), newIssuer(t)
	good := i.token(t, i.Now, time.Hour)
	flipped := bytes.Clone(good)
	flipped[len(flipped)-1] ^= 1
	for name, tc := range map[string]struct {
		uri string
		raw []byte
		at  time.Time
		is  error
	}{
		"signed by a stranger": {uri, stranger.token(t, i.Now, time.Hour), i.Now, trust.ErrNotTrusted},
		"signature altered":    {uri, flipped, i.Now, trust.ErrNotTrusted},
		"untagged":             {uri, good[1:], i.Now, trust.ErrNotTrusted},
		"another subject":      {uri + "2", good, i.Now, trust.ErrNotTrusted},
		"expired":              {uri, good, i.Now.Add(time.Hour), trust.ErrNotTrusted},
		"of the future":        {uri, i.token(t, i.Now.Add(time.Hour), time.Hour), i.Now, trust.ErrNotTrusted},
		"older than held":      {uri, i.token(t, i.Now.Add(-2*time.Minute), time.Hour), i.Now, trust.ErrOlder},
		"empty":                {uri, nil, i.Now, trust.ErrNotTrusted},
		"too large":            {uri, make([]byte, trust.MaxToken+1), i.Now, trust.ErrNotTrusted},
		"no address":           {"", good, i.Now, trust.ErrNotTrusted},
	} {
		t.Run(name, func(t *testing.T) {
			c := i.cache(t, "")
			held := i.token(t, i.Now.Add(-time.Minute), time.Hour, 5)
			if err := c.Put(uri, held, i.Now); err != nil {
				t.Fatal(err)
			}
			if err := c.Put(tc.uri, tc.raw, tc.at); !errors.Is(err, tc.is) {
				t.Errorf("error %v, want %v", err, tc.is)
			}
			if a := c.Lookup(uri, 5, i.Now); a.Value != 1 {
				t.Error("the list held was lost")
			}
			if n := len(c.Lists(i.Now)); n != 1 {
				t.Errorf("%d lists held, want 1", n)
			}
		})
	}
}

// TestRevocationCannotBePlayedBack puts a list with a revocation, then the genuine list from before it.
func TestRevocationCannotBePlayedBack(t *testing.T) {
	i := newIssuer(t)
	dir := t.TempDir()
	c := i.cache(t, dir)
	before := i.token(t, i.Now.Add(-time.Hour), 24*time.Hour)
	after := i.token(t, i.Now, 24*time.Hour, 5)
	for _, raw := range [][]byte{before, after} {
		if err := c.Put(uri, raw, i.Now); err != nil {
			t.Fatal(err)
		}
	}
	sameSecond := i.token(t, i.Now, 24*time.Hour)
	for name, cache := range map[string]*trust.Cache{"same cache": c, "after a restart": i.cache(t, dir)} {
		t.Run(name, func(t *testing.T) {
			for _, raw := range [][]byte{before, sameSecond} {
				if err := cache.Put(uri, raw, i.Now.Add(time.Minute)); !errors.Is(err, trust.ErrOlder) {
					t.Errorf("error %v, want ErrOlder", err)
				}
			}
			if err := cache.Put(uri, after, i.Now.Add(time.Minute)); err != nil {
				t.Errorf("the list held is refused when it is fetched again: %v", err)
			}
			if a := cache.Lookup(uri, 5, i.Now.Add(time.Minute)); !a.Known || a.Value != 1 {
				t.Errorf("answer %+v, want revoked", a)
			}
		})
	}
}

func TestListsAreKeptOverARestart(t *testing.T) {
	i := newIssuer(t)
	dir := t.TempDir()
	if err := i.cache(t, dir).Put(uri, i.token(t, i.Now, time.Hour, 5), i.Now); err != nil {
		t.Fatal(err)
	}
	names, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil || len(names) != 1 {
		t.Fatalf("%d files (%v), want the list alone", len(names), err)
	}
	c := i.cache(t, dir)
	if len(c.Unusable()) != 0 {
		t.Errorf("unusable: %v", c.Unusable())
	}
	if a := c.Lookup(uri, 5, i.Now); !a.Known || a.Value != 1 {
		t.Errorf("answer %+v, want revoked", a)
	}
	if a := c.Lookup(uri, 6, i.Now.Add(2*time.Hour)); a.Known || !a.Held || a.Age != 2*time.Hour {
		t.Errorf("answer %+v, want a list 2 h old that has expired", a)
	}

	kept, err := os.ReadFile(names[0])
	if err != nil {
		t.Fatal(err)
	}
	for n := range kept { // bit rot anywhere gives the same list or none
		rotten := bytes.Clone(kept)
		rotten[n] ^= 0x10
		if n%7 != 0 && n > 80 { // every byte of the frame, and a sample of the token
			continue
		}
		if err := os.WriteFile(names[0], rotten, 0o600); err != nil {
			t.Fatal(err)
		}
		c := i.cache(t, dir)
		if a := c.Lookup(uri, 5, i.Now); a.Known && a.Value != 1 {
			t.Fatalf("byte %d: a revoked entry reads as %+v", n, a)
		}
		if len(c.Lists(i.Now)) == 0 && len(c.Unusable()) != 1 {
			t.Fatalf("byte %d: the list is gone and nobody says so", n)
		}
	}
}

// TestKeptListsThatCannotBeRead are told with the cause, and left out.
func TestKeptListsThatCannotBeRead(t *testing.T) {
	i := newIssuer(t)
	dir := filepath.Join(t.TempDir(), "lists[1") // any name will do
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := i.cache(t, dir).Put(uri, i.token(t, i.Now, time.Hour, 5), i.Now); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(filepath.Join(dir, "absent"), filepath.Join(dir, "1.statuslist")); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "2.statuslist"), []byte{0xff}, 0o600); err != nil {
		t.Fatal(err)
	}
	c := i.cache(t, dir)
	if a := c.Lookup(uri, 5, i.Now); !a.Known || a.Value != 1 {
		t.Errorf("answer %+v, want revoked", a)
	}
	unusable := c.Unusable()
	if len(unusable) != 2 || !errors.Is(unusable[0], os.ErrNotExist) {
		t.Fatalf("unusable: %v", unusable)
	}
	if _, ok := errors.AsType[*cbor.Error](unusable[1]); !ok {
		t.Errorf("unusable: %v", unusable[1])
	}
}

// TestAPlaceThatIsTaken: a list that cannot take its place on disk is not used, and leaves nothing there.
func TestAPlaceThatIsTaken(t *testing.T) {
	i := newIssuer(t)
	dir := t.TempDir()
	if err := i.cache(t, dir).Put(uri, i.token(t, i.Now, time.Hour), i.Now); err != nil {
		t.Fatal(err)
	}
	names, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil || len(names) != 1 {
		t.Fatalf("%d files, %v", len(names), err)
	}
	if err := errors.Join(os.Remove(names[0]), os.Mkdir(names[0], 0o700)); err != nil {
		t.Fatal(err)
	}
	c, err := trust.NewCache(trust.CacheConfig{Anchors: i.Anchors, Revocation: i.Revocation, Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Put(uri, i.token(t, i.Now, time.Hour), i.Now); err == nil || c.Lookup(uri, 5, i.Now).Held {
		t.Errorf("taken: %v", err)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) != 1 {
		t.Errorf("%d files, %v", len(left), err)
	}
}

// TestPutBounds: an address and a token may have so many bytes, and not one more, whoever signs them.
func TestPutBounds(t *testing.T) {
	i := newIssuer(t)
	good := i.token(t, i.Now, time.Hour)
	frame := len(i.padded(t, good, uri, 1<<20)) - 1<<20
	for name, c := range map[string]struct {
		uri string
		pad int
		ok  bool
	}{
		"address of 2048": {longURI(2048), 0, true}, "address of 2049": {longURI(2049), 0, false},
		"token of 4 MiB": {uri, trust.MaxToken - frame, true}, "token of a byte more": {uri, trust.MaxToken - frame + 1, false},
	} {
		t.Run(name, func(t *testing.T) {
			raw := i.padded(t, good, c.uri, c.pad)
			if c.pad > 0 && (len(raw) <= trust.MaxToken) != c.ok {
				t.Fatalf("%d bytes", len(raw))
			}
			if err := i.cache(t, "").Put(c.uri, raw, i.Now); (err == nil) != c.ok || err != nil && !errors.Is(err, trust.ErrNotTrusted) {
				t.Errorf("error %v", err)
			}
		})
	}
}

// padded signs a token's claims again, with another subject and a private claim of pad bytes.
func (i *issuer) padded(t testing.TB, token []byte, subject string, pad int) []byte {
	t.Helper()
	m, err := cose.ParseTaggedSign1(token)
	if err != nil {
		t.Fatal(err)
	}
	pairs, err := cbor.Pairs(m.Payload())
	if err != nil {
		t.Fatal(err)
	}
	claims := cbor.AppendBytes(cbor.AppendInt(cbor.AppendMapHead(nil, len(pairs)+1), -70000), make([]byte, pad))
	for _, p := range pairs {
		claims = cbor.AppendInt(claims, p.Int)
		if p.Int == 2 {
			claims = cbor.AppendText(claims, subject)
		} else {
			claims = append(claims, p.Value...)
		}
	}
	signed, err := cose.NewSign1(i.key, cose.Headers{X5Chain: i.chain, X5ChainProtected: true,
		Protected: cbor.Map[int64, cbor.RawMessage]{{Key: cose.HeaderType, Value: cbor.AppendText(nil, statuslist.MediaType)}}}, claims)
	if err != nil {
		t.Fatal(err)
	}
	return signed.TaggedBytes()
}

// TestAKeptListUnderAnotherName: an old copy beside the current file cannot take its place.
func TestAKeptListUnderAnotherName(t *testing.T) {
	i := newIssuer(t)
	dir := t.TempDir()
	c := i.cache(t, dir)
	if err := c.Put(uri, i.token(t, i.Now.Add(-time.Hour), 24*time.Hour), i.Now); err != nil {
		t.Fatal(err)
	}
	names, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil || len(names) != 1 {
		t.Fatalf("%d files, %v", len(names), err)
	}
	old, err := os.ReadFile(names[0])
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Put(uri, i.token(t, i.Now, 24*time.Hour, 5), i.Now); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "zz"+filepath.Ext(names[0])), old, 0o600); err != nil {
		t.Fatal(err)
	}
	again := i.cache(t, dir)
	if a := again.Lookup(uri, 5, i.Now); !a.Known || a.Value != 1 || len(again.Unusable()) != 1 {
		t.Errorf("answer %+v, unusable %v", a, again.Unusable())
	}
}

func TestCacheWithoutItsFolderIsAnError(t *testing.T) {
	i := newIssuer(t)
	if _, err := trust.NewCache(trust.CacheConfig{Anchors: i.Anchors, Revocation: i.Revocation, Dir: filepath.Join(t.TempDir(), "absent")}); err == nil {
		t.Error("a cache was made without its folder")
	}
	if _, err := trust.NewCache(trust.CacheConfig{}); err == nil {
		t.Error("a cache was made without anchors")
	}
	if _, err := trust.NewCache(trust.CacheConfig{Anchors: i.Anchors, Revocation: i.Revocation, MaxAge: -1}); err == nil {
		t.Error("a negative age was taken")
	}
}

// TestUnwritableFolderKeepsTheOldList: what cannot be kept is not used, so that a restart never knows less.
func TestUnwritableFolderKeepsTheOldList(t *testing.T) {
	i := newIssuer(t)
	dir := filepath.Join(t.TempDir(), "lists")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	c := i.cache(t, dir)
	if err := os.Remove(dir); err != nil {
		t.Fatal(err)
	}
	if err := c.Put(uri, i.token(t, i.Now, time.Hour), i.Now); err == nil {
		t.Error("a list that could not be kept was taken")
	}
	if a := c.Lookup(uri, 5, i.Now); a.Held {
		t.Error("a list that could not be kept is used")
	}
}

func TestListsAndWanted(t *testing.T) {
	i := newIssuer(t)
	c := i.cache(t, "")
	if err := c.Put(uri, i.token(t, i.Now, time.Hour), i.Now); err != nil {
		t.Fatal(err)
	}
	l := c.Lists(i.Now.Add(30 * time.Minute))
	if len(l) != 1 || !l[0].Usable || l[0].AgeSeconds != 1800 || !l[0].Refresh.Equal(i.Now.Add(5*time.Minute)) {
		t.Errorf("lists %+v", l)
	}
	if l := c.Lists(i.Now.Add(2 * time.Hour)); l[0].Usable || l[0].Why == "" {
		t.Errorf("an expired list reads as usable: %+v", l)
	}
	for n := range 3 * trust.MaxLists {
		c.Lookup(fmt.Sprintf("%s%d", uri, n), 1, i.Now)
	}
	if n := len(c.Wanted()); n != trust.MaxLists {
		t.Errorf("%d wanted addresses, want the bound %d", n, trust.MaxLists)
	}
}

func TestTheNumberOfListsIsBounded(t *testing.T) {
	i := newIssuer(t)
	c := i.cache(t, "")
	for n := range trust.MaxLists {
		at := fmt.Sprintf("%s%d", uri, n)
		if err := c.Put(at, i.tokenFor(t, at, i.Now, time.Hour), i.Now); err != nil {
			t.Fatal(err)
		}
	}
	at := uri + "more"
	if err := c.Put(at, i.tokenFor(t, at, i.Now, time.Hour), i.Now); !errors.Is(err, trust.ErrFull) {
		t.Errorf("error %v, want ErrFull", err)
	}
	at = uri + "0"
	if err := c.Put(at, i.tokenFor(t, at, i.Now.Add(time.Second), time.Hour), i.Now); err != nil {
		t.Errorf("renewing a list of a full cache: %v", err)
	}
}

func TestLoadAnchors(t *testing.T) {
	i := newIssuer(t)
	dir := t.TempDir()
	path := filepath.Join(dir, "iaca.pem")
	if err := os.WriteFile(path, pki.EncodePEM(i.IACA.Raw), 0o600); err != nil {
		t.Fatal(err)
	}
	a, err := trust.LoadAnchors(path)
	if err != nil || len(a.Certificates()) != 1 {
		t.Fatalf("anchors %v, error %v", a, err)
	}
	leaf := filepath.Join(dir, "leaf.pem")
	if err := os.WriteFile(leaf, pki.EncodePEM(i.SignerChain[0]), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := trust.LoadAnchors(leaf); err == nil {
		t.Error("a document signer was taken as an anchor")
	}
	if _, err := trust.LoadAnchors(filepath.Join(dir, "absent.pem")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no file: %v", err)
	}
	one := pki.EncodePEM(i.IACA.Raw)
	for size, good := range map[int]bool{1 << 20: true, 1<<20 + 1: false} { // text between the blocks is skipped
		if err := os.WriteFile(path, append(bytes.Repeat([]byte{'\n'}, size-len(one)), one...), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := trust.LoadAnchors(path); (err == nil) != good {
			t.Errorf("%d bytes: %v", size, err)
		}
	}
}

func FuzzPut(f *testing.F) {
	i := newIssuer(f)
	good := i.token(f, i.Now, time.Hour, 5)
	f.Add(good)
	f.Add(i.token(f, i.Now.Add(-time.Hour), 2*time.Hour))
	f.Fuzz(func(t *testing.T, raw []byte) {
		c := i.cache(t, "")
		if err := c.Put(uri, raw, i.Now); err == nil && c.Lookup(uri, 5, i.Now).Value != 1 && bytes.Contains(raw, good[len(good)-64:]) {
			t.Error("an altered token lost its revocation")
		}
	})
}

var _ mdoc.StatusSource = (*trust.Cache)(nil)

// TestRevokedListSigner: whoever holds a stolen key could sign lists in which nothing is revoked. Once the key's certificate is
// revoked its lists tell of nobody that the document is valid, a new one is not taken, and a list of the next signer is taken
// though it is no newer.
func TestRevokedListSigner(t *testing.T) {
	i := newIssuer(t)
	c := i.cache(t, "")
	if err := c.Put(uri, i.token(t, i.Now, 48*time.Hour, 5), i.Now); err != nil {
		t.Fatal(err)
	}
	ask := func(index uint64) mdoc.StatusAnswer {
		return c.Status(mdoc.StatusQuery{List: &mdoc.StatusListRef{URI: uri, Index: index}, Anchor: i.IACA, At: i.Now})
	}
	if a := ask(7); a.Outcome != verdict.Pass {
		t.Fatalf("%+v", a)
	}
	stolen, err := x509.ParseCertificate(i.chain[0])
	if err != nil {
		t.Fatal(err)
	}
	i.Revoke(t, i.IACA, i.IACAKey, 7, pki.Revocation{Serial: stolen.SerialNumber, Date: i.Now.AddDate(0, 0, -2)})
	if a := ask(7); a.Outcome != verdict.NotRun || !strings.Contains(a.Measured, "signer is revoked") {
		t.Errorf("a valid entry: %+v", a)
	}
	if a := ask(5); a.Outcome != verdict.Fail {
		t.Errorf("a revoked entry: %+v", a)
	}
	if err := c.Put(uri, i.token(t, i.Now.Add(time.Minute), 48*time.Hour), i.Now); !errors.Is(err, trust.ErrNotTrusted) {
		t.Errorf("a new list of the revoked signer: %v", err)
	}
	i.key = world.Key(t)
	next := i.Certificate(t, pki.Template{Profile: pki.StatusSigner, Country: "JP", CommonName: "TEST next status signer",
		NotBefore: i.Now.AddDate(0, -1, 0), NotAfter: i.Now.AddDate(0, 11, 0), CRLURI: "https://issuer.example/crl"}, i.key.Public(), i.IACA, i.IACAKey)
	i.chain = [][]byte{next.Raw}
	if err := c.Put(uri, i.token(t, i.Now.Add(-time.Minute), 48*time.Hour, 5), i.Now); err != nil {
		t.Fatal(err)
	}
	if a := ask(7); a.Outcome != verdict.Pass {
		t.Errorf("after the next signer's list: %+v", a)
	}
}

// TestListSignerUnknown: without a CRL in force nothing is valid.
func TestListSignerUnknown(t *testing.T) {
	i := newIssuer(t)
	c, err := trust.NewCache(trust.CacheConfig{Anchors: i.Anchors, Revocation: pki.NewRevocationLists(i.Anchors)})
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Put(uri, i.token(t, i.Now, time.Hour, 5), i.Now); err != nil {
		t.Fatal(err)
	}
	for index, want := range map[uint64]verdict.Outcome{7: verdict.NotRun, 5: verdict.Fail} {
		if a := c.Status(mdoc.StatusQuery{List: &mdoc.StatusListRef{URI: uri, Index: index}, Anchor: i.IACA, At: i.Now}); a.Outcome != want {
			t.Errorf("entry %d: %+v", index, a)
		}
	}
	if _, err := trust.NewCache(trust.CacheConfig{Anchors: i.Anchors}); err == nil {
		t.Error("a cache without a source for revocation")
	}
}
