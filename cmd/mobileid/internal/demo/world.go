package demo

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"mobileid/cmd/internal/phone"
	"mobileid/cmd/internal/serve"
	"mobileid/issuer"
	"mobileid/issuer/card/cardsim"
	"mobileid/issuer/card/jpki"
	"mobileid/issuer/card/jpki/jpkisim"
	issuerapi "mobileid/issuer/httpapi"
	"mobileid/issuer/keys"
	"mobileid/issuer/revocation"
	issuerstore "mobileid/issuer/store"
	"mobileid/issuer/tsmclient"
	"mobileid/mdoc/apdu"
	"mobileid/mdoc/pki"
	"mobileid/tsm"
	"mobileid/tsm/applet"
	tsmapi "mobileid/tsm/httpapi"
	"mobileid/tsm/issuerclient"
	"mobileid/tsm/se"
	tsmstore "mobileid/tsm/store"
)

// keyVersion is the version of the secure element's SCP03 keys.
const keyVersion = 0x30

// world holds all parties of one run.
type world struct {
	options Options
	rec     *recorder
	dir     string // temporary; removed at the end

	authority *keys.Authority
	cards     *cardsim.Authority
	person    cardsim.Person
	card      *cardsim.Card
	field     field

	anchors, readerRoots *pki.Anchors
	revocations          *pki.RevocationLists // the authority's, as the phone has them

	cardStatus    *jpki.Source
	issuer        *issuer.Service
	issuerURL     string
	statusURI     string
	crlURI        string
	operatorToken string
	tsmURL        string
	issuerLine    lineEnd
	tsmLine       lineEnd
	element       *se.SE
	seID          []byte
	phone         *phone.Phone

	sealed atomic.Int64 // bytes of the last sealed credential
	log    *slog.Logger

	closers []func() error
	running sync.WaitGroup
	stop    context.CancelFunc
}

// newWorld makes keys and certificates and starts the services. Close ends them.
func newWorld(ctx context.Context, o Options, rec *recorder) (w *world, err error) {
	w = &world{options: o, rec: rec, log: o.Log}
	if w.dir, err = os.MkdirTemp("", "mobileid-demo-"); err != nil {
		return nil, fmt.Errorf("making a temporary folder: %w", err)
	}
	ctx, w.stop = context.WithCancel(ctx)
	for _, step := range []func(context.Context) error{w.ceremony, w.makeCard, w.openField, w.start, w.makePhone} {
		if err := step(ctx); err != nil {
			return nil, errors.Join(err, w.Close())
		}
	}
	return w, nil
}

// Close stops the services, waits for them and removes the temporary folder.
func (w *world) Close() error {
	w.stop()
	w.running.Wait()
	var errs []error
	for i := len(w.closers) - 1; i >= 0; i-- {
		errs = append(errs, w.closers[i]())
	}
	return errors.Join(append(errs, os.RemoveAll(w.dir))...)
}

func (w *world) ceremony(context.Context) (err error) {
	if w.authority, err = keys.NewTestAuthority(keys.Ceremony{Now: w.options.Now}); err != nil {
		return err
	}
	if w.revocations, err = w.authority.Revocations(w.options.Now()); err != nil {
		return err
	}
	if w.anchors, err = w.authority.IACA.Anchors(); err != nil {
		return err
	}
	w.readerRoots, err = w.authority.ReaderRoot.Anchors()
	return err
}

// cardKeys is how many RSA keys a card and the authorities behind it need.
const cardKeys = 10

func (w *world) makeCard(context.Context) error {
	if w.options.CardDir != "" {
		return w.savedCard()
	}
	made, err := cardsim.MakeKeys(cardKeys, cardsim.NewKeys(rand.Reader))
	if err != nil {
		return err
	}
	source := cardsim.SharedKeys(made...)
	if w.cards, err = cardsim.NewAuthority(cardsim.AuthorityConfig{Now: w.options.Now, Keys: source}); err != nil {
		return err
	}
	w.person, _ = cardsim.PersonByID(w.options.Person, w.options.Now())
	w.card, err = cardsim.New(w.person, w.cards, cardsim.Options{Keys: source})
	return err
}

