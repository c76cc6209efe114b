package issuer

import (
	"context"
	"crypto"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"
	"time"

	"mobileid/issuer/card"
	"mobileid/issuer/keys"
	"mobileid/issuer/revocation"
	"mobileid/issuer/store"
	"mobileid/mdoc/pki"
)

// Defaults of Config.
const (
	DefaultLife            = 30 * 24 * time.Hour
	DefaultTransactionLife = 10 * time.Minute
	DefaultOrderLife       = 15 * time.Minute
	DefaultMaxTransactions = 10_000
	DefaultMaxHeld         = 1_000
	DefaultRound           = 5 * time.Second
)

// Orders is the way to the TSM. Submit hands over one signed order; nil means that the TSM has taken it and will carry it
// out at most once, however often it is sent.
type Orders interface {
	Submit(ctx context.Context, signedOrder []byte) error
}

// Signers gives the document signer to use at an instant for something that is to be valid for need; *keys.Ring is one.
type Signers interface {
	At(at time.Time, need time.Duration) (keys.DocumentSigner, error)
}

// Config is all that an issuer needs. Every field without a default is required; none switches a check off.
type Config struct {
	Store  store.Store
	Orders Orders
	// OrderKey signs orders to the TSM, ES256.
	OrderKey crypto.Signer
	// Signers are the document signers; keys rotate behind it.
	Signers Signers
	// Anchors are the issuing authority's own roots: what leaves must verify under them.
	Anchors *pki.Anchors
	// SERoots are the roots of secure elements' attestation certificates.
	SERoots *pki.Anchors

	// CardSignatureRoots, CardAuthenticationRoots and CardMunicipalRoots are what card readings are checked against.
	CardSignatureRoots      []*x509.Certificate
	CardAuthenticationRoots []*x509.Certificate
	CardMunicipalRoots      map[card.KeyID]*rsa.PublicKey
	// CardStatus is asked about the two certificates of each reading; *jpki.Source is one.
	CardStatus card.StatusSource

	// StatusKey and StatusChain sign the status list and handover receipts (profile StatusSigner).
	StatusKey   crypto.Signer
	StatusChain [][]byte
	// StatusURI is where the list is served; it stands in every MSO and never changes.
	StatusURI string
	// StatusTTL and StatusLife are those of revocation.PublisherConfig, with its defaults.
	StatusTTL, StatusLife time.Duration
	// Operators may revoke; empty means that nobody may.
	Operators []revocation.Operator
	// Counters may open sessions at municipal counters and nothing else; operators may too.
	Counters []revocation.Operator

	// Secret is a key of at least 32 bytes, from which the keys of pseudonyms and of the order of status indexes are
	// derived. It must stay the same for the life of the store.
	Secret []byte
	// Authority is the element issuing_authority_unicode. It must contain TEST.
	Authority string
	// CRL gives the IACA's certificate revocation list in DER, asked at each request so that a new one is published without
	// a restart; nil means that none is published here.
	CRL func() ([]byte, error)

	// Phone has the CAs of phone certificates; nil means that none are issued here.
	Phone *PhoneConfig

	Life            time.Duration // of an MSO at most; zero means DefaultLife
	TransactionLife time.Duration // zero means DefaultTransactionLife
	OrderLife       time.Duration // zero means DefaultOrderLife
	MaxTransactions int           // open at once; zero means DefaultMaxTransactions
	MaxHeld         int           // identities in memory at once; zero means DefaultMaxHeld
	Round           time.Duration // between two rounds of Run; zero means DefaultRound

	Now  func() time.Time // nil means the clock
	Rand io.Reader        // nil means crypto/rand
	Log  *slog.Logger     // nil means no log
}

func (c *Config) validate() error {
	var missing []string
	for name, absent := range map[string]bool{
		"Store": c.Store == nil, "Orders": c.Orders == nil, "OrderKey": c.OrderKey == nil,
		"Signers": c.Signers == nil, "Anchors": c.Anchors == nil, "SERoots": c.SERoots == nil,
		"CardSignatureRoots": len(c.CardSignatureRoots) == 0, "CardAuthenticationRoots": len(c.CardAuthenticationRoots) == 0,
		"CardMunicipalRoots": len(c.CardMunicipalRoots) == 0,
		"CardStatus":         c.CardStatus == nil, "StatusKey": c.StatusKey == nil, "StatusChain": len(c.StatusChain) == 0,
		"StatusURI": c.StatusURI == "", "Authority": c.Authority == "",
	} {
		if absent {
			missing = append(missing, name)
		}
	}
	if len(missing) > 0 {
		return fmt.Errorf("missing %s", strings.Join(missing, ", "))
	}
	if len(c.Secret) < 32 {
		return errors.New("secret under 32 bytes")
	}
	if !strings.Contains(c.Authority, "TEST") {
		return errors.New("authority does not say TEST")
	}
	for _, root := range slices.Concat(c.CardSignatureRoots, c.CardAuthenticationRoots) {
		if root == nil || root.CheckSignatureFrom(root) != nil {
			return errors.New("a root of card certificates is not self-signed")
		}
	}
	if err := c.Phone.validate(); err != nil {
		return err
	}
	if c.Life < 0 || c.TransactionLife < 0 || c.OrderLife < 0 || c.MaxTransactions < 0 || c.MaxHeld < 0 || c.Round < 0 {
		return errors.New("negative bound")
	}
	return nil
}

func (c *Config) defaults() {
	c.Life = orDefault(c.Life, DefaultLife)
	c.TransactionLife = orDefault(c.TransactionLife, DefaultTransactionLife)
	c.OrderLife = orDefault(c.OrderLife, DefaultOrderLife)
	c.MaxTransactions = orDefault(c.MaxTransactions, DefaultMaxTransactions)
	c.MaxHeld = orDefault(c.MaxHeld, DefaultMaxHeld)
	c.Round = orDefault(c.Round, DefaultRound)
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Rand == nil {
		c.Rand = rand.Reader
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
}

func orDefault[T comparable](v, def T) T {
	var zero T
	if v == zero {
		return def
	}
	return v
}

// secrets are the keys derived from Config.Secret, each for one duty.
type secrets struct{ subject, device, index, card []byte }

func deriveSecrets(secret []byte) (s secrets, err error) {
	for label, into := range map[string]*[]byte{"subject": &s.subject, "device": &s.device, "status index": &s.index, "card of phone certificates": &s.card} {
		if *into, err = hkdf.Key(sha256.New, secret, nil, "mobileid issuer 1: "+label, 32); err != nil {
			return secrets{}, fmt.Errorf("deriving keys: %w", err)
		}
	}
	return s, nil
}

// pseudonym is the keyed hash under which the store knows a person or a device.
func pseudonym(key, of []byte) string {
	mac := hmac.New(sha256.New, key)
	mac.Write(of)
	return hex.EncodeToString(mac.Sum(nil))
}
