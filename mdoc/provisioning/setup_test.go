package provisioning_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"testing"
	"time"

	"mobileid/mdoc/cbor"
	"mobileid/mdoc/cose"
	"mobileid/mdoc/pki"
	"mobileid/mdoc/provisioning"
)

var (
	now     = time.Date(2027, 1, 15, 3, 0, 0, 0, time.UTC)
	orderID = []byte("order-id-16bytes")
	seID    = []byte("element-01")
	chall   = []byte("challenge of thirty-two bytes...")
	digest  = []byte("digest of the sealed credential.")
)

func newKey(tb testing.TB, curve elliptic.Curve) *ecdsa.PrivateKey {
	tb.Helper()
	key, err := ecdsa.GenerateKey(curve, rand.Reader)
	if err != nil {
		tb.Fatal(err)
	}
	return key
}

func coseKey(tb testing.TB, key *ecdsa.PrivateKey) cose.Key {
	tb.Helper()
	k, err := cose.NewKey(&key.PublicKey)
	if err != nil {
		tb.Fatal(err)
	}
	return k
}

// world has an issuer's order key, a secure element and a status list signer, each under its root.
type world struct {
	tb                                           testing.TB
	orderKey, rootKey, seKey, deviceKey, sealKey *ecdsa.PrivateKey
	seRoot, iaca                                 *x509.Certificate
	seCert, statusCert                           []byte
	roots, anchors                               *pki.Anchors
}

func newWorld(tb testing.TB) *world {
	p256 := elliptic.P256()
	w := &world{tb: tb, orderKey: newKey(tb, p256), rootKey: newKey(tb, p256), seKey: newKey(tb, p256),
		deviceKey: newKey(tb, p256), sealKey: newKey(tb, p256)}
	w.seRoot = w.certificate(pki.Template{Profile: pki.SERoot, CommonName: "TEST SE root"}, w.rootKey, nil)
	w.iaca = w.certificate(pki.Template{Profile: pki.IACA, Country: "JP", CommonName: "TEST IACA", IssuerAltURI: "https://issuer.example/"}, w.rootKey, nil)
	w.seCert = w.certificate(pki.Template{Profile: pki.SEAttestation, CommonName: "TEST SE", SEID: seID}, w.seKey, w.seRoot).Raw
	w.statusCert = w.certificate(pki.Template{Profile: pki.StatusSigner, Country: "JP", CommonName: "TEST status"}, w.seKey, w.iaca).Raw
	w.roots, w.anchors = w.newAnchors(w.seRoot), w.newAnchors(w.iaca)
	return w
}

func (w *world) newAnchors(root *x509.Certificate) *pki.Anchors {
	w.tb.Helper()
	a, err := pki.NewAnchors(root.Raw)
	if err != nil {
		w.tb.Fatal(err)
	}
	return a
}

func (w *world) certificate(t pki.Template, key *ecdsa.PrivateKey, parent *x509.Certificate) *x509.Certificate {
	w.tb.Helper()
	t.NotBefore, t.NotAfter = now.AddDate(-1, 0, 0), now.AddDate(1, 0, 0)
	der, err := pki.Create(t, key.Public(), parent, w.rootKey, nil)
	if err != nil {
		w.tb.Fatal(err)
	}
	c, err := x509.ParseCertificate(der)
	if err != nil {
		w.tb.Fatal(err)
	}
	return c
}

func order() provisioning.Order {
	return provisioning.Order{ID: orderID, Kind: provisioning.OrderProvision, SEID: seID, Slot: 1,
		Purpose: provisioning.PurposeSign, Challenge: chall, NotAfter: cbor.NewTDate(now.Add(time.Hour))}
}

func wipe() provisioning.Order { return plain(provisioning.OrderWipe, 0) }

// wipeOf is an order that wants a receipt for places.
func wipeOf(places ...provisioning.Place) provisioning.Order {
	o := wipe()
	o.Places = places
	return o
}

var phonePlace = provisioning.Place{Application: provisioning.ApplicationPhoneCertificates, Slot: 1}

func credentialIn(slot uint64) provisioning.Place {
	return provisioning.Place{Application: provisioning.ApplicationCredential, Slot: slot}
}

func everyPlace() []provisioning.Place {
	places := []provisioning.Place{phonePlace}
	for slot := range uint64(15) {
		places = append(places, credentialIn(slot+1))
	}
	return places
}

// plain is an order that makes no key.
func plain(kind provisioning.OrderKind, slot uint64) provisioning.Order {
	return provisioning.Order{ID: orderID, Kind: kind, SEID: seID, Slot: slot, NotAfter: cbor.NewTDate(now.Add(time.Hour))}
}

func (w *world) attestation() provisioning.Attestation {
	return provisioning.Attestation{OrderID: orderID, Challenge: chall, SEID: seID, Slot: 1, Purpose: provisioning.PurposeSign,
		DeviceKey: coseKey(w.tb, w.deviceKey), SealingKey: coseKey(w.tb, w.sealKey), AppletVersion: "1.0", UserPresence: true, TryLimit: 5}
}

func receipt() provisioning.Receipt {
	return provisioning.Receipt{Kind: provisioning.ReceiptCommitted, OrderID: orderID, SEID: seID, Slot: 1, Digest: digest, Counter: 7}
}

func handover() provisioning.HandoverReceipt {
	return provisioning.HandoverReceipt{ID: orderID, Device: "keyed-hash", At: cbor.NewTDate(now.Add(-time.Minute)), Credentials: 2,
		StatusURIs: []string{"https://issuer.example/v1/status-lists/0"}, WipeOrderID: orderID}
}

func must(tb testing.TB) func(raw []byte, err error) []byte {
	return func(raw []byte, err error) []byte {
		tb.Helper()
		if err != nil {
			tb.Fatal(err)
		}
		return raw
	}
}

func (w *world) signedOrder(o provisioning.Order) []byte {
	w.tb.Helper()
	return must(w.tb)(provisioning.SignOrder(w.orderKey, o))
}

func (w *world) signedAttestation(a provisioning.Attestation) []byte {
	w.tb.Helper()
	return must(w.tb)(provisioning.SignAttestation(w.seKey, [][]byte{w.seCert}, a))
}

func (w *world) signedReceipt(r provisioning.Receipt) []byte {
	w.tb.Helper()
	return must(w.tb)(provisioning.SignReceipt(w.seKey, r))
}

func (w *world) signedHandover(r provisioning.HandoverReceipt) []byte {
	w.tb.Helper()
	return must(w.tb)(provisioning.SignHandoverReceipt(w.seKey, [][]byte{w.statusCert}, r))
}
