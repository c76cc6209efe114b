package phone

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"mobileid/mdoc/apdu"
	"mobileid/mdoc/cbor"
	"mobileid/mdoc/provisioning"
	"mobileid/schemas/problem"
	"mobileid/tsm/seram"
)

const (
	maxAnswer = 64 << 10 // of the issuer's doors
	timeout   = 40 * time.Second
)

// Phone is one phone. All fields but Transport are needed.
type Phone struct {
	// SE is the way to the secure element, SEID its id of 10 bytes.
	SE   apdu.Transmitter
	SEID []byte
	// IssuerURL and TSMURL are addresses without a path.
	IssuerURL, TSMURL string
	// Transport carries the requests; nil means net/http's default.
	Transport http.RoundTripper
}

// Transaction is one application for a credential. Formatting it shows the id alone.
type Transaction struct {
	ID        string
	Challenge []byte
	token     string
}

// Format keeps the token out of formatted text.
func (t Transaction) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, "transaction "+t.ID) }

// Progress is how far the issuer is.
type Progress struct {
	State   string `json:"state"`
	OrderID string `json:"order_id"`
}

// Start asks the issuer for a challenge.
func (p *Phone) Start(ctx context.Context) (Transaction, error) {
	var out struct {
		ID        string `json:"transaction_id"`
		Token     string `json:"transaction_token"`
		Challenge string `json:"challenge"`
	}
	if err := p.call(ctx, http.MethodPost, "/v1/transactions", "", "application/json", nil, &out); err != nil {
		return Transaction{}, fmt.Errorf("starting with the issuer: %w", err)
	}
	challenge, err := base64.RawURLEncoding.DecodeString(out.Challenge)
	if err != nil {
		return Transaction{}, errors.New("starting with the issuer: a challenge that is not base64url")
	}
	return Transaction{ID: out.ID, Challenge: challenge, token: out.Token}, nil
}

// Application says what the evidence is for.
type Application struct {
	Reading []byte // an encoded card reading
	Slot    byte
	Purpose provisioning.Purpose
	// IndividualNumber is the holder's consent, given in a step of its own, to have the number in the credential.
	IndividualNumber bool
	// PhoneCertificates asks for スマホ用電子証明書 instead of a credential; Slot and Purpose then do not count.
	PhoneCertificates bool
}

// consent and evidence are mobileid's own format, docs/issuance.md.
//
//	evidence = {"reading": bstr, "seId": bstr, "slot": uint, "purpose": uint, "consent": {"individualNumber": bool}, ? "application": 2}
type evidence struct {
	Reading []byte  `cbor:"reading"`
	SEID    []byte  `cbor:"seId"`
	Slot    uint64  `cbor:"slot"`
	Purpose uint64  `cbor:"purpose"`
	Consent consent `cbor:"consent"`

	Application provisioning.Application `cbor:"application,omitempty"`
}

// consent is mobileid's own format, docs/issuance.md.
//
//	consent = {"individualNumber": bool}
type consent struct {
	IndividualNumber bool `cbor:"individualNumber"`
}

// Submit sends the evidence and tells its size and how far the issuer is.
func (p *Phone) Submit(ctx context.Context, t Transaction, a Application) (size int, progress Progress, err error) {
	e := evidence{Reading: a.Reading, SEID: p.SEID, Slot: uint64(a.Slot), Purpose: uint64(a.Purpose), Consent: consent{a.IndividualNumber}}
	if a.PhoneCertificates {
		e.Slot, e.Purpose, e.Application = 1, uint64(provisioning.PurposeSign), provisioning.ApplicationPhoneCertificates
	}
	body, err := cbor.Marshal(e)
	if err != nil {
		return 0, progress, fmt.Errorf("sending evidence: %w", err)
	}
	if err := p.call(ctx, http.MethodPost, "/v1/transactions/"+t.ID+"/evidence", t.token, "application/cbor", body, &progress); err != nil {
		return 0, progress, fmt.Errorf("sending evidence: %w", err)
	}
	return len(body), progress, nil
}

// State asks how far the issuer is.
func (p *Phone) State(ctx context.Context, t Transaction) (progress Progress, err error) {
	if err := p.call(ctx, http.MethodGet, "/v1/transactions/"+t.ID, t.token, "", nil, &progress); err != nil {
		return progress, fmt.Errorf("asking for the state: %w", err)
	}
	return progress, nil
}

// Contact lets the TSM do what it has in hand for this phone's secure element.
func (p *Phone) Contact(ctx context.Context) (seram.Result, error) {
	agent := seram.Agent{Client: p.client(), BaseURL: p.TSMURL, SE: p.SE,
		Element: seram.SecureElement{SEType: "eSE", SEID: strings.ToUpper(hex.EncodeToString(p.SEID))}}
	r, err := agent.Run(ctx)
	if err != nil {
		return r, fmt.Errorf("letting the TSM reach the secure element: %w", err)
	}
	return r, nil
}

func (p *Phone) client() *http.Client { return &http.Client{Transport: p.Transport, Timeout: timeout} }

// call talks to one of the issuer's JSON doors. A problem document becomes an error with its code.
func (p *Phone) call(ctx context.Context, method, path, token, contentType string, body []byte, out any) error {
	request, err := http.NewRequestWithContext(ctx, method, strings.TrimSuffix(p.IssuerURL, "/")+path, bytes.NewReader(body))
	if err != nil {
		return errors.New("the issuer's address is not an address")
	}
	if contentType != "" {
		request.Header.Set("Content-Type", contentType)
	}
	if token != "" {
		request.Header.Set("Authorization", "Bearer "+token)
	}
	response, err := p.client().Do(request)
	if err != nil {
		return errors.New("the issuer does not answer: is mobileid-issuer running at the address given?")
	}
	defer func() { _ = response.Body.Close() }()
	answer, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer))
	if err != nil {
		return errors.New("the issuer's answer was cut off: try again")
	}
	if response.StatusCode >= http.StatusMultipleChoices {
		var why problem.Problem
		if json.Unmarshal(answer, &why) != nil || why.Code == "" {
			return fmt.Errorf("the issuer answers with status %d", response.StatusCode)
		}
		return fmt.Errorf("the issuer refuses: %s (%s)", why.Code, why.Detail)
	}
	if err := json.Unmarshal(answer, out); err != nil {
		return errors.New("the issuer's answer is not the JSON that is due")
	}
	return nil
}
