package statuslist_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"mobileid/mdoc/cbor"
	"mobileid/mdoc/cose"
	"mobileid/mdoc/mdoctest"
	"mobileid/mdoc/pki"
	"mobileid/mdoc/statuslist"
	"mobileid/mdoc/verdict"
)

func readVector(tb testing.TB, name string) []byte {
	tb.Helper()
	data, err := os.ReadFile(filepath.Join(mdoctest.Vectors(tb), "status-list", name))
	if err != nil {
		tb.Fatal(err)
	}
	return data
}

// checkValues compares every entry: those named, and the default for all others.
func checkValues(t *testing.T, l *statuslist.List, want map[uint64]uint8, size uint64) {
	t.Helper()
	if l.Len() != size {
		t.Fatalf("%d entries, expected %d", l.Len(), size)
	}
	for i := range size {
		got, err := l.At(i)
		if err != nil || got != want[i] {
			t.Fatalf("entry %d is %d (%v), expected %d", i, got, err, want[i])
		}
	}
	if _, err := l.At(size); err == nil {
		t.Error("an entry past the end")
	}
}

// fill makes the list anew from its values.
func fill(t *testing.T, bits int, raw int, want map[uint64]uint8) *statuslist.List {
	t.Helper()
	l, err := statuslist.FromBytes(bits, make([]byte, raw))
	if err != nil {
		t.Fatal(err)
	}
	for i, v := range want {
		if err := l.Set(i, v); err != nil {
			t.Fatal(err)
		}
	}
	return l
}

func TestSmallLists(t *testing.T) {
	var file struct {
		Vectors []struct {
			Name   string `json:"name"`
			Bits   int    `json:"bits"`
			Bytes  string `json:"byte_array_hex"`
			CBOR   string `json:"status_list_cbor_hex"`
			Values []int  `json:"values_by_index"`
		} `json:"vectors"`
	}
	mdoctest.ReadJSON(t, "status-list/lists-small.json", &file)
	if len(file.Vectors) == 0 {
		t.Fatal("no vectors")
	}
	for _, c := range file.Vectors {
		t.Run(c.Name, func(t *testing.T) {
			l, err := statuslist.Decode(mdoctest.Hex(t, c.CBOR))
			if err != nil {
				t.Fatal(err)
			}
			if l.Bits() != c.Bits || hex.EncodeToString(l.Bytes()) != c.Bytes {
				t.Errorf("%d bits, bytes %x", l.Bits(), l.Bytes())
			}
			want := map[uint64]uint8{}
			for i, v := range c.Values {
				want[uint64(i)] = uint8(v)
			}
			checkValues(t, l, want, uint64(len(c.Values)))
			again := fill(t, c.Bits, len(c.Bytes)/2, want)
			if !bytes.Equal(again.Bytes(), l.Bytes()) {
				t.Errorf("set by value: %x", again.Bytes())
			}
		})
	}
}

func TestLargeLists(t *testing.T) {
	var file struct {
		Vectors []struct {
			Bits    int              `json:"bits"`
			Entries uint64           `json:"entries"`
			Raw     int              `json:"raw_bytes"`
			SHA256  string           `json:"raw_sha256"`
			CBOR    string           `json:"status_list_cbor_hex"`
			Values  map[string]uint8 `json:"values_by_index"`
		} `json:"vectors"`
	}
	mdoctest.ReadJSON(t, "status-list/lists-2pow20.json", &file)
	if len(file.Vectors) != 4 {
		t.Fatalf("%d vectors, expected 4", len(file.Vectors))
	}
	for _, c := range file.Vectors {
		t.Run(strconv.Itoa(c.Bits)+" bits", func(t *testing.T) {
			l, err := statuslist.Decode(mdoctest.Hex(t, c.CBOR))
			if err != nil {
				t.Fatal(err)
			}
			if sum := sha256.Sum256(l.Bytes()); hex.EncodeToString(sum[:]) != c.SHA256 || len(l.Bytes()) != c.Raw {
				t.Errorf("%d bytes with digest %x", len(l.Bytes()), sum)
			}
			want := map[uint64]uint8{}
			for i, v := range c.Values {
				n, err := strconv.ParseUint(i, 10, 64)
				if err != nil {
					t.Fatal(err)
				}
				want[n] = v
			}
			checkValues(t, l, want, c.Entries)
			again := fill(t, c.Bits, c.Raw, want)
			if !bytes.Equal(again.Bytes(), l.Bytes()) {
				t.Error("set by value, the list differs")
			}
			encoded, err := statuslist.Encode(again)
			if err != nil {
				t.Fatal(err)
			}
			back, err := statuslist.Decode(encoded)
			if err != nil || !bytes.Equal(back.Bytes(), l.Bytes()) || back.Bits() != c.Bits {
				t.Errorf("encoded and decoded, the list differs: %v", err)
			}
		})
	}
}

