package hsm

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"unicode/utf8"

	"mobileid/cmd/internal/serve"
)

// scheme begins the URI of a key in a module.
const scheme = "pkcs11:"

// maxURI bounds a URI, maxPIN a PIN.
const (
	maxURI = 2 << 10
	maxPIN = 255
)

// ErrURI means that a pkcs11: URI is not one this package takes. The error never repeats the URI.
var ErrURI = errors.New("not a usable pkcs11: URI")

// URI names one key in one token (RFC 7512, 2.3). Empty means: not said.
type URI struct {
	// Token, Serial, Manufacturer and Model choose the token; one of the first two is always there.
	Token, Serial, Manufacturer, Model string
	// Object is the key's CKA_LABEL and ID its CKA_ID; one of them is always there.
	Object string
	ID     []byte
	// Type is the class of the object, "secret-key" or "private".
	Type string
	// ModulePath is the absolute path of the module's library.
	ModulePath string
	// PINFile is the absolute path of the file with the user's PIN.
	PINFile string
}

// Is tells whether a key is named by a pkcs11: URI.
func Is(uri string) bool { return strings.HasPrefix(uri, scheme) }

// ParseURI reads a pkcs11: URI. Refused are: an attribute that it does not know or finds twice, pin-value (a PIN does not
// belong in settings), a pin-source other than a file, a library path that is not absolute, and a URI that names no token,
// no object, no module or no PIN.
func ParseURI(text string) (URI, error) {
	rest, ok := strings.CutPrefix(text, scheme)
	if !ok || len(text) > maxURI {
		return URI{}, fmt.Errorf("%w: it does not begin with %s, or is over %d bytes", ErrURI, scheme, maxURI)
	}
	path, query, _ := strings.Cut(rest, "?")
	var u URI
	seen := make(map[string]bool)
	for _, part := range []struct{ text, separator, allowed string }{{path, ";", "&"}, {query, "&", "/?|"}} {
		for attribute := range strings.SplitSeq(part.text, part.separator) {
			if attribute == "" && part.text == "" {
				continue
			}
			if err := u.take(attribute, part.separator, part.allowed, seen); err != nil {
				return URI{}, fmt.Errorf("%w: %w", ErrURI, err)
			}
		}
	}
	if err := u.complete(); err != nil {
		return URI{}, fmt.Errorf("%w: %w", ErrURI, err)
	}
	return u, nil
}

// take reads one name=value of the path (separator ;) or of the query (&).
func (u *URI) take(attribute, separator, allowed string, seen map[string]bool) error {
	name, encoded, found := strings.Cut(attribute, "=")
	field := u.field(separator + name)
	switch {
	case name == "pin-value":
		return errors.New("pin-value: name a file by pin-source instead")
	case !found || field == nil:
		return errors.New("an attribute that is not known here")
	case seen[name]:
		return fmt.Errorf("%s is given twice", name)
	}
	seen[name] = true
	value, err := unescape(encoded, allowed)
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	if name == "id" {
		u.ID = value
		return nil
	}
	if len(value) == 0 || !utf8.Valid(value) || bytes.ContainsRune(value, 0) {
		return fmt.Errorf("%s is empty or not text", name)
	}
	*field = string(value)
	return nil
}

// field gives the place of an attribute, nil for one that is not known.
func (u *URI) field(name string) *string {
	return map[string]*string{";token": &u.Token, ";serial": &u.Serial, ";manufacturer": &u.Manufacturer, ";model": &u.Model,
		";object": &u.Object, ";id": new(string), ";type": &u.Type, "&module-path": &u.ModulePath, "&pin-source": &u.PINFile}[name]
}

// complete checks what must be there, and takes the path out of pin-source.
func (u *URI) complete() error {
	source, isFile := strings.CutPrefix(u.PINFile, "file:")
	source = strings.TrimPrefix(source, "//")
	switch {
	case u.Token == "" && u.Serial == "":
		return errors.New("neither token nor serial")
	case u.Object == "" && len(u.ID) == 0:
		return errors.New("neither object nor id")
	case u.Type != "" && u.Type != "secret-key" && u.Type != "private":
		return errors.New("type is neither secret-key nor private")
	case !filepath.IsAbs(u.ModulePath):
		return errors.New("module-path is not an absolute path")
	case !isFile || !filepath.IsAbs(source):
		return errors.New("pin-source is not file: with an absolute path")
	}
	u.PINFile = filepath.Clean(source)
	return nil
}

// unescape reads the characters of RFC 7512, 2.3, of which allowed differ between path and query.
func unescape(s, allowed string) ([]byte, error) {
	const both = "-._~:[]@!$'()*+,="
	out := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		c := s[i]
		switch {
		case c == '%':
			if len(s)-i < 3 {
				return nil, errors.New("a percent sign without two hex digits")
			}
			b, err := hex.DecodeString(s[i+1 : i+3])
			if err != nil {
				return nil, errors.New("a percent sign without two hex digits")
			}
			out = append(out, b[0])
			i += 2
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', strings.IndexByte(both, c) >= 0, strings.IndexByte(allowed, c) >= 0:
			out = append(out, c)
		default:
			return nil, errors.New("a character that must be percent-encoded")
		}
	}
	return out, nil
}

// String writes the URI with every other character than letters and digits percent-encoded. ParseURI reads it back.
func (u URI) String() string {
	escape := func(s string) string {
		var b strings.Builder
		for _, c := range []byte(s) {
			if c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '-' || c == '/' {
				b.WriteByte(c)
			} else {
				fmt.Fprintf(&b, "%%%02X", c)
			}
		}
		return b.String()
	}
	var path []string
	for _, a := range [][2]string{{"token", u.Token}, {"serial", u.Serial}, {"manufacturer", u.Manufacturer}, {"model", u.Model},
		{"object", u.Object}, {"id", string(u.ID)}, {"type", u.Type}} {
		if a[1] != "" {
			path = append(path, a[0]+"="+strings.ReplaceAll(escape(a[1]), "/", "%2F"))
		}
	}
	return scheme + strings.Join(path, ";") + "?module-path=" + escape(u.ModulePath) + "&pin-source=file%3A" + escape(u.PINFile)
}

// Name is what an error may say of the key: token and object.
func (u URI) name() string {
	token, object := u.Token, u.Object
	if token == "" {
		token = u.Serial
	}
	if object == "" {
		object = hex.EncodeToString(u.ID[:min(len(u.ID), 16)])
	}
	return fmt.Sprintf("key %q in token %q", object, token)
}

// pin reads the PIN, without the line's end. The caller erases it.
func (u URI) pin() ([]byte, error) {
	pin, err := serve.ReadPrivate(u.PINFile, maxPIN+2)
	if err != nil {
		return nil, fmt.Errorf("reading PIN: %w", err)
	}
	pin = bytes.TrimRight(pin, "\r\n")
	if len(pin) == 0 || len(pin) > maxPIN {
		clear(pin)
		return nil, errors.New("reading PIN: the file is empty, or holds more than a PIN")
	}
	return pin, nil
}
