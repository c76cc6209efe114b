package jpkiapplet

import (
	"bytes"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"errors"
	"fmt"
	"slices"

	"mobileid/mdoc/apdu"
	"mobileid/mdoc/jpkiap"
	"mobileid/mdoc/provisioning"
	"mobileid/tsm/applet/ledger"
	"mobileid/tsm/applet/stream"
	"mobileid/tsm/gp"
	"mobileid/tsm/se"
)

// Begin admits the order that is under way, and one that was committed already.
func (a program) Begin(orderID []byte) (repeated bool, sw apdu.SW) {
	return a.Ledger.Begin(orderID, a.underWay())
}

// Commit opens the certificates, judges them and makes them live with their keys.
func (a program) Commit(orderID, sealed, digest []byte) ([]byte, apdu.SW) {
	under := ledger.Record[pending](a.p, objPending)
	if under == nil || !bytes.Equal(under.OrderID, orderID) {
		return nil, apdu.Conditions
	}
	raw, err := a.unseal(orderID, sealed)
	if err != nil {
		return nil, apdu.WrongData
	}
	defer clear(raw)
	set, err := provisioning.ParseCertificateSet(raw)
	if err == nil {
		err = a.judge(set, under)
	}
	if err != nil {
		return nil, apdu.WrongData
	}
	return a.replaceLive(orderID, digest, raw)
}

func (a *instance) unseal(orderID, sealed []byte) ([]byte, error) {
	key := ledger.AgreementKey(a.p, objSealingKey)
	if key == nil {
		return nil, errNoKey
	}
	return provisioning.Open(key, orderID, a.p.SEID(), slot, sealed)
}

// judge checks that both certificates are for the keys of this order, of their kind, in force, and of CAs from the factory.
func (a *instance) judge(set *provisioning.CertificateSet, order *pending) error {
	for _, c := range []struct {
		certificate, ca, key []byte
		usage                x509.KeyUsage
	}{
		{set.Signature, set.SignatureCA, order.Signature, x509.KeyUsageDigitalSignature | x509.KeyUsageContentCommitment},
		{set.Authentication, set.AuthenticationCA, order.Authentication, x509.KeyUsageDigitalSignature},
	} {
		if !slices.ContainsFunc(a.p.CertificateAnchors(), func(anchor []byte) bool { return bytes.Equal(anchor, c.ca) }) {
			return errors.New("judging certificates: a CA that was not put in at the factory")
		}
		if err := a.judgeOne(c.certificate, c.ca, c.key, c.usage); err != nil {
			return err
		}
	}
	return nil
}

func (a *instance) judgeOne(der, issuer, own []byte, usage x509.KeyUsage) error {
	certificate, err := x509.ParseCertificate(der)
	if err != nil {
		return fmt.Errorf("judging certificates: %w", err)
	}
	ca, err := x509.ParseCertificate(issuer)
	if err != nil {
		return fmt.Errorf("judging certificates: %w", err)
	}
	key, isRSA := certificate.PublicKey.(*rsa.PublicKey)
	now := a.p.Now()
	switch {
	case !isRSA || !bytes.Equal(x509.MarshalPKCS1PublicKey(key), own):
		return errors.New("judging certificates: made for another key")
	case !bytes.Equal(certificate.RawIssuer, ca.RawSubject) || certificate.CheckSignatureFrom(ca) != nil:
		return errors.New("judging certificates: not issued by the CA beside it")
	case now.Before(certificate.NotBefore) || now.After(certificate.NotAfter):
		return errors.New("judging certificates: not in force")
	case certificate.KeyUsage != usage || certificate.IsCA:
		return errors.New("judging certificates: of another kind")
	default:
		return nil
	}
}

// replaceLive is the one transaction of a commit: both keys and both certificates, or the old ones.
func (a *instance) replaceLive(orderID, sealed, set []byte) ([]byte, apdu.SW) {
	authentication, found := a.p.Load(objPendingAuth)
	signature, too := a.p.Load(objPendingSign)
	if !found || !too {
		return nil, apdu.Conditions
	}
	defer clear(authentication)
	defer clear(signature)
	tx := a.p.Begin()
	tx.Replace(objLive, set)
	tx.Replace(objAuthKey, authentication)
	tx.Replace(objSignKey, signature)
	for _, name := range []string{objPending, objPendingAuth, objPendingSign, objSealingKey} {
		tx.Erase(name)
	}
	// The order rests on the card's own password, so that a secret forgotten on the phone may be chosen anew for the new keys.
	for _, file := range []uint16{jpkiap.AuthenticationPIN, jpkiap.SignaturePassword} {
		if s := secretOf(file); a.isSet(s) && a.triesLeft(s) == 0 {
			tx.Erase(s.object)
			tx.Erase(s.counter)
		}
	}
	tx.SetLifeCycle(gp.StatePersonalized)
	digest := sha256.Sum256(set)
	return a.settle(tx, provisioning.Receipt{Kind: provisioning.ReceiptCommitted, OrderID: orderID, Digest: digest[:]}, sealed)
}

// Wipe destroys everything the instance holds but the receipt of this order.
func (a program) Wipe(w stream.Wipe) ([]byte, apdu.SW) {
	if receipt, found, sw := a.Wiped(w); found {
		return receipt, sw
	}
	tx := a.p.Begin()
	for _, name := range []string{objLive, objAuthKey, objSignKey, objPending, objPendingAuth, objPendingSign, objSealingKey,
		objPIN, objPINTries, objPassword, objPasswordTries} {
		tx.Erase(name)
	}
	tx.SetLifeCycle(gp.StateSelectable)
	return a.settle(tx, provisioning.Receipt{Kind: provisioning.ReceiptWiped, OrderID: w.OrderID}, nil)
}

// settle carries the transaction out with its receipt.
func (a *instance) settle(tx *se.Tx, r provisioning.Receipt, sealed []byte) ([]byte, apdu.SW) {
	r.Slot, r.Application = slot, provisioning.ApplicationPhoneCertificates
	receipt, sw := a.Settle(tx, r, sealed)
	if sw == apdu.OK {
		a.Deselect()
	}
	return receipt, sw
}