func exampleKey(t *testing.T) *ecdsa.PublicKey {
	t.Helper()
	var jwk struct{ X, Y string }
	if err := json.Unmarshal(readVector(t, "signing-key.jwk"), &jwk); err != nil {
		t.Fatal(err)
	}
	point := []byte{4}
	for _, s := range []string{jwk.X, jwk.Y} {
		b, err := base64.RawURLEncoding.DecodeString(s)
		if err != nil {
			t.Fatal(err)
		}
		point = append(point, b...)
	}
	key, err := ecdsa.ParseUncompressedPublicKey(elliptic.P256(), point)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// TestDraftToken takes the draft's own token. It has no x5chain, so its signature is checked with the published key,
// and an mdoc's reader refuses it for that and for nothing else.
func TestDraftToken(t *testing.T) {
	var file struct {
		StatusList struct {
			CWT struct {
				Hex string `json:"hex"`
			} `json:"status_list_cwt"`
			Lists []struct {
				Bits     int         `json:"bits"`
				CBOR     string      `json:"cbor"`
				Raw      string      `json:"raw"`
				Statuses []int       `json:"statuses"`
				Entries  uint64      `json:"entries"`
				NonZero  [][2]uint64 `json:"non_zero"`
			} `json:"lists"`
		} `json:"status_list"`
	}
	mdoctest.ReadJSON(t, "iso18013-5/revocation.json", &file)
	anchors, err := pki.ParseAnchorsPEM(readVector(t, "mdoc-iaca.pem"))
	if err != nil {
		t.Fatal(err)
	}
	for name, token := range map[string]string{
		"draft repository":  strings.TrimSpace(string(readVector(t, "token.cwt.hex"))),
		"revocation pieces": file.StatusList.CWT.Hex,
	} {
		t.Run(name, func(t *testing.T) {
			raw := mdoctest.Hex(t, token)
			m, err := cose.ParseTaggedSign1(raw)
			if err != nil {
				t.Fatal(err)
			}
			if err := m.Verify(exampleKey(t)); err != nil {
				t.Fatal(err)
			}
			s, err := statuslist.Parse(raw)
			if err != nil {
				t.Fatal(err)
			}
			got, v, err := s.Verify(anchors, "https://example.com/statuslists/1", time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC))
			if err != nil || got.List != nil {
				t.Errorf("error %v, list given %v", err, got.List != nil)
			}
			if diff := cmp.Diff([]string{"status.token.x5chain"}, failedIDs(v)); diff != "" {
				t.Errorf("failed checks (-want +got):\n%s%s", diff, v)
			}
			var claims struct {
				List cbor.RawMessage `cbor:"65533,keyasint"`
			}
			if err := cbor.Unmarshal(m.Payload(), &claims); err != nil {
				t.Fatal(err)
			}
			if l, err := statuslist.Decode(claims.List); err != nil || hex.EncodeToString(l.Bytes()) != "b9a3" {
				t.Errorf("list: %v", err)
			}
		})
	}
	for i, c := range file.StatusList.Lists {
		t.Run(fmt.Sprintf("list %d of %d bits", i, c.Bits), func(t *testing.T) {
			l, err := statuslist.Decode(mdoctest.Hex(t, c.CBOR))
			if err != nil {
				t.Fatal(err)
			}
			want, size := map[uint64]uint8{}, c.Entries
			for i, v := range c.Statuses {
				want[uint64(i)], size = uint8(v), uint64(len(c.Statuses))
			}
			for _, pair := range c.NonZero {
				want[pair[0]] = uint8(pair[1])
			}
			if c.Raw != "" && hex.EncodeToString(l.Bytes()) != c.Raw {
				t.Errorf("bytes %x", l.Bytes())
			}
			if l.Bits() != c.Bits || len(want) == 0 {
				t.Errorf("%d bits, %d values to compare", l.Bits(), len(want))
			}
			checkValues(t, l, want, size)
		})
	}
	if len(file.StatusList.Lists) == 0 {
		t.Error("no lists")
	}
}

