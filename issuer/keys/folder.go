package keys

import (
	"crypto"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"mobileid/mdoc/pki"
)

// The layout of a saved authority. The folder "offline" holds the roots' keys and is meant to be moved away.
const (
	offlineFolder = "offline"
	orderName     = "order"
	pemPublicKey  = "PUBLIC KEY"
	maxCertFile   = 64 << 10
	crlSuffix     = ".crl"
)

type namedRoot struct {
	name string
	root *Root
}

type namedSigner struct {
	name   string
	signer *DocumentSigner
}

func (a *Authority) roots() []namedRoot {
	return []namedRoot{{"iaca", &a.IACA}, {"reader-root", &a.ReaderRoot}, {"se-root", &a.SERoot}}
}

func (a *Authority) signers() []namedSigner {
	return []namedSigner{{"document-signer", &a.DocumentSigner}, {"status-signer", &a.StatusSigner}, {"reader", &a.Reader}}
}

// Save writes the authority to a folder that must not exist yet:
//
//	iaca.pem reader-root.pem se-root.pem                              the trust anchors
//	iaca.crl reader-root.crl                                          their revocation lists, in DER
//	document-signer.{key,pem} status-signer.{key,pem} reader.{key,pem}
//	order.key order.pub                                               the public half is for the TSM
//	offline/{iaca,reader-root,se-root}.key                            to be moved to a safe place
//
// Only keys made by this package can be saved. A failure removes what was written.
func (a *Authority) Save(dir string) (err error) {
	if err := os.Mkdir(dir, 0o700); err != nil {
		return fmt.Errorf("saving authority: %w", err)
	}
	defer func() {
		if err != nil {
			_ = os.RemoveAll(dir) // made by this call
			err = fmt.Errorf("saving authority: %w", err)
		}
	}()
	if err := os.Mkdir(filepath.Join(dir, offlineFolder), 0o700); err != nil {
		return err
	}
	for _, r := range a.roots() {
		if err := saveKey(filepath.Join(dir, offlineFolder, r.name+".key"), r.root.Key); err != nil {
			return err
		}
		if err := writeNew(filepath.Join(dir, r.name+".pem"), pki.EncodePEM(r.root.Certificate), 0o644); err != nil {
			return err
		}
		if len(r.root.CRL) == 0 {
			continue
		}
		if err := writeNew(filepath.Join(dir, r.name+crlSuffix), r.root.CRL, 0o644); err != nil {
			return err
		}
	}
	for _, s := range a.signers() {
		if err := saveKey(filepath.Join(dir, s.name+".key"), s.signer.Key); err != nil {
			return err
		}
		if err := writeNew(filepath.Join(dir, s.name+".pem"), pki.EncodePEM(s.signer.Chain...), 0o644); err != nil {
			return err
		}
	}
	if err := saveKey(filepath.Join(dir, orderName+".key"), a.OrderKey); err != nil {
		return err
	}
	return savePublicKey(filepath.Join(dir, orderName+".pub"), a.OrderKey.Public())
}

func saveKey(path string, key crypto.Signer) error {
	s, ok := key.(*signer)
	if !ok {
		return errors.New("a key of another kind cannot be written down")
	}
	return s.save(path)
}

func savePublicKey(path string, pub crypto.PublicKey) error {
	der, err := x509.MarshalPKIXPublicKey(pub)
	if err != nil {
		return fmt.Errorf("encoding public key: %w", err)
	}
	return writeNew(path, pem.EncodeToMemory(&pem.Block{Type: pemPublicKey, Bytes: der}), 0o644)
}

