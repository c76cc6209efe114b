package applet

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"

	"mobileid/mdoc"
	"mobileid/mdoc/apdu"
	"mobileid/mdoc/cbor"
	"mobileid/mdoc/pki"
	"mobileid/mdoc/provisioning"
	"mobileid/tsm/applet/ledger"
	"mobileid/tsm/applet/stream"
	"mobileid/tsm/gp"
	"mobileid/tsm/se"
)

// errNoKey says that a key that has to be there is not; it becomes a status word.
var errNoKey = errors.New("no such key")

// Refuses tells that the instance is locked: only a wipe is taken.
func (a *instance) Refuses() bool { return a.p.Locked() }

// Begin lets sealed bytes come for the order under way, and for the one that was committed last.
func (a *instance) Begin(orderID []byte) (repeated bool, sw apdu.SW) {
	return a.Ledger.Begin(orderID, a.underWay())
}

// Commit makes the delivered credential live.
func (a *instance) Commit(orderID, sealed, digest []byte) ([]byte, apdu.SW) {
	under := ledger.Record[pending](a.p, objPending)
	if under == nil || !bytes.Equal(under.OrderID, orderID) {
		return nil, apdu.Conditions
	}
	credential, docType, err := a.open(*under, sealed)
	if err != nil {
		return nil, apdu.WrongData
	}
	defer clear(credential)
	return a.replaceLive(*under, digest, credential, docType)
}

// open unseals a credential and judges it.
func (a *instance) open(order pending, sealed []byte) (credential []byte, docType string, err error) {
	key := ledger.AgreementKey(a.p, objSealingKey)
	if key == nil {
		return nil, "", errNoKey
	}
	credential, err = provisioning.Open(key, order.OrderID, a.p.SEID(), uint64(a.slot), sealed)
	if err != nil {
		return nil, "", err
	}
	docType, err = a.judge(credential)
	return credential, docType, err
}

// judge checks what a verifier would check of the issuer's part, and that the credential is for the key of this order.
func (a *instance) judge(credential []byte) (docType string, err error) {
	anchors, err := a.issuerAnchors()
	if err != nil {
		return "", err
	}
	signed, err := mdoc.ParseIssuerSigned(credential)
	if err != nil {
		return "", err
	}
	v, err := signed.CheckIssuerSigned(anchors, a.p.Now())
	if err != nil {
		return "", err
	}
	if !v.OK() {
		return "", fmt.Errorf("judging credential: %d checks failed", len(v.Failed()))
	}
	mso, err := signed.MSO()
	if err != nil {
		return "", err
	}
	device, err := publicKey(ledger.SigningKey(a.p, objPendingKey))
	if err != nil {
		return "", err
	}
	if !device.Equal(mso.DeviceKeyInfo.DeviceKey) {
		return "", errors.New("judging credential: made for another device key")
	}
	if err := complete(credential, signed, mso); err != nil {
		return "", err
	}
	return mso.DocType, nil
}

// issuerAnchors reads the factory's anchors once under power: each is a certificate whose signature is checked.
func (a *instance) issuerAnchors() (_ *pki.Anchors, err error) {
	if a.anchors == nil {
		a.anchors, err = pki.NewAnchors(a.p.IssuerAnchors()...)
	}
	return a.anchors, err
}

// complete checks that a credential is all the issuer made and nothing else: a verifier takes a part of the items, and a slot the
// whole. Each item matched a digest and no two are one element, so equal numbers mean that none is missing. A document
// of elements that only the device signs has one digest and no items.
func complete(credential []byte, signed *mdoc.IssuerSigned, mso *mdoc.MobileSecurityObject) error {
	digests, items, members := 0, 0, byte(1)
	for _, ns := range mso.ValueDigests {
		digests += len(ns.Value)
	}
	for _, ns := range signed.NameSpaces {
		items += len(ns.Value)
	}
	if items > 0 {
		members = 2
	}
	const mapHead = 0xA0
	switch empty := items == 0 && digests == 1 && mso.DeviceKeyInfo.KeyAuthorizations != nil; {
	case mso.DocType == "":
		return errors.New("judging credential: no document type")
	case items != digests && !empty:
		return fmt.Errorf("judging credential: %d items for %d digests", items, digests)
	case credential[0] != mapHead|members:
		return errors.New("judging credential: more than name spaces and issuerAuth")
	}
	return nil
}

// replaceLive is the one transaction of a commit.
func (a *instance) replaceLive(order pending, sealed, credential []byte, docType string) ([]byte, apdu.SW) {
	key, ok := a.p.Load(objPendingKey)
	if !ok {
		return nil, apdu.Conditions
	}
	defer clear(key)
	record, err := cbor.Marshal(live{Purpose: order.Purpose, DocType: docType})
	if err != nil {
		return nil, apdu.ExecutionError
	}
	digest := sha256.Sum256(credential)
	tx := a.p.Begin()
	tx.Store(objLive, record)
	tx.Replace(objLiveKey, key)
	tx.Replace(objCredential, credential)
	tx.Store(objUses, encodeNumber(0))
	for _, name := range []string{objPending, objPendingKey, objSealingKey} {
		tx.Erase(name)
	}
	tx.SetLifeCycle(gp.StatePersonalized)
	return a.settle(tx, provisioning.Receipt{
		Kind: provisioning.ReceiptCommitted, OrderID: order.OrderID, Digest: digest[:],
	}, sealed)
}

// Wipe destroys everything the instance holds but the receipt of this order.
func (a *instance) Wipe(w stream.Wipe) ([]byte, apdu.SW) {
	if receipt, found, sw := a.Wiped(w); found {
		return receipt, sw
	}
	tx := a.p.Begin()
	for _, name := range []string{objLive, objLiveKey, objCredential, objUses, objPending, objPendingKey, objSealingKey, objPIN, objTries, objPINVersion} {
		tx.Erase(name)
	}
	tx.SetLifeCycle(gp.StateSelectable)
	return a.settle(tx, provisioning.Receipt{Kind: provisioning.ReceiptWiped, OrderID: w.OrderID}, nil)
}

// settle carries the transaction out with its receipt, which tells how often the key was used that ends with it.
func (a *instance) settle(tx *se.Tx, r provisioning.Receipt, sealed []byte) ([]byte, apdu.SW) {
	r.Slot, r.KeyUses = uint64(a.slot), uses(a.p)
	receipt, sw := a.Settle(tx, r, sealed)
	if sw == apdu.OK {
		a.Deselect()
	}
	return receipt, sw
}