func failedIDs(v verdict.Verdict) []string {
	var ids []string
	for _, c := range v.Failed() {
		ids = append(ids, c.ID)
	}
	slices.Sort(ids)
	return ids
}

// refusals names, for each case that must be refused, the checks that must say so; "parse" means that the token is not
// even well-formed. The two cases marked as policy in the file (x5chain unprotected, two bits an entry) are refused:
// public implementations of the second edition do the same, and an issuer of ours writes neither.
var refusals = map[string][]string{
	"position one past the end":                {"status.token.index"},
	"token expired":                            {"status.token.expiry"},
	"issued in the future":                     {"status.token.issued_at"},
	"sub is not the uri of the MSO":            {"status.token.subject"},
	"type header missing":                      {"status.token.type"},
	"type header of the JWT form":              {"status.token.type"},
	"no exp":                                   {"status.token.expiry"},
	"CWT tag 61 around it":                     {"parse"},
	"no COSE tag":                              {"parse"},
	"signature altered":                        {"status.token.signature"},
	"signer under another root":                {"status.token.chain"},
	"x5chain in the unprotected header":        {"status.token.x5chain"},
	"two bits per entry":                       {"status.token.bits"},
	"lst is raw DEFLATE without a zlib header": {"status.token.list"},
	"lst with a wrong Adler-32":                {"status.token.list"},
	"lst as base64url text":                    {"status.token.list"},
	"no status_list claim":                     {"status.token.list"},
}

func TestMdocCases(t *testing.T) {
	var file struct {
		Vectors []struct {
			Name   string    `json:"name"`
			Token  string    `json:"token_hex"`
			URI    string    `json:"uri"`
			Index  uint64    `json:"idx"`
			At     time.Time `json:"at"`
			Expect string    `json:"expect"`
		} `json:"vectors"`
	}
	mdoctest.ReadJSON(t, "status-list/mdoc-cwt-cases.json", &file)
	if len(file.Vectors) != 22 {
		t.Fatalf("%d cases, expected 22", len(file.Vectors))
	}
	anchors, err := pki.ParseAnchorsPEM(readVector(t, "mdoc-iaca.pem"))
	if err != nil {
		t.Fatal(err)
	}
	signer, err := pki.DecodePEM(readVector(t, "mdoc-revocation-signer.pem"))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range file.Vectors {
		t.Run(c.Name, func(t *testing.T) {
			// The private keys are gone, so the signer's own path stands for a document signer's under the same root.
			issuer, _, err := anchors.Check(signer, pki.StatusSigner, time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC))
			if err != nil || !issuer.Trusted() {
				t.Fatal("the signer of the vectors is not trusted:", err)
			}
			got, failed := readStatus(t, mdoctest.Hex(t, c.Token), anchors, c.URI, c.Index, c.At, issuer)
			if got != c.Expect {
				t.Errorf("%s, expected %s", got, c.Expect)
			}
			if diff := cmp.Diff(refusals[c.Name], failed); diff != "" {
				t.Errorf("failed checks (-want +got):\n%s", diff)
			}
		})
	}
}

func readStatus(t *testing.T, raw []byte, anchors *pki.Anchors, uri string, index uint64, at time.Time, issuer *pki.Chain) (string, []string) {
	t.Helper()
	s, err := statuslist.Parse(raw)
	if err != nil {
		return "reject", []string{"parse"}
	}
	token, v, err := s.Verify(anchors, uri, at)
	if err != nil {
		t.Fatal(err)
	}
	if !v.OK() {
		return "reject", failedIDs(v)
	}
	value, looked := token.Status(index, issuer.Anchor)
	switch {
	case !looked.OK():
		return "reject", failedIDs(looked)
	case value == statuslist.Valid:
		return "VALID", nil
	default:
		return "INVALID", nil
	}
}
