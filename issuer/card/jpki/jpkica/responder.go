package jpkica

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"fmt"
	"math/big"
	"time"

	"golang.org/x/crypto/ocsp"

	"mobileid/mdoc/pki"
)

// AnswerLife is how long an OCSP answer speaks.
const AnswerLife = time.Hour

// A Responder answers OCSP requests (RFC 6960) about one CA, with a key that the CA delegated. It is safe for concurrent use.
type Responder struct {
	ca   *CA
	cert *x509.Certificate
	key  crypto.Signer
}

// Status is what a responder is told of a certificate: unknown when it was never issued.
type Status struct {
	Known   bool
	Revoked *pki.Revocation // nil: good
}

// NewResponder makes a key and has the CA certify it.
func NewResponder(ca *CA) (*Responder, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("making OCSP responder: %w", err)
	}
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 62)) // longer than those of holders
	if err != nil {
		return nil, fmt.Errorf("making OCSP responder: %w", err)
	}
	cert, err := ca.Delegate(key.Public(), func(t *x509.Certificate) { t.SerialNumber = serial.SetBit(serial, 62, 1) })
	if err != nil {
		return nil, fmt.Errorf("making OCSP responder: %w", err)
	}
	return &Responder{ca: ca, cert: cert, key: key}, nil
}

// Delegate certifies the key of a responder (RFC 6960, 4.2.2.2): for OCSP signing alone, as long as the CA, without a check of its own
// revocation. alter may change the certificate before it is signed; nil leaves it.
func (c *CA) Delegate(key crypto.PublicKey, alter func(*x509.Certificate)) (*x509.Certificate, error) {
	template := &x509.Certificate{SerialNumber: big.NewInt(2), NotBefore: c.cert.NotBefore, NotAfter: c.cert.NotAfter,
		Subject:  pkix.Name{Country: []string{"JP"}, Organization: c.cert.Subject.Organization, CommonName: "OCSP responder TEST"},
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageOCSPSigning},
		SignatureAlgorithm: x509.SHA256WithRSA,
		ExtraExtensions:    []pkix.Extension{{Id: asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 48, 1, 5}, Value: asn1.NullBytes}}}
	if alter != nil {
		alter(template)
	}
	der, err := x509.CreateCertificate(rand.Reader, template, c.cert, key, c.key)
	if err != nil {
		return nil, fmt.Errorf("certifying an OCSP responder: %w", err)
	}
	return x509.ParseCertificate(der)
}

// Answer gives the answer to a request in DER, at the time at. look tells the status of a serial number of this CA; its error is answered as an
// internal error. A request about another CA is not authorized (RFC 6960, 2.3).
func (r *Responder) Answer(request []byte, at time.Time, look func(serial *big.Int) (Status, error)) []byte {
	asked, err := ocsp.ParseRequest(request)
	if err != nil {
		return ocsp.MalformedRequestErrorResponse
	}
	if !r.isAbout(asked) {
		return ocsp.UnauthorizedErrorResponse
	}
	status, err := look(asked.SerialNumber)
	if err != nil {
		return ocsp.InternalErrorErrorResponse
	}
	from := at.UTC().Truncate(time.Second)
	says := ocsp.Response{Status: ocsp.Good, SerialNumber: asked.SerialNumber, ThisUpdate: from, NextUpdate: from.Add(AnswerLife),
		Certificate: r.cert, IssuerHash: asked.HashAlgorithm}
	switch {
	case !status.Known:
		says.Status = ocsp.Unknown
	case status.Revoked != nil:
		says.Status, says.RevokedAt, says.RevocationReason = ocsp.Revoked, status.Revoked.Date, int(status.Revoked.Reason)
	}
	answer, err := ocsp.CreateResponse(r.ca.cert, r.cert, says, r.key)
	if err != nil {
		return ocsp.InternalErrorErrorResponse
	}
	return answer
}

// isAbout compares the CA named in a request with this one.
func (r *Responder) isAbout(asked *ocsp.Request) bool {
	if asked.HashAlgorithm != crypto.SHA1 && asked.HashAlgorithm != crypto.SHA256 {
		return false
	}
	own, err := ocsp.CreateRequest(r.ca.cert, r.ca.cert, &ocsp.RequestOptions{Hash: asked.HashAlgorithm})
	if err != nil {
		return false
	}
	same, err := ocsp.ParseRequest(own)
	return err == nil && bytes.Equal(asked.IssuerNameHash, same.IssuerNameHash) && bytes.Equal(asked.IssuerKeyHash, same.IssuerKeyHash)
}
