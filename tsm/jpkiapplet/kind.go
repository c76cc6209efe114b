package jpkiapplet

import (
	"bytes"
	"crypto/rsa"
	"errors"
	"io"

	"mobileid/tsm/applet/ledger"
	"mobileid/tsm/gp"
	"mobileid/tsm/scp03"
	"mobileid/tsm/se"
)

// Version is the version of the applet as the attestation names it.
const Version = "1.0"

// Options of the applet program.
type Options struct {
	// Keys makes the RSA-2048 keys; nil is crypto/rsa. Tests that make many elements share some.
	Keys func(random io.Reader) (*rsa.PrivateKey, error)
}

// Kind returns the applet program for se.Config.Applets.
func Kind(o Options) se.Kind {
	if o.Keys == nil {
		o.Keys = func(random io.Reader) (*rsa.PrivateKey, error) { return rsa.GenerateKey(random, keyBits) }
	}
	return kind{o}
}

const keyBits = 2048

type kind struct{ options Options }

func (kind) LoadFile() []byte   { return []byte(gp.PhoneLoadFile) }
func (kind) Module() []byte     { return []byte(gp.PhoneModule) }
func (kind) Version() [2]byte   { return [2]byte{1, 0} }
func (kind) Level() scp03.Level { return scp03.Full }

// Accept takes the AID of JPKI-AP and no parameters.
func (kind) Accept(instance, parameters []byte) error {
	if len(parameters) != 0 {
		return errors.New("installing instance: parameters where none are due")
	}
	if !bytes.Equal(instance, []byte(gp.PhoneInstance)) {
		return errors.New("installing instance: not the AID of JPKI-AP")
	}
	return nil
}

func (k kind) New(p *se.Platform) se.Applet {
	a := &instance{p: p, newKey: k.options.Keys, Ledger: ledger.Ledger{Platform: p}}
	a.stream.Program = program{a}
	return a
}
