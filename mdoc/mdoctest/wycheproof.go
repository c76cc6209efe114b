package mdoctest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// WycheproofCase is one case of a file of that collection. Texts are hex; which of them a file has depends on its kind.
type WycheproofCase struct {
	TcID    int      `json:"tcId"`
	Comment string   `json:"comment"`
	Flags   []string `json:"flags"`
	Result  string   `json:"result"` // valid, invalid or acceptable
	Public  string   `json:"public"`
	Private string   `json:"private"`
	Shared  string   `json:"shared"`
	Msg     string   `json:"msg"`
	Sig     string   `json:"sig"`
	Key     string   `json:"key"`
	IV      string   `json:"iv"`
	AAD     string   `json:"aad"`
	CT      string   `json:"ct"`
	Tag     string   `json:"tag"`
	IKM     string   `json:"ikm"`
	Salt    string   `json:"salt"`
	Info    string   `json:"info"`
	Size    int      `json:"size"` // bytes
	OKM     string   `json:"okm"`
}

// WycheproofGroup holds the cases of one key, or of one set of sizes. Sizes are in bits.
type WycheproofGroup struct {
	Kind     string           `json:"type"`
	Source   json.RawMessage  `json:"source"`
	Curve    string           `json:"curve"`
	Encoding string           `json:"encoding"`
	SHA      string           `json:"sha"`
	KeySize  int              `json:"keySize"`
	IVSize   int              `json:"ivSize"`
	TagSize  int              `json:"tagSize"`
	Tests    []WycheproofCase `json:"tests"`
	wycheproofKeys
}

type wycheproofFile struct {
	Algorithm     string            `json:"algorithm"`
	Schema        string            `json:"schema"`
	NumberOfTests int               `json:"numberOfTests"`
	Header        json.RawMessage   `json:"header"`
	Notes         json.RawMessage   `json:"notes"`
	TestGroups    []WycheproofGroup `json:"testGroups"`
}

// LoadWycheproof reads wycheproof/NAME.json. A file that contradicts itself, its name, or what is known of it fails the test.
func LoadWycheproof(tb testing.TB, name string) []WycheproofGroup {
	tb.Helper()
	data, err := os.ReadFile(filepath.Join(Vectors(tb), "wycheproof", name+".json"))
	if err != nil {
		tb.Fatal(err)
	}
	groups, err := ReadWycheproof(name, data)
	if err != nil {
		tb.Fatalf("wycheproof/%s.json: %v", name, err)
	}
	return groups
}

// wycheproofSays is what every group of a file must name, by its name, and how many cases have which result, by the collection's
// description.
type wycheproofSays struct {
	algorithm, kind, curve, sha string
	valid, invalid, acceptable  int
	numbers                     [][2]int // first and last of the numbers in use; nil: from 1 on
}

func wycheproofNamed(name string) (wycheproofSays, bool) {
	const p1363, rsa = "EcdsaP1363Verify", "RSASSA-PKCS1-v1_5"
	says, ok := map[string]wycheproofSays{
		"aes_cmac_test":                     {"AES-CMAC", "MacTest", "", "", 63, 248, 0, nil},
		"aes_gcm_test":                      {"AES-GCM", "AeadTest", "", "", 229, 87, 0, nil},
		"hmac_sha256_test":                  {"HMACSHA256", "MacTest", "", "", 66, 108, 0, nil},
		"hkdf_sha256_test":                  {"HKDF-SHA-256", "HkdfTest", "", "", 83, 3, 0, nil},
		"ecdh_secp256r1_ecpoint_test":       {"ECDH", "EcdhEcpointTest", "secp256r1", "", 330, 24, 1, nil},
		"ecdh_secp384r1_ecpoint_test":       {"ECDH", "EcdhEcpointTest", "secp384r1", "", 771, 18, 1, nil},
		"ecdh_secp256r1_test":               {"ECDH", "EcdhTest", "secp256r1", "", 330, 52, 230, nil},
		"ecdh_secp384r1_test":               {"ECDH", "EcdhTest", "secp384r1", "", 771, 46, 230, nil},
		"x25519_test":                       {"XDH", "XdhComp", "curve25519", "", 264, 0, 254, nil},
		"ecdsa_secp256r1_sha256_test":       {"ECDSA", "EcdsaVerify", "secp256r1", "SHA-256", 174, 310, 0, nil},
		"ecdsa_secp384r1_sha384_test":       {"ECDSA", "EcdsaVerify", "secp384r1", "SHA-384", 194, 310, 0, nil},
		"ecdsa_secp256r1_sha256_p1363_test": {"ECDSA", p1363, "secp256r1", "SHA-256", 173, 89, 0, nil},
		"ecdsa_secp384r1_sha384_p1363_test": {"ECDSA", p1363, "secp384r1", "SHA-384", 193, 87, 0, nil},
		"rsa_signature_2048_sha256_test":    {rsa, "RsassaPkcs1Verify", "", "SHA-256", 9, 249, 1, nil},
		"rsa_pkcs1_2048_sig_gen_test":       {rsa, "RsassaPkcs1Generate", "", "", 32, 0, 11, [][2]int{{65, 104}, {154, 155}, {158, 158}}},
	}[name]
	return says, ok
}

