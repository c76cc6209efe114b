package se

import (
	"cmp"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/x509"
	"errors"
	"fmt"
	"io"

	"mobileid/tsm/gp"
	"mobileid/tsm/scp03"
)

// Factory is what the maker of an element puts into it. Identity, option, attestation and anchors never change.
type Factory struct {
	// ID is the identity of the element and the key diversification data of its keys, 10 bytes, unique.
	ID []byte
	// Keys is the ISD's SCP03 key set; its version must be 30 to 3F.
	Keys scp03.Keys
	// TestKeys takes the place of Keys in an element for a bench, which keeps in mind that it is one: PUT KEY takes weak
	// keys there. Published keys come into an element in no other way.
	TestKeys scp03.TestSet
	// Option is the SCP03 parameter "i" of the element; 0 means 70.
	Option scp03.Option
	// State is where the card's life cycle begins; 0 means SECURED.
	State gp.CardState
	// Unloaded leaves the load files of built-in applets out of the registry: each has to be loaded first.
	Unloaded bool
	// Objects are data objects of the ISD by tag, without their tag: issuer number (0042), card number (0045), recognition
	// data (0066), URL of the manager (5F50), production data (9F7F). They go before what the element tells itself.
	Objects map[uint16][]byte
	// AttestationKey (P-256) vouches for device keys, AttestationChain for it: the element's certificate first, DER, the
	// root left out.
	AttestationKey   *ecdsa.PrivateKey
	AttestationChain [][]byte
	// IssuerAnchors are the IACA certificates under which applets accept a credential, DER. At least one.
	IssuerAnchors [][]byte
	// CertificateAnchors are the CA certificates under which applets accept phone certificates, DER. Without any, none is accepted.
	CertificateAnchors [][]byte
	// Rand is the source for the state file; nil means crypto/rand.Reader.
	Rand io.Reader
}

func (f Factory) validate() error {
	switch keys := f.keys(); {
	case len(f.ID) != idSize:
		return fmt.Errorf("identity of %d bytes, expected %d", len(f.ID), idSize)
	case keys.Version < firstVersion || keys.Version > lastVersion:
		return fmt.Errorf("key version %02X is not one of SCP03 (30 to 3F)", keys.Version)
	case f.AttestationKey == nil || f.AttestationKey.Curve != elliptic.P256():
		return errors.New("attestation key is not of P-256")
	case len(f.AttestationChain) == 0:
		return errors.New("no certificate for the attestation key")
	case len(f.IssuerAnchors) == 0:
		return errors.New("no issuer anchors")
	}
	if err := errors.Join(f.validateKeys(), f.option().Check(), f.checkObjects()); err != nil {
		return err
	}
	switch f.state() {
	case gp.OPReady, gp.CardInitialized, gp.CardSecured:
	default:
		return fmt.Errorf("card state %v at the factory", f.State)
	}
	leaf, err := x509.ParseCertificate(f.AttestationChain[0])
	if err != nil {
		return fmt.Errorf("attestation certificate: %w", err)
	}
	if !f.AttestationKey.PublicKey.Equal(leaf.PublicKey) {
		return errors.New("attestation certificate is for another key")
	}
	return nil
}

func (f Factory) checkObjects() error {
	for tag, v := range f.Objects {
		if !storable(gp.ISD, uint32(tag)) && tag != gp.DataCPLC || len(v) == 0 || len(v) > maxObject {
			return fmt.Errorf("data object %04X of %d bytes", tag, len(v))
		}
		if _, err := gp.ParseCPLC(gp.AppendObject(nil, tag, v)); tag == gp.DataCPLC && err != nil {
			return err
		}
		if _, err := gp.ParseRecognition(gp.AppendObject(nil, tag, v)); tag == gp.DataCardRecognition && err != nil {
			return err
		}
	}
	return nil
}

func (f Factory) option() scp03.Option { return cmp.Or(f.Option, scp03.OptionPseudoRandom) }

func (f Factory) state() gp.CardState { return cmp.Or(f.State, gp.CardSecured) }
