// Package ceremony makes all that the three services need to start with test identities: the keys of a TEST authority,
// the JPKI-TEST hierarchy behind modelled cards, the secrets of each service, and their settings.
//
// In operation issuer, TSM, verifier, card issuer and the maker of secure elements are different parties, and each makes
// its own; here all of it lies in one folder. Whoever can read that can do everything, so it is closed to all but its
// owner. Nothing secret is printed. State (the stores) is not made here: each service makes its own with -init.
//
// Start at Run.
package ceremony

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"mobileid/issuer/card"
	"mobileid/issuer/card/cardsim"
	"mobileid/issuer/card/jpki/jpkica"
	"mobileid/issuer/keys"
	"mobileid/mdoc/pki"
	"mobileid/tsm"
)

const (
	ownerOnly = 0o600
	anyone    = 0o644
	closed    = 0o700
)

// Run makes a folder that must not exist yet, and says on out what to do next. A failure, and ctx's end, remove what was
// written.
//
//	keys/                    the authority's, see keys.Authority.Save
//	card/                    authority.secret, signature-roots.pem, authentication-roots.pem, municipal-roots.pem,
//	                         deny-list.pem (empty)
//	phone/                   signature.{key,pem} authentication.{key,pem}: the CAs of phone certificates
//	issuer/                  secret, operators, operator.token, counters, counter.token
//	tsm/                     master.key
//	verifier/                token
//	state/                   empty, for what the services make with -init
//	issuer.json tsm.json verifier.json
func Run(ctx context.Context, dir string, out io.Writer) (err error) {
	if dir, err = filepath.Abs(dir); err != nil {
		return fmt.Errorf("holding key ceremony: %w", err)
	}
	if err := os.Mkdir(dir, closed); err != nil {
		return fmt.Errorf("holding key ceremony: %w", err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(fmt.Errorf("holding key ceremony: %w", err), os.RemoveAll(dir)) // made by this call
		}
	}()
	f := folder(dir)
	for _, name := range []string{"card", "phone", "issuer", "tsm", "verifier", "state"} {
		if err := os.Mkdir(f.path(name), closed); err != nil {
			return err
		}
	}
	for _, step := range []func() error{f.authority, f.cards, f.phones, f.secrets, f.settings} {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := step(); err != nil {
			return err
		}
	}
	return f.explain(out)
}

// folder is where a ceremony writes, an absolute path.
type folder string

func (f folder) path(name string) string { return filepath.Join(string(f), filepath.FromSlash(name)) }

func (f folder) authority() error {
	a, err := keys.NewTestAuthority(keys.Ceremony{CRLURI: "http://" + issuerAddr + crlPath})
	if err != nil {
		return err
	}
	return a.Save(f.path("keys"))
}

// cards makes the hierarchy of modelled cards; the issuer gets its public side.
func (f folder) cards() error {
	a, err := cardsim.NewAuthority(cardsim.AuthorityConfig{})
	if err != nil {
		return err
	}
	return folder(f.path("card")).cardAuthority(a)
}

// cardAuthority writes an authority of modelled cards, and what an issuer is configured with.
func (f folder) cardAuthority(a *cardsim.Authority) error {
	private, err := a.Save()
	if err != nil {
		return err
	}
	municipal, err := card.EncodeMunicipalRoots(a.MunicipalRoots())
	if err != nil {
		return err
	}
	return errors.Join(
		f.write(CardAuthority, private, ownerOnly),
		f.write("signature-roots.pem", certificates(a.SignatureRoots()), anyone),
		f.write("authentication-roots.pem", certificates(a.AuthenticationRoots()), anyone),
		f.write("municipal-roots.pem", municipal, anyone),
		f.write("deny-list.pem", nil, anyone))
}

// phoneYears is how long the CAs of phone certificates last: each certificate ends with them at the latest.
const phoneYears = 10

// phones makes the CAs of phone certificates; elements get their certificates at the factory.
func (f folder) phones() error {
	from := time.Now().AddDate(0, 0, -1).Truncate(time.Second)
	for kind, name := range map[jpkica.Kind]string{jpkica.Signature: "signature", jpkica.Authentication: "authentication"} {
		key, err := keys.GenerateRSA("file:" + f.path("phone/"+name+".key"))
		if err != nil {
			return err
		}
		serial, err := jpkica.Serial(rand.Reader)
		if err != nil {
			return err
		}
		ca, err := jpkica.NewCA(jpkica.Profile{Kind: kind, Phone: true}, key, serial, from, from.AddDate(phoneYears, 0, 0))
		if err != nil {
			return err
		}
		if err := f.write("phone/"+name+".pem", pki.EncodePEM(ca.Certificate().Raw), anyone); err != nil {
			return err
		}
	}
	return nil
}

// CardAuthority is the file with the keys that make cards, which cardsim.ParseAuthority reads.
const CardAuthority = "authority.secret"

func certificates(list []*x509.Certificate) []byte {
	var ders [][]byte
	for _, c := range list {
		ders = append(ders, c.Raw)
	}
	return pki.EncodePEM(ders...)
}

func (f folder) secrets() error {
	secret, err := random()
	if err != nil {
		return err
	}
	operator, err := token()
	if err != nil {
		return err
	}
	hash := sha256.Sum256([]byte(operator))
	counter, err := token()
	if err != nil {
		return err
	}
	counterHash := sha256.Sum256([]byte(counter))
	pos, err := token()
	if err != nil {
		return err
	}
	master, err := random()
	if err != nil {
		return err
	}
	if _, err := tsm.NewMasterKey(master, keyVersion); err != nil {
		return err
	}
	return errors.Join(
		f.write("issuer/secret", secret, ownerOnly),
		f.write("issuer/operator.token", []byte(operator+"\n"), ownerOnly),
		f.write("issuer/operators", []byte("desk "+hex.EncodeToString(hash[:])+"\n"), anyone),
		f.write("issuer/counter.token", []byte(counter+"\n"), ownerOnly),
		f.write("issuer/counters", []byte("counter "+hex.EncodeToString(counterHash[:])+"\n"), anyone),
		f.write("tsm/master.key", master, ownerOnly),
		f.write("verifier/token", []byte(pos+"\n"), ownerOnly))
}

func random() ([]byte, error) {
	b := make([]byte, tsm.MasterKeySize)
	_, err := rand.Read(b)
	return b, err
}

// token is 32 random bytes as a bearer token.
func token() (string, error) {
	b, err := random()
	return base64.RawURLEncoding.EncodeToString(b), err
}

// write makes a new file and has it on disk before it returns.
func (f folder) write(name string, data []byte, mode os.FileMode) error {
	file, err := os.OpenFile(f.path(name), os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if err != nil {
		return err
	}
	_, err = file.Write(data)
	return errors.Join(err, file.Sync(), file.Close())
}

func (f folder) explain(out io.Writer) error {
	_, err := fmt.Fprintf(out, `TEST authority written to %[1]s; keep it to yourself.
The roots' keys are in %[1]s/keys/offline: move them away once no more is to be certified; revoking needs them.
The roots' revocation lists speak for 90 days: renew them with mobileid pki crl.
Make the stores, once:
  mobileid-issuer -config %[1]s/issuer.json -init
  mobileid-tsm -config %[1]s/tsm.json -init
  mobileid-verifier -config %[1]s/verifier.json -init
Then run each without -init, and beside them what tells which card certificates are revoked; without it every card is refused:
  mobileid pki jpki-test --dir %[1]s
The page of a municipal counter takes %[1]s/issuer/counter.token.
`, string(f))
	return err
}
