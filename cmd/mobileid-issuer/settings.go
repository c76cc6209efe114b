package main

import (
	"errors"
	"net/url"
	"strings"
	"time"

	"mobileid/cmd/internal/serve"
	"mobileid/issuer/card/jpki"
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
	// CardAuthenticationRoots is the PEM file of the CAs of user authentication certificates.
	CardAuthenticationRoots string `json:"card_authentication_roots"`
	// CardStatus tells for every CA of these two files where its revocation lists and its OCSP responder are. A CA without either
	// keeps the service from starting: the status of card certificates is always asked.
	CardStatus []statusPlaces `json:"card_status"`
	// CardStatusGrace is how long after its end the last good revocation list counts when no newer one can be had, for certificates
	// judged before; at most seven days. Optional: not at all.
	CardStatusGrace serve.Duration `json:"card_status_grace,omitempty"`
	// CardMunicipalRoots is the PEM file of the CA keys of card records, each with its Key-Id.
	CardMunicipalRoots string `json:"card_municipal_roots"`
	// CardDenyList is the PEM file of signature certificates refused beside those that their CA revoked, read at the start; it may be
	// empty. Optional.
	CardDenyList string `json:"card_deny_list,omitempty"`
	// PhoneCertificates has the CAs of phone certificates. Optional: without it none are issued.
	PhoneCertificates *phoneSettings `json:"phone_certificates,omitempty"`
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

// phoneSettings name the two CAs of phone certificates and where this service is reached, which stands in every certificate and must never
// change: lists and OCSP responders are under it.
type phoneSettings struct {
	Signature      caFiles `json:"signature"`
	Authentication caFiles `json:"authentication"`
	URL            string  `json:"url"`
}

// caFiles name an RSA key and the PEM file of its self-signed certificate.
type caFiles struct {
	Key         string `json:"key"`
	Certificate string `json:"certificate"`
}

func (p *phoneSettings) validate() error {
	if p == nil {
		return nil
	}
	err := serve.Required(map[string]string{"phone_certificates.signature.key": p.Signature.Key,
		"phone_certificates.signature.certificate": p.Signature.Certificate, "phone_certificates.authentication.key": p.Authentication.Key,
		"phone_certificates.authentication.certificate": p.Authentication.Certificate})
	if _, ok := webAddress(p.URL); !ok {
		err = errors.Join(err, errors.New("phone_certificates.url is not an http or https address"))
	}
	return err
}

// signerFiles name a key and the PEM file of its chain, leaf first, without the root.
type signerFiles struct {
	Key   string `json:"key"`
	Chain string `json:"chain"`
}

// statusPlaces are where the certificates of one CA are asked about: lists, a responder, or both.
type statusPlaces struct {
	CA   string   `json:"ca"` // PEM file of one CA certificate
	CRLs []string `json:"crls,omitempty"`
	OCSP string   `json:"ocsp,omitempty"`
}

// Validate says all that is wrong with the values.
func (s *settings) Validate() error {
	errs := []error{s.Check(), serve.Required(map[string]string{
		"store": s.Store, "secret": s.Secret, "authority": s.Authority, "iaca": s.IACA, "se_roots": s.SERoots,
		"order_key": s.OrderKey, "status_signer.key": s.StatusSigner.Key, "status_signer.chain": s.StatusSigner.Chain,
		"card_signature_roots": s.CardSignatureRoots, "card_authentication_roots": s.CardAuthenticationRoots, "card_municipal_roots": s.CardMunicipalRoots})}
	if len(s.DocumentSigners) == 0 {
		errs = append(errs, errors.New("document_signers is empty"))
	}
	for _, d := range s.DocumentSigners {
		if d.Key == "" || d.Chain == "" {
			errs = append(errs, errors.New("document_signers: key or chain is missing"))
		}
	}
	if len(s.CardStatus) == 0 {
		errs = append(errs, errors.New("card_status is empty: nobody could be asked whether a card's certificates are revoked"))
	}
	for _, p := range s.CardStatus {
		if p.CA == "" || len(p.CRLs) == 0 && p.OCSP == "" {
			errs = append(errs, errors.New("card_status: ca is missing, or both crls and ocsp are"))
		}
	}
	if s.CardStatusGrace < 0 || time.Duration(s.CardStatusGrace) > jpki.MaxGrace {
		errs = append(errs, errors.New("card_status_grace is negative or over seven days"))
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
	errs = append(errs, s.PhoneCertificates.validate())
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