// start binds both addresses first, since issuer and TSM each need the other's.
func (w *world) start(ctx context.Context) error {
	var listen net.ListenConfig
	issuerListener, err := listen.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return fmt.Errorf("listening on loopback: %w", err)
	}
	tsmListener, err := listen.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return errors.Join(fmt.Errorf("listening on loopback: %w", err), issuerListener.Close())
	}
	w.issuerURL, w.tsmURL = "http://"+issuerListener.Addr().String(), "http://"+tsmListener.Addr().String()
	if err := w.openLine(ctx); err != nil {
		return errors.Join(err, issuerListener.Close(), tsmListener.Close())
	}
	w.statusURI, w.crlURI = w.issuerURL+"/v1/status-lists/1", w.issuerURL+"/v1/trust/iaca.crl"
	if err := errors.Join(w.startJPKI(ctx), w.startIssuer(ctx, issuerListener)); err != nil {
		return errors.Join(err, issuerListener.Close(), tsmListener.Close())
	}
	return w.startTSM(ctx, tsmListener)
}

// startJPKI serves the lists and the responders of JPKI-TEST, and makes what the issuer asks them with.
func (w *world) startJPKI(ctx context.Context) error {
	authority, err := jpkisim.New(w.cards, w.options.Now)
	if err != nil {
		return err
	}
	var listen net.ListenConfig
	l, err := listen.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return fmt.Errorf("listening on loopback: %w", err)
	}
	w.cardStatus, err = jpki.New(jpki.Config{Authorities: authority.Places("http://" + l.Addr().String()), Transport: w.options.transport(nil), Log: w.log})
	if err != nil {
		return errors.Join(err, l.Close())
	}
	return w.serve(ctx, l, authority.Handler())
}

func (w *world) startIssuer(ctx context.Context, l net.Listener) error {
	file, err := issuerstore.Open(filepath.Join(w.dir, "issuer.db"), true)
	if err != nil {
		return err
	}
	w.closers = append(w.closers, file.Close)
	client, err := tsmclient.New(tsmclient.Config{BaseURL: w.tsmLine.url(), Transport: w.options.transport(w.issuerLine.Transport())})
	if err != nil {
		return err
	}
	seRoots, err := w.authority.SERoot.Anchors()
	if err != nil {
		return err
	}
	token, secret := make([]byte, 32), make([]byte, 32)
	_, _ = rand.Read(token) // never fails
	_, _ = rand.Read(secret)
	w.operatorToken = base64.RawURLEncoding.EncodeToString(token)
	hash := sha256.Sum256([]byte(w.operatorToken))
	ring, err := keys.NewRing(w.anchors, w.authority.DocumentSigner)
	if err != nil {
		return err
	}
	w.issuer, err = issuer.New(ctx, issuer.Config{
		Store: file, Orders: orders{client, w.rec}, OrderKey: w.authority.OrderKey, Anchors: w.anchors, SERoots: seRoots,
		Signers:            ring,
		CardSignatureRoots: w.cards.SignatureRoots(), CardAuthenticationRoots: w.cards.AuthenticationRoots(),
		CardMunicipalRoots: w.cards.MunicipalRoots(), CardStatus: w.cardStatus,
		StatusKey: w.authority.StatusSigner.Key, StatusChain: w.authority.StatusSigner.Chain, StatusURI: w.statusURI,
		Operators: []revocation.Operator{{Name: "desk", TokenHash: hash[:]}},
		Secret:    secret, Authority: "TEST issuer", CRL: func() ([]byte, error) { return w.authority.IACA.CRL, nil }, Now: w.options.Now, Log: w.log,
	})
	if err != nil {
		return err
	}
	if err := w.issuer.PublishStatus(ctx); err != nil {
		return err
	}
	w.run(ctx, func() error { return w.issuer.Run(ctx) })
	return errors.Join(w.serve(ctx, l, issuerapi.Public(w.issuer, w.log)), w.issuerLine.serve(ctx, w, issuerapi.TSM(w.issuer, w.log)))
}

// orders shows what the issuer orders, and passes it on.
type orders struct {
	issuer.Orders
	rec *recorder
}

func (o orders) Submit(ctx context.Context, signed []byte) error {
	o.rec.cbor("Order", "docs/provisioning.md", signed)
	return o.Orders.Submit(ctx, signed)
}

// port shows and counts what the TSM carries, and passes it on.
type port struct {
	tsm.IssuerPort
	rec    *recorder
	sealed *atomic.Int64
}