// ReadWycheproof reads the bytes of the file NAME.json of the collection and holds it against itself: the numbers of its cases,
// how many of them have which result, the sizes, and the forms in which it writes one key. Every key of its JSON is known here.
func ReadWycheproof(name string, data []byte) ([]WycheproofGroup, error) {
	says, ok := wycheproofNamed(name)
	if !ok {
		return nil, errors.New("nothing is known of the file")
	}
	var file wycheproofFile
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	if err := d.Decode(&file); err != nil {
		return nil, err
	}
	if file.Algorithm != says.algorithm {
		return nil, fmt.Errorf("algorithm %q, want %q", file.Algorithm, says.algorithm)
	}
	var errs []error
	var ids []int
	results := map[string]int{}
	for i, g := range file.TestGroups {
		if err := g.check(says); err != nil {
			errs = append(errs, fmt.Errorf("group %d: %w", i, err))
		}
		for _, c := range g.Tests {
			ids = append(ids, c.TcID)
			results[c.Result]++
		}
	}
	if want := says.ids(); !slices.Equal(ids, want) || file.NumberOfTests != len(want) {
		errs = append(errs, fmt.Errorf("the numbers of %d cases, %d stated, are not as known", len(ids), file.NumberOfTests))
	}
	if results["valid"] != says.valid || results["invalid"] != says.invalid || results["acceptable"] != says.acceptable {
		errs = append(errs, fmt.Errorf("results %v, want %d, %d and %d", results, says.valid, says.invalid, says.acceptable))
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	return file.TestGroups, nil
}

// ids are the numbers of the cases, in order.
func (s wycheproofSays) ids() []int {
	numbers := s.numbers
	if numbers == nil {
		numbers = [][2]int{{1, s.valid + s.invalid + s.acceptable}}
	}
	var out []int
	for _, r := range numbers {
		for id := r[0]; id <= r[1]; id++ {
			out = append(out, id)
		}
	}
	return out
}

// check holds a group against what the file's name says and its cases against the group's sizes.
func (g *WycheproofGroup) check(says wycheproofSays) error {
	switch {
	case g.Kind != says.kind:
		return fmt.Errorf("kind %q, want %q", g.Kind, says.kind)
	case says.sha != "" && g.SHA != says.sha:
		return fmt.Errorf("hash %q, want %q", g.SHA, says.sha)
	case says.algorithm == "AES-CMAC" && g.TagSize != 128: // a whole block, also where a wrong key size leaves no tag to measure
		return fmt.Errorf("tags of %d bits, want 128", g.TagSize)
	}
	switch g.Kind {
	case "EcdhEcpointTest", "EcdhTest", "XdhComp":
		if g.Curve != says.curve {
			return fmt.Errorf("curve %q, want %q", g.Curve, says.curve)
		}
	case "EcdsaVerify", "EcdsaP1363Verify":
		return g.ec(says.curve)
	case "RsassaPkcs1Verify", "RsassaPkcs1Generate":
		return g.rsa()
	default:
		return g.sizes()
	}
	return nil
}

func (g *WycheproofGroup) sizes() error {
	for _, c := range g.Tests {
		switch {
		case 4*(len(c.Key)+len(c.IKM)) != g.KeySize:
			return fmt.Errorf("case %d: no key of %d bits", c.TcID, g.KeySize)
		case 4*len(c.IV) != g.IVSize:
			return fmt.Errorf("case %d: no nonce of %d bits", c.TcID, g.IVSize)
		case 4*len(c.Tag) != g.TagSize && c.Tag != "":
			return fmt.Errorf("case %d: no tag of %d bits", c.TcID, g.TagSize)
		case len(c.OKM) != 2*c.Size && c.OKM != "":
			return fmt.Errorf("case %d: not %d bytes", c.TcID, c.Size)
		}
	}
	return nil
}
