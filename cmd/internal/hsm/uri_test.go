package hsm

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"mobileid/issuer/keys"

	"github.com/google/go-cmp/cmp"
)

const tail = "?module-path=/usr/lib/softhsm/libsofthsm2.so&pin-source=file:/etc/pin"

func TestParseURI(t *testing.T) {
	for _, c := range []struct {
		name, text string
		want       URI
	}{
		{"label", "pkcs11:token=tsm;object=scp03-48" + tail, URI{Token: "tsm", Object: "scp03-48"}},
		{"serial, id and type", "pkcs11:serial=DECC0401648;id=%69%95%3E%5C%F4%BD%EC%91;type=private" + tail,
			URI{Serial: "DECC0401648", ID: []byte("i\x95>\\\xF4\xBD\xEC\x91"), Type: "private"}},
		{"maker and model", "pkcs11:manufacturer=SoftHSM%20project;model=SoftHSM%20v2;token=The%20Software%20PKCS%2311%20Softtoken;object=my-certificate" + tail,
			URI{Manufacturer: "SoftHSM project", Model: "SoftHSM v2", Token: "The Software PKCS#11 Softtoken", Object: "my-certificate"}},
		{"another order", "pkcs11:object=k;token=a&b?pin-source=file:///etc/pin&module-path=/usr/lib/softhsm/libsofthsm2.so", URI{Token: "a&b", Object: "k"}},
		{"not ASCII", "pkcs11:token=%E9%8D%B5;object=k" + tail, URI{Token: "鍵", Object: "k"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.want.ModulePath, c.want.PINFile = "/usr/lib/softhsm/libsofthsm2.so", "/etc/pin"
			got, err := ParseURI(c.text)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			again, err := ParseURI(got.String())
			if diff := cmp.Diff(got, again); diff != "" || err != nil {
				t.Errorf("%s: %v\n%s", got, err, diff)
			}
		})
	}
}

func TestParseURIRefuses(t *testing.T) {
	for name, text := range map[string]string{
		"empty":                        "",
		"another scheme":               "file:/key",
		"nothing named":                "pkcs11:",
		"no token":                     "pkcs11:object=k" + tail,
		"no object":                    "pkcs11:token=t" + tail,
		"no module":                    "pkcs11:token=t;object=k?pin-source=file:/etc/pin",
		"module by name":               "pkcs11:token=t;object=k?module-name=softhsm2&pin-source=file:/etc/pin",
		"module by a search path":      "pkcs11:token=t;object=k?module-path=libsofthsm2.so&pin-source=file:/etc/pin",
		"no PIN":                       "pkcs11:token=t;object=k?module-path=/m.so",
		"PIN in the URI":               "pkcs11:token=t;object=k" + tail + "&pin-value=canary",
		"PIN in the URI alone":         "pkcs11:token=t;object=k?module-path=/m.so&pin-value=canary",
		"PIN in the path":              "pkcs11:token=t;object=k;pin-value=canary" + tail,
		"PIN from a program":           "pkcs11:token=t;object=k?module-path=/m.so&pin-source=%7C/bin/canary",
		"PIN from a relative file":     "pkcs11:token=t;object=k?module-path=/m.so&pin-source=file:canary",
		"PIN from another host":        "pkcs11:token=t;object=k?module-path=/m.so&pin-source=file://canary/pin",
		"token twice":                  "pkcs11:token=t;token=t;object=k" + tail,
		"module twice":                 "pkcs11:token=t;object=k" + tail + "&module-path=/m.so",
		"unknown attribute":            "pkcs11:token=t;object=k;canary=1" + tail,
		"unknown in the query":         "pkcs11:token=t;object=k" + tail + "&canary=1",
		"query attribute in the path":  "pkcs11:token=t;object=k;module-path=/m.so" + tail,
		"path attribute in the query":  "pkcs11:token=t" + tail + "&object=k",
		"attribute without value":      "pkcs11:token;object=k" + tail,
		"empty token":                  "pkcs11:token=;object=k" + tail,
		"empty attribute":              "pkcs11:token=t;;object=k" + tail,
		"another type":                 "pkcs11:token=t;object=k;type=cert" + tail,
		"half a percent":               "pkcs11:token=t;object=k%4" + tail,
		"no hex":                       "pkcs11:token=t;object=%GG" + tail,
		"a space":                      "pkcs11:token=t t;object=k" + tail,
		"a slash in the path":          "pkcs11:token=a/b;object=k" + tail,
		"not UTF-8":                    "pkcs11:token=%FF;object=k" + tail,
		"a zero byte in the module":    "pkcs11:token=t;object=k?module-path=/m.so%00.x&pin-source=file:/etc/pin",
		"a second question mark's PIN": "pkcs11:token=t;object=k" + tail + "?pin-value=canary=x%",
		"too long":                     "pkcs11:token=t;object=" + strings.Repeat("k", maxURI) + tail,
	} {
		u, err := ParseURI(text)
		if !errors.Is(err, ErrURI) {
			t.Errorf("%s: %+v, %v", name, u, err)
		} else if strings.Contains(err.Error(), "canary") {
			t.Errorf("%s: the error repeats the URI: %v", name, err)
		}
	}
}

