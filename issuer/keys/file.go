package keys

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"mobileid/mdoc/cose"
)

const (
	pemPrivateKey = "PRIVATE KEY"
	keyMode       = 0o600
	maxKeyFile    = 8 << 10
)

// ErrMode is returned for a key file that others than its owner might read or write, or that is not mode 0600.
var ErrMode = errors.New("key file is not of mode 0600")

// Open gives the signing key under a URI "file:PATH": an ECDSA key on P-256, P-384 or P-521 that signs after RFC 6979.
func Open(uri string) (crypto.Signer, error) { return open(uri, takeECDSA) }

// open reads a key file. take refuses what PKCS#8 held when it is of another kind than is due.
func open(uri string, take func(parsed any) (*signer, error)) (crypto.Signer, error) {
	path, err := filePath(uri)
	if err != nil {
		return nil, fmt.Errorf("opening key: %w", err)
	}
	data, err := readKeyFile(path)
	if err != nil {
		return nil, fmt.Errorf("opening key: %w", err)
	}
	defer clear(data)
	parsed, err := parsePKCS8(data)
	if err != nil {
		return nil, fmt.Errorf("opening key %s: %w", path, err)
	}
	s, err := take(parsed)
	if err != nil {
		return nil, fmt.Errorf("opening key %s: %w", path, err)
	}
	return s, nil
}

// Generate makes a key and writes it to a URI "file:PATH" that must not exist yet. The key is on disk, synced, before
// Generate returns.
func Generate(uri string, curve elliptic.Curve) (crypto.Signer, error) {
	path, err := filePath(uri)
	if err != nil {
		return nil, fmt.Errorf("generating key: %w", err)
	}
	s, err := generate(curve)
	if err != nil {
		return nil, err
	}
	if err := s.save(path); err != nil {
		return nil, fmt.Errorf("generating key: %w", err)
	}
	return s, nil
}

func generate(curve elliptic.Curve) (*signer, error) {
	switch curve {
	case elliptic.P256(), elliptic.P384(), elliptic.P521():
	default:
		return nil, errors.New("generating key: the curve must be P-256, P-384 or P-521")
	}
	key, err := ecdsa.GenerateKey(curve, rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("generating key: %w", err)
	}
	return newSigner(key), nil
}

// filePath takes the path out of "file:PATH" and of "file:///PATH" (RFC 8089); a host is refused.
func filePath(uri string) (string, error) {
	scheme, path, found := strings.Cut(uri, ":")
	if !found || path == "" {
		return "", errors.New("a key is named file:PATH")
	}
	if scheme != "file" {
		return "", fmt.Errorf("scheme %q is not taken here, only file", clip(scheme))
	}
	if rest, host := strings.CutPrefix(path, "//"); host {
		if !strings.HasPrefix(rest, "/") {
			return "", errors.New("a file URI with a host")
		}
		path = rest
	}
	return filepath.Clean(path), nil
}

func clip(s string) string { return s[:min(len(s), 16)] }

// readKeyFile checks mode and kind on the open file, so that nothing can be put in its place in between.
func readKeyFile(path string) ([]byte, error) {
	f, err := os.Open(path) //nolint:gosec // the operator names the file
	if err != nil {
		return nil, err
	}
	defer f.Close() //nolint:errcheck // opened for reading
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s is not a regular file", path)
	}
	if info.Mode().Perm() != keyMode {
		return nil, fmt.Errorf("%s has mode %04o: %w", path, info.Mode().Perm(), ErrMode)
	}
	data, err := io.ReadAll(io.LimitReader(f, maxKeyFile+1))
	if err != nil {
		return nil, err
	}
	if len(data) > maxKeyFile {
		return nil, fmt.Errorf("%s is larger than %d bytes", path, maxKeyFile)
	}
	return data, nil
}

func parsePKCS8(data []byte) (any, error) {
	block, rest := pem.Decode(data)
	if block == nil || block.Type != pemPrivateKey || len(bytes.TrimSpace(rest)) != 0 {
		return nil, errors.New("not exactly one PEM block PRIVATE KEY")
	}
	defer clear(block.Bytes)
	parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, errors.New("not PKCS#8")
	}
	return parsed, nil
}

func takeECDSA(parsed any) (*signer, error) {
	key, ok := parsed.(*ecdsa.PrivateKey)
	if !ok {
		return nil, errors.New("not an ECDSA key")
	}
	if _, err := cose.AlgorithmFor(&key.PublicKey); err != nil {
		return nil, err
	}
	return newSigner(key), nil
}

// save writes the key to a new file.
func (s *signer) save(path string) error {
	der, err := x509.MarshalPKCS8PrivateKey(s.key)
	if err != nil {
		return fmt.Errorf("encoding key: %w", err)
	}
	defer clear(der)
	data := pem.EncodeToMemory(&pem.Block{Type: pemPrivateKey, Bytes: der})
	defer clear(data)
	return writeNew(path, data, keyMode)
}

// writeNew creates a file with its content, synced, and removes it again when that fails halfway. A file that exists
// is left alone.
func writeNew(path string, data []byte, mode fs.FileMode) (err error) {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode) //nolint:gosec // the operator names the file
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = os.Remove(path)
		}
	}()
	_, err = f.Write(data)
	if err == nil {
		err = f.Chmod(mode) // a umask may have taken bits away, never added any
	}
	if err == nil {
		err = f.Sync()
	}
	if closing := f.Close(); err == nil {
		err = closing
	}
	if err != nil {
		return err
	}
	return syncFolder(filepath.Dir(path))
}

func syncFolder(path string) error {
	d, err := os.Open(path) //nolint:gosec // the folder of a file just written
	if err != nil {
		return err
	}
	err = d.Sync()
	if closing := d.Close(); err == nil {
		err = closing
	}
	return err
}