// OpenAuthority reads what Save wrote and checks that every key is its certificate's. The roots' keys may be gone; then
// Root.Key is nil and nothing can be certified. c gives the names and addresses for what is made later.
func OpenAuthority(dir string, c Ceremony) (*Authority, error) {
	if err := c.defaults(); err != nil {
		return nil, fmt.Errorf("opening authority: %w", err)
	}
	a := &Authority{ceremony: c}
	for _, r := range a.roots() {
		if err := r.root.open(dir, r.name); err != nil {
			return nil, fmt.Errorf("opening authority: %w", err)
		}
	}
	for _, s := range a.signers() {
		var err error
		*s.signer, err = OpenSigner("file:"+filepath.Join(dir, s.name+".key"), filepath.Join(dir, s.name+".pem"))
		if err != nil {
			return nil, fmt.Errorf("opening authority: %w", err)
		}
	}
	var err error
	if a.OrderKey, err = Open("file:" + filepath.Join(dir, orderName+".key")); err != nil {
		return nil, fmt.Errorf("opening authority: %w", err)
	}
	return a, nil
}

func (r *Root) open(dir, name string) error {
	ders, err := readCertificates(filepath.Join(dir, name+".pem"))
	if err != nil {
		return err
	}
	if len(ders) != 1 {
		return fmt.Errorf("%s.pem holds %d certificates", name, len(ders))
	}
	r.Certificate = ders[0]
	if r.CRL, err = readBounded(filepath.Join(dir, name+crlSuffix), pki.MaxCRL); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	key, err := Open("file:" + filepath.Join(dir, offlineFolder, name+".key"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	c, err := x509.ParseCertificate(r.Certificate)
	if err != nil {
		return fmt.Errorf("reading %s.pem: %w", name, err)
	}
	if err := matches(key, c); err != nil {
		return fmt.Errorf("reading %s.pem: %w", name, err)
	}
	r.Key = key
	return nil
}

// OpenSigner opens a key by its URI and its certificate chain from a PEM file, leaf first, and checks that they belong
// together. It does not judge the chain: [NewRing] does.
func OpenSigner(keyURI, chainFile string) (DocumentSigner, error) {
	key, err := Open(keyURI)
	if err != nil {
		return DocumentSigner{}, err
	}
	return WithChain(key, chainFile)
}

// WithChain is [OpenSigner] for a key that is open already, such as one in a hardware security module.
func WithChain(key crypto.Signer, chainFile string) (DocumentSigner, error) {
	chain, err := readCertificates(chainFile)
	if err != nil {
		return DocumentSigner{}, fmt.Errorf("opening signer: %w", err)
	}
	leaf, err := x509.ParseCertificate(chain[0])
	if err != nil {
		return DocumentSigner{}, fmt.Errorf("opening signer: reading %s: %w", chainFile, err)
	}
	if err := matches(key, leaf); err != nil {
		return DocumentSigner{}, fmt.Errorf("opening signer: %s: %w", chainFile, err)
	}
	return DocumentSigner{Key: key, Chain: chain}, nil
}

// OpenPublicKey reads a public key in PEM (RFC 7468, 13), such as order.pub.
func OpenPublicKey(path string) (crypto.PublicKey, error) {
	data, err := readBounded(path, maxCertFile)
	if err != nil {
		return nil, fmt.Errorf("opening public key: %w", err)
	}
	block, _ := pem.Decode(data)
	if block == nil || block.Type != pemPublicKey {
		return nil, fmt.Errorf("opening public key: %s is not a PEM block PUBLIC KEY", path)
	}
	pub, err := x509.ParsePKIXPublicKey(block.Bytes)
	if err != nil {
		return nil, fmt.Errorf("opening public key: %w", err)
	}
	return pub, nil
}

func readCertificates(path string) ([][]byte, error) {
	data, err := readBounded(path, maxCertFile)
	if err != nil {
		return nil, err
	}
	ders, err := pki.DecodePEM(data)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return ders, nil
}

func readBounded(path string, limit int64) ([]byte, error) {
	f, err := os.Open(path) //nolint:gosec // the operator names the file
	if err != nil {
		return nil, err
	}
	defer f.Close() //nolint:errcheck // opened for reading
	data, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err != nil {
		return nil, err
	}
	if int64(len(data)) > limit {
		return nil, fmt.Errorf("%s is larger than %d bytes", path, limit)
	}
	return data, nil
}