func FuzzParseURI(f *testing.F) {
	f.Add("pkcs11:token=tsm;object=scp03-48" + tail)
	f.Add("pkcs11:serial=DECC0401648;id=%69%95%3E%5C%F4%BD%EC%91;type=private" + tail)
	f.Add("pkcs11:token=a&b;object=k?pin-source=file:///etc/pin&module-path=/m.so")
	f.Fuzz(func(t *testing.T, text string) {
		u, err := ParseURI(text)
		if err != nil {
			return
		}
		again, err := ParseURI(u.String())
		if diff := cmp.Diff(u, again); err != nil && len(u.String()) <= maxURI || err == nil && diff != "" {
			t.Errorf("%q became %q: %v\n%s", text, u.String(), err, diff)
		}
	})
}

func TestPIN(t *testing.T) {
	dir := t.TempDir()
	for _, c := range []struct {
		name, text string
		mode       os.FileMode
		want       string // "" when refused
	}{
		{"good", "1234", 0o600, "1234"},
		{"with its line's end", "1234\r\n", 0o400, "1234"},
		{"with a space", " 12 34 \n", 0o600, " 12 34 "},
		{"empty", "", 0o600, ""},
		{"a line's end", "\n", 0o600, ""},
		{"too long", strings.Repeat("1", maxPIN+1), 0o600, ""},
		{"open to the group", "1234", 0o640, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			path := filepath.Join(dir, c.name)
			if err := errors.Join(os.WriteFile(path, []byte(c.text), 0o600), os.Chmod(path, c.mode)); err != nil {
				t.Fatal(err)
			}
			pin, err := URI{PINFile: path}.pin()
			if string(pin) != c.want || (err == nil) != (c.want != "") {
				t.Errorf("got %q, %v", pin, err)
			}
			if err != nil && strings.Contains(err.Error(), "1234") {
				t.Error("the error holds the PIN")
			}
		})
	}
}

// Signing keys in files are opened as before, and a URI that is wrong says so in every build.
func TestFiles(t *testing.T) {
	var o Opener
	defer o.Close()
	path := "file:" + filepath.Join(t.TempDir(), "key")
	made, err := keys.Generate(path, elliptic.P256())
	if err != nil {
		t.Fatal(err)
	}
	opened, err := o.Signer(path)
	if err != nil || !made.Public().(*ecdsa.PublicKey).Equal(opened.Public()) {
		t.Errorf("signing key: %v", err)
	}
	for _, uri := range []string{"pkcs11:token=t", path} {
		if _, err := o.CMAC(t.Context(), uri); !errors.Is(err, ErrURI) {
			t.Errorf("secret key: %v", err)
		}
	}
	if _, err := o.Signer("pkcs11:token=t"); !errors.Is(err, ErrURI) {
		t.Errorf("signing key: %v", err)
	}
}
