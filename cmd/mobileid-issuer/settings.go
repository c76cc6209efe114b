package main

import (
	"errors"
	"net/url"
	"strings"

	"mobileid/cmd/internal/serve"
)

// settings is the file -config names. Paths are taken from the working directory unless they are absolute; keys are
// named file:PATH and of mode 0600. What is not said to be optional is required.
type settings struct {
	serve.Front

	// Store is the bbolt file, made by -init.
	Store string `json:"store"`
	// Secret is a file of at least 32 random bytes, the key of pseudonyms and of the order of status indexes. It belongs
	// to the store for as long as that lives.
	Secret string `json:"secret"`
	// Authority stands in every document as its issuing authority; it must contain TEST.
	Authority string `json:"authority"`

	// IACA is the PEM file of the authority's own roots.
	IACA string `json:"iaca"`
	// IACACRL is the file of the IACA's certificate revocation list in DER, read at each request and published at
	// /v1/trust/iaca.crl. Optional: without it that door answers 404.
	IACACRL string `json:"iaca_crl,omitempty"`
	// SERoots is the PEM file of the roots of secure elements.
	SERoots string `json:"se_roots"`
	// DocumentSigners are one or more, in any order; of those in force the one that ends last signs.
	DocumentSigners []signerFiles `json:"document_signers"`
	// StatusSigner signs the status list and handover receipts.
	StatusSigner signerFiles `json:"status_signer"`
	// OrderKey signs orders; the TSM has its public half.
	OrderKey string `json:"order_key"`

	// StatusURI is where verifiers fetch the status list, ending in /v1/status-lists/NAME. It stands in every document
	// and must never change.
	StatusURI string `json:"status_uri"`
	// StatusTTL and StatusLife are how long a list is used before the next is fetched, and how long it is valid;
	// optional.
	StatusTTL  serve.Duration `json:"status_ttl,omitempty"`
	StatusLife serve.Duration `json:"status_life,omitempty"`
	// TSMURL is the root of the service manager.
	TSMURL string `json:"tsm_url"`

	// CardSignatureRoots is the PEM file of the CAs of signature certificates.
	CardSignatureRoots string `json:"card_signature_roots"`
	// CardMunicipalRoots is the PEM file of the CA keys of card records, each with its Key-Id.
	CardMunicipalRoots string `json:"card_municipal_roots"`
	// CardDenyList is the PEM file of revoked signature certificates, read at the start; it may be empty. Optional: the
	// service says in its log that it has none.
	CardDenyList string `json:"card_deny_list,omitempty"`
	// Operators is the file of those who may revoke, one a line: a name, a space, and the SHA-256 of the bearer token in
	// hex. Optional: the service says in its log that nobody may.
	Operators string `json:"operators,omitempty"`
	// Counters is a file of the same form with those who may open sessions at municipal counters, and nothing else.
	// Optional: operators may too.
	Counters string `json:"counters,omitempty"`

	// DocumentLife bounds a document's validity; MaxTransactions and MaxHeld bound open transactions and identities in
	// memory. All optional, with the defaults of package issuer.
	DocumentLife    serve.Duration `json:"document_life,omitempty"`
	MaxTransactions int            `json:"max_transactions,omitempty"`
	MaxHeld         int            `json:"max_held,omitempty"`
}

// signerFiles name a key and the PEM file of its chain, leaf first, without the root.
type signerFiles struct {
	Key   string `json:"key"`
	Chain string `json:"chain"`
}

// Validate says all that is wrong with the values.
func (s *settings) Validate() error {
	errs := []error{s.Check(), serve.Required(map[string]string{
		"store": s.Store, "secret": s.Secret, "authority": s.Authority, "iaca": s.IACA, "se_roots": s.SERoots,
		"order_key": s.OrderKey, "status_signer.key": s.StatusSigner.Key, "status_signer.chain": s.StatusSigner.Chain,
		"card_signature_roots": s.CardSignatureRoots, "card_municipal_roots": s.CardMunicipalRoots})}
	if len(s.DocumentSigners) == 0 {
		errs = append(errs, errors.New("document_signers is empty"))
	}
	for _, d := range s.DocumentSigners {
		if d.Key == "" || d.Chain == "" {
			errs = append(errs, errors.New("document_signers: key or chain is missing"))
		}
	}
	if !strings.Contains(s.Authority, "TEST") {
		errs = append(errs, errors.New("authority does not say TEST"))
	}
	if u, ok := webAddress(s.StatusURI); !ok || !strings.Contains(u.Path, "/v1/status-lists/") || strings.HasSuffix(u.Path, "/") {
		errs = append(errs, errors.New("status_uri is not an http or https address that ends in /v1/status-lists/NAME"))
	}
	if _, ok := webAddress(s.TSMURL); !ok {
		errs = append(errs, errors.New("tsm_url is not an http or https address"))
	}
	if s.MaxTransactions < 0 || s.MaxHeld < 0 {
		errs = append(errs, errors.New("max_transactions or max_held is negative"))
	}
	return errors.Join(errs...)
}

func webAddress(text string) (*url.URL, bool) {
	u, err := url.Parse(text)
	ok := err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Host != "" && u.User == nil && u.RawQuery == "" && u.Fragment == ""
	return u, ok
}