func (p port) Receipt(ctx context.Context, receipt []byte) error {
	p.rec.cbor("Receipt", "docs/provisioning.md", receipt)
	return p.IssuerPort.Receipt(ctx, receipt)
}

func (p port) Attested(ctx context.Context, attestation []byte) ([]byte, error) {
	p.rec.cbor("Attestation", "docs/provisioning.md", attestation)
	sealed, err := p.IssuerPort.Attested(ctx, attestation)
	p.sealed.Store(int64(len(sealed)))
	return sealed, err
}

func (w *world) startTSM(ctx context.Context, l net.Listener) error {
	file, err := tsmstore.Open(filepath.Join(w.dir, "tsm.db"))
	if err != nil {
		return errors.Join(err, l.Close())
	}
	w.closers = append(w.closers, file.Close)
	master := make([]byte, tsm.MasterKeySize)
	_, _ = rand.Read(master)
	source, err := tsm.NewMasterKey(master, keyVersion)
	if err != nil {
		return errors.Join(err, l.Close())
	}
	client, err := issuerclient.New(issuerclient.Config{BaseURL: w.issuerLine.url(), Transport: w.options.transport(w.tsmLine.Transport())})
	if err != nil {
		return errors.Join(err, l.Close())
	}
	service, err := tsm.New(tsm.Config{Store: file, Keys: source, Issuer: port{client, w.rec, &w.sealed},
		OrderKey: w.authority.OrderKey.Public(), Now: w.options.Now, Log: w.log})
	if err != nil {
		return errors.Join(err, l.Close())
	}
	w.run(ctx, func() error { service.Run(ctx, time.Minute); return nil })
	if err := errors.Join(w.serve(ctx, l, tsmapi.Phones(service, w.log)), w.tsmLine.serve(ctx, w, tsmapi.Orders(service, w.log))); err != nil {
		return err
	}
	return w.manufacture(ctx, source)
}

// manufacture is the factory: an element with keys of its own and an attestation key under the maker's root.
func (w *world) manufacture(ctx context.Context, source tsm.KeySource) error {
	w.seID = make([]byte, 10)
	_, _ = rand.Read(w.seID)
	attestation, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	chain, err := w.authority.SecureElement(w.seID, attestation.Public())
	if err != nil {
		return err
	}
	static, err := source.Derive(ctx, w.seID, source.Current())
	if err != nil {
		return err
	}
	path := filepath.Join(w.dir, "se.state")
	if err := se.Manufacture(path, se.Factory{ID: w.seID, Keys: static, AttestationKey: attestation, AttestationChain: chain,
		IssuerAnchors: [][]byte{w.authority.IACA.Certificate}}); err != nil {
		return err
	}
	if w.element, err = se.Open(path, se.Config{Applets: []se.Kind{applet.Kind()}, Now: w.options.Now}); err != nil {
		return err
	}
	w.closers = append(w.closers, w.element.Close)
	return nil
}

func (w *world) makePhone(context.Context) error {
	w.phone = &phone.Phone{SE: w.element, SEID: w.seID, IssuerURL: w.issuerURL, TSMURL: w.tsmURL,
		Transport: w.options.transport(nil)}
	return nil
}

// watched has every APDU to a chip recorded.
func (w *world) watched(chip string, t apdu.Transmitter) apdu.Transmitter {
	return apdu.Tap{Transmitter: t, Seen: func(command, response []byte, _ error) { w.rec.apdu(chip, command, response) }}
}

func (w *world) serve(ctx context.Context, l net.Listener, h http.Handler) error {
	return w.serveTLS(ctx, l, nil, h)
}

func (w *world) serveTLS(ctx context.Context, l net.Listener, secure *tls.Config, h http.Handler) error {
	s, err := serve.New(l, serve.Config{Handler: h, Log: w.log, TLS: secure})
	if err != nil {
		return errors.Join(err, l.Close())
	}
	w.run(ctx, func() error { return s.Serve(ctx) })
	return nil
}

// run owns a goroutine until Close.
func (w *world) run(ctx context.Context, f func() error) {
	w.running.Go(func() {
		if err := f(); err != nil && !errors.Is(err, context.Canceled) {
			w.log.ErrorContext(ctx, "service ended", "error", err)
		}
	})
}
