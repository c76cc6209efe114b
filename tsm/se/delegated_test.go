package se_test

import (
	"bytes"
	"testing"

	"mobileid/mdoc/apdu"
	"mobileid/tsm/gp"
	"mobileid/tsm/se"
	"mobileid/tsm/se/setest"
)

// issuer makes tokens and reads receipts.
type issuer struct {
	tb             testing.TB
	token, receipt []byte
	cardData       []byte
	last           uint64
}

// receipted checks an answer that must be a receipt over these AIDs, with the next number.
func (i *issuer) receipted(answer []byte, aids ...gp.AID) {
	i.tb.Helper()
	r, err := gp.ParseConfirmation(answer)
	if err != nil || r == nil {
		i.tb.Errorf("no receipt: %X, %v", answer, err)
		return
	}
	i.last++
	if n, ok := r.Number(); !ok || n != i.last || !bytes.Equal(r.CardData, i.cardData) {
		i.tb.Errorf("receipt %d of %X, expected %d", n, r.CardData, i.last)
	}
	if err := r.Verify(i.receipt, aids...); err != nil {
		i.tb.Errorf("%v over %v", err, aids)
	}
}

// token makes the issuer's token for a command that has none yet.
func (i *issuer) tokenFor(b interface{ Command() (apdu.Command, error) }) []byte {
	i.tb.Helper()
	mac, err := gp.TokenMAC(i.token, built(i.tb, b))
	if err != nil {
		i.tb.Fatal(err)
	}
	return mac[:]
}

// delegating makes an element with token and receipt key and a domain with Delegated Management.
func delegating(t *testing.T) (*setest.Element, *se.SE, driver, *issuer) {
	t.Helper()
	e, s, keys := withDomain(t, domainA, gp.DelegatedManagement, se.Config{})
	i := &issuer{tb: t, token: setest.Keys(t).ENC, receipt: setest.Keys(t).ENC[:16], cardData: e.Factory.ID}
	isd := drive(t, s, e.Factory.Keys, gp.ISD)
	isd.putSingle(0, 0x70, i.token, apdu.OK)
	isd.putSingle(0, 0x71, i.receipt, apdu.OK)
	return e, s, drive(t, s, keys, domainA), i
}

// Every operation of delegated management needs the issuer's token for this very command, and is answered with a receipt.
func TestDelegatedManagement(t *testing.T) {
	_, _, a, i := delegating(t)
	stream := gp.LoadFileData{File: capFile(foreignFile, 1, 500, foreignModule)}.Bytes()

	load := gp.InstallLoad{LoadFile: foreignFile, Domain: domainA}
	a.do(load, apdu.SecurityStatus)
	load.Token = i.tokenFor(load)
	a.do(load, apdu.OK)
	blocks, err := gp.Load(stream, 0)
	if err != nil {
		t.Fatal(err)
	}
	for _, b := range blocks[:len(blocks)-1] {
		a.send(b, apdu.OK)
	}
	i.receipted(a.send(blocks[len(blocks)-1], apdu.OK), foreignFile, domainA)

	install := gp.Install{LoadFile: gp.AID(testFile), Module: gp.AID(testModule), Instance: instance(1)}
	a.do(install, apdu.SecurityStatus)
	install.Token = i.tokenFor(install)
	other := install
	other.Instance = instance(2)
	a.do(other, apdu.SecurityStatus) // the token is for another command
	spoilt := install
	spoilt.Token = append(bytes.Clone(install.Token[:15]), install.Token[15]^1)
	a.do(spoilt, apdu.SecurityStatus)
	i.receipted(a.do(install, apdu.OK), gp.AID(testFile), instance(1))

	selectable := gp.MakeSelectable{Instance: instance(1)}
	selectable.Token = i.tokenFor(selectable)
	i.receipted(a.do(selectable, apdu.OK), gp.AID(testFile), instance(1))

	extradite := gp.Extradite{Domain: gp.ISD, Application: instance(1)}
	a.do(extradite, apdu.SecurityStatus)
	extradite.Token = i.tokenFor(extradite)
	i.receipted(a.do(extradite, apdu.OK), domainA, instance(1), gp.ISD)

	gone := gp.Delete{AID: foreignFile, Related: true}
	a.do(gone, apdu.SecurityStatus)
	gone.Token = i.tokenFor(gone)
	i.receipted(a.do(gone, apdu.OK), foreignFile)
	foreign := gp.Delete{AID: instance(1)}
	foreign.Token = i.tokenFor(foreign)
	a.do(foreign, apdu.SecurityStatus) // it is the ISD's now, token or not
	if got := a.send(gp.GetData(gp.DataConfirmationCounter), apdu.OK); !bytes.Equal(got, []byte{0xC2, 2, 0, byte(i.last)}) {
		t.Errorf("confirmation counter %X after %d receipts", got, i.last)
	}
}

// The issuer needs no token, may not bring one, and gets its receipts too. They go on over restarts.
func TestReceiptsOfTheISD(t *testing.T) {
	e, s, a, i := delegating(t)
	a.do(gp.Delete{AID: instance(1), Token: make([]byte, 16)}, apdu.SecurityStatus)
	isd := drive(t, s, e.Factory.Keys, gp.ISD)
	install := gp.Install{LoadFile: gp.AID(testFile), Module: gp.AID(testModule), Instance: instance(1)}
	with := install
	with.Token = i.tokenFor(install)
	isd.do(with, apdu.WrongData)
	i.receipted(isd.do(install, apdu.OK), gp.AID(testFile), instance(1))
	closeSE(t, s)
	s = open(t, e, se.Config{})
	isd = drive(t, s, e.Factory.Keys, gp.ISD)
	isd.do(gp.Delete{AID: instance(1), Token: with.Token}, apdu.WrongData)
	i.receipted(isd.do(gp.Delete{AID: instance(1)}, apdu.OK), instance(1))
	isd.do(gp.DeleteKeys{Version: 0x71}, apdu.OK)
	if got := isd.do(install, apdu.OK); !bytes.Equal(got, []byte{0}) {
		t.Errorf("without a receipt key: %X", got)
	}
}

// Without the token key nobody's token holds.
func TestNoTokenKey(t *testing.T) {
	_, s, keys := withDomain(t, domainA, gp.DelegatedManagement, se.Config{})
	install := gp.Install{LoadFile: gp.AID(testFile), Module: gp.AID(testModule), Instance: instance(1), Token: make([]byte, 16)}
	drive(t, s, keys, domainA).do(install, apdu.SecurityStatus)
	mac, err := gp.TokenMAC(keys.ENC, built(t, install))
	if err != nil {
		t.Fatal(err)
	}
	install.Token = mac[:]
	drive(t, s, keys, domainA).do(install, apdu.SecurityStatus)
}
