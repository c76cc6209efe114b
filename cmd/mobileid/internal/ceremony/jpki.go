package ceremony

import (
	"context"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"mobileid/cmd/internal/serve"
	"mobileid/issuer/card/cardsim"
	"mobileid/issuer/card/jpki/jpkisim"
	"mobileid/mdoc/pki"
)

// Bounds of what is read of a folder of revoked certificates.
const (
	maxRevoked   = 1000
	maxAuthority = 1 << 20
	headerTime   = 5 * time.Second
	answerTime   = 30 * time.Second
	shutdownTime = 5 * time.Second
)

// ServeJPKI serves lists and OCSP answers of the JPKI-TEST authority of a folder that Run made, until ctx ends. What is revoked lies in
// card/revoked/REASON/ as PEM files of certificates, REASON being affiliationChanged, superseded, cessationOfOperation or certificateHold; the
// folder is read for each request, so that a file put there revokes, and a file taken away from certificateHold releases.
func ServeJPKI(ctx context.Context, dir, address string, out io.Writer) error {
	handler, err := jpkiHandler(dir, time.Now)
	if err != nil {
		return fmt.Errorf("serving JPKI-TEST: %w", err)
	}
	var listen net.ListenConfig
	l, err := listen.Listen(ctx, "tcp", address)
	if err != nil {
		return fmt.Errorf("serving JPKI-TEST: %w", err)
	}
	server := &http.Server{Handler: handler, ReadHeaderTimeout: headerTime, ReadTimeout: answerTime, WriteTimeout: answerTime}
	fmt.Fprintf(out, "JPKI-TEST answers at http://%s; revoked certificates are in %s\n", l.Addr(), filepath.Join(dir, "card", "revoked"))
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(l) }()
	select {
	case err := <-ended:
		return fmt.Errorf("serving JPKI-TEST: %w", err)
	case <-ctx.Done():
	}
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdownTime)
	defer cancel()
	err = server.Shutdown(last)
	<-ended
	return err
}

func jpkiHandler(dir string, now func() time.Time) (http.Handler, error) {
	cards, err := openCardAuthority(dir, cardsim.AuthorityConfig{Now: now})
	if err != nil {
		return nil, err
	}
	pair, err := jpkisim.New(cards, now)
	if err != nil {
		return nil, err
	}
	inner := pair.Handler()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		revoked, err := revokedIn(filepath.Join(dir, "card", "revoked"))
		if err == nil {
			err = pair.Replace(revoked)
		}
		if err != nil { // a list that leaves something out would let it pass
			http.Error(w, "the folder of revoked certificates cannot be read", http.StatusServiceUnavailable)
			return
		}
		inner.ServeHTTP(w, r)
	}), nil
}

// revokedIn reads the folder; one that is not there is empty.
func revokedIn(dir string) (map[*x509.Certificate]pki.Reason, error) {
	revoked := map[*x509.Certificate]pki.Reason{}
	reasons, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return revoked, nil
	}
	if err != nil {
		return nil, err
	}
	for _, folder := range reasons {
		reason, err := pki.ParseReason(folder.Name())
		if err != nil {
			return nil, err
		}
		files, err := os.ReadDir(filepath.Join(dir, folder.Name()))
		if err != nil {
			return nil, err
		}
		for _, f := range files {
			if len(revoked) == maxRevoked {
				return nil, fmt.Errorf("more than %d certificates", maxRevoked)
			}
			c, err := readCertificate(filepath.Join(dir, folder.Name(), f.Name()))
			if err != nil {
				return nil, err
			}
			revoked[c] = reason
		}
	}
	return revoked, nil
}

func readCertificate(path string) (*x509.Certificate, error) {
	text, err := serve.ReadFile(path, maxPEM)
	if err != nil {
		return nil, err
	}
	block, _ := pem.Decode(text)
	if block == nil || block.Type != "CERTIFICATE" {
		return nil, errors.New("not a certificate in PEM")
	}
	return x509.ParseCertificate(block.Bytes)
}
