package se

import (
	"crypto"
	"io"
	"time"

	"mobileid/mdoc/apdu"
	"mobileid/tsm/gp"
	"mobileid/tsm/scp03"
)

// A Kind is an applet program built into the element: one load file with one module.
type Kind interface {
	// LoadFile and Module are the AIDs INSTALL names, 5 to 16 bytes. They never change.
	LoadFile() []byte
	Module() []byte
	// Version is what GET STATUS shows for the load file.
	Version() [2]byte
	// Accept tells whether an instance may have this AID and these install parameters (the value of C9).
	Accept(instance, parameters []byte) error
	// Level is the least security level at which the element gives an instance a block of personalization; below it the
	// answer is 6982. Below 03 no kind gets one.
	Level() scp03.Level
	// New gives the program of an instance over what the instance has stored. It is called at installation and after every
	// reset, and must not write.
	New(p *Platform) Applet
}

// An Applet is the program of one instance. Its methods are never called concurrently. Whatever it keeps outside the
// Platform's memory is volatile.
type Applet interface {
	// Select and Deselect tell that the instance becomes, or ceases to be, the selected one.
	Select()
	Deselect()
	// Process answers a command outside any session while the instance is selected, which it is on one logical channel at a
	// time. Chained commands arrive joined, classes without the channel. It sees no SELECT.
	Process(c apdu.Command) apdu.Response
	// StoreData answers a block of personalization; only a session at the kind's security level or above brings one. The
	// data are the applet's until it returns.
	StoreData(b gp.Block) apdu.Response
	// EndPersonalization tells that no further block will come from this session.
	EndPersonalization()
	// Delete tells that the instance is about to be deleted; its objects are erased by the element. It can only drop what
	// is volatile.
	Delete()
}

// A FileSelector is an Applet with files of its own, as card applications before GlobalPlatform have them.
type FileSelector interface {
	Applet
	// SelectFile answers SELECT of anything but an application (P1 other than 04) while the instance is selected.
	SelectFile(c apdu.Command) apdu.Response
	// Reselect is called instead of Deselect and Select when the selected instance is selected again.
	Reselect()
}

// A Platform is what one instance can do with the element: its own objects, and no other instance's.
type Platform struct {
	se  *SE
	aid gp.AID
}

// SEID is the identity of the element, 10 bytes.
func (p *Platform) SEID() []byte { return p.se.ID() }

// Instance is the AID of this instance.
func (p *Platform) Instance() []byte { return []byte(p.aid) }

// Rand is the element's source of randomness.
func (p *Platform) Rand() io.Reader { return p.se.cfg.Rand }

// Now is the element's clock.
func (p *Platform) Now() time.Time { return p.se.cfg.Now() }

// Attestor signs with the attestation key of the factory; the key itself stays with the element.
func (p *Platform) Attestor() crypto.Signer { return attestor{p.se.attestation} }

// AttestationChain is the certificate chain of the attestation key, the element's first, the root left out.
func (p *Platform) AttestationChain() [][]byte { return p.se.chain }

// IssuerAnchors are the IACA certificates put in at the factory, DER.
func (p *Platform) IssuerAnchors() [][]byte { return p.se.anchors }

// CertificateAnchors are the CA certificates of phone certificates put in at the factory, DER; there may be none.
func (p *Platform) CertificateAnchors() [][]byte { return p.se.certificateAnchors }

// Locked tells whether the instance is locked.
func (p *Platform) Locked() bool {
	e, ok := p.se.entry(p.aid)
	return !ok || e.locked
}

// Privileges are those of this instance.
func (p *Platform) Privileges() gp.Privileges {
	e, _ := p.se.entry(p.aid)
	return e.privileges
}

// Load gives a copy of an object of this instance.
func (p *Platform) Load(name string) ([]byte, bool) {
	return p.se.mem.Load(objectKey(p.aid, name))
}

// Begin starts a transaction.
func (p *Platform) Begin() *Tx { return &Tx{p: p} }

// attestor hides the key behind the one thing that may be done with it.
type attestor struct{ key crypto.Signer }

func (a attestor) Public() crypto.PublicKey { return a.key.Public() }

func (a attestor) Sign(rand io.Reader, digest []byte, opts crypto.SignerOpts) ([]byte, error) {
	return a.key.Sign(rand, digest, opts)
}
