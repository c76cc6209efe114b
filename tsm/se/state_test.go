package se_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"maps"
	"math/big"
	mathrand "math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"mobileid/mdoc/apdu"
	"mobileid/tsm/gp"
	"mobileid/tsm/scp03"
	"mobileid/tsm/se"
	"mobileid/tsm/se/nvm"
)

// stored changes objects in a state file.
func stored(t *testing.T, path string, changes ...nvm.Change) {
	t.Helper()
	m, err := nvm.Open(path, nvm.Config{Rand: rand.Reader})
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(m.Commit(changes...), m.Close()); err != nil {
		t.Fatal(err)
	}
}

// A state file of before there were domains and options opens, and means what it meant.
func TestOlderStateFile(t *testing.T) {
	e := newElement(t)
	stored(t, e.Path,
		nvm.Change{Key: "se/option"}, nvm.Change{Key: "se/card-state"}, nvm.Change{Key: "se/test-element"}, nvm.Change{Key: "se/certificate-anchors"},
		nvm.Change{Key: "registry/f04d49444d444f4303", Value: append([]byte{0x07, 0x80}, testModule...)},
	)
	s := open(t, e, se.Config{})
	isd := drive(t, s, e.Factory.Keys, gp.ISD)
	got := isd.list(gp.ScopeApplications)[instance(3)]
	if gp.State(got.State) != gp.StateSelectable|gp.StateLocked || got.LoadFile != gp.AID(testFile) || got.Domain != gp.ISD {
		t.Errorf("%+v", got)
	}
	isd.do(unlock(instance(3)), apdu.OK)
	if isd.list(gp.ScopeDomain)[gp.ISD].State != byte(gp.CardSecured) {
		t.Error("the card is not SECURED")
	}
}

// Objects nobody wrote so make a file that does not open.
func TestDamagedObjects(t *testing.T) {
	for name, c := range map[string]nvm.Change{
		"identity":           {Key: "se/id", Value: []byte{1}},
		"no keys":            {Key: "isd/keys/30"},
		"attestation key":    {Key: "se/attestation-key", Value: []byte{1}},
		"chain":              {Key: "se/attestation-chain", Value: []byte{1}},
		"phone anchors":      {Key: "se/certificate-anchors", Value: []byte{1}},
		"entry of nobody":    {Key: "registry/zz", Value: []byte{1, 2}},
		"file of nobody":     {Key: "file/zz", Value: []byte{1, 2}},
		"entry cut short":    {Key: "registry/f001020304", Value: []byte{0xE3, 2, 0xC5}},
		"entry with a state": {Key: "registry/f001020304", Value: []byte{0xE3, 4, 0x9F, 0x70, 1}},
		"no state":           {Key: "registry/f001020304", Value: []byte{0xE3, 3, 0x9F, 0x70, 0}},
		"privileges":         {Key: "registry/f001020304", Value: []byte{0xE3, 6, 0xC5, 4, 1, 2, 3, 4}},
		"load file":          {Key: "file/f001020304", Value: []byte{1}},
		"load file's inside": {Key: "file/f001020304", Value: []byte{0xE3, 2, 0xC5, 9}},
	} {
		t.Run(name, func(t *testing.T) {
			e := newElement(t)
			stored(t, e.Path, c)
			if _, err := se.Open(e.Path, se.Config{}); !errors.Is(err, se.ErrDamaged) {
				t.Errorf("%v", err)
			}
		})
	}
}

// What cannot be confirmed is not done.
func TestConfirmationCounterEnds(t *testing.T) {
	e := newElement(t)
	stored(t, e.Path, nvm.Change{Key: "se/confirmation", Value: []byte{0xFF, 0xFE}})
	isd := drive(t, open(t, e, se.Config{}), e.Factory.Keys, gp.ISD)
	key := make([]byte, 16)
	if _, err := rand.Read(key); err != nil {
		t.Fatal(err)
	}
	isd.putSingle(0, 0x71, key, apdu.OK)
	r, err := gp.ParseConfirmation(isd.do(gp.Install{LoadFile: gp.AID(testFile), Module: gp.AID(testModule), Instance: instance(1)}, apdu.OK))
	if n, ok := r.Number(); err != nil || !ok || n != 0xFFFF {
		t.Errorf("receipt %d, %v", n, err)
	}
	isd.install(2, apdu.Conditions)
	isd.do(gp.Delete{AID: instance(1)}, apdu.Conditions)
	if got := isd.list(gp.ScopeApplications); len(got) != 1 {
		t.Errorf("%d applications", len(got))
	}
}

func TestFactoryRefuses(t *testing.T) {
	good := newElement(t).Factory
	for name, change := range map[string]func(f *se.Factory){
		"an option that is none": func(f *se.Factory) { f.Option = 0x40 },
		"a locked card":          func(f *se.Factory) { f.State = gp.CardLocked },
		"an unknown object":      func(f *se.Factory) { f.Objects = map[uint16][]byte{0x0067: {1}} },
		"an empty object":        func(f *se.Factory) { f.Objects = map[uint16][]byte{gp.DataIIN: {}} },
		"a large object":         func(f *se.Factory) { f.Objects = map[uint16][]byte{gp.DataIIN: make([]byte, 2000)} },
		"short production data":  func(f *se.Factory) { f.Objects = map[uint16][]byte{gp.DataCPLC: make([]byte, 41)} },
		"no recognition data":    func(f *se.Factory) { f.Objects = map[uint16][]byte{gp.DataCardRecognition: {1}} },
	} {
		t.Run(name, func(t *testing.T) {
			f := good
			change(&f)
			path := filepath.Join(t.TempDir(), "se.nvm")
			if err := se.Manufacture(path, f); err == nil {
				t.Error("manufactured")
			}
			if _, err := os.Stat(path); err == nil {
				t.Error("left a file")
			}
		})
	}
}

// seeded is a source of randomness that gives the same bytes again.
func seeded() *mathrand.ChaCha8 { return mathrand.NewChaCha8([32]byte{1, 2, 3}) }

// The same element, given the same randomness and commands, gives the same answers and the same state file, and elements
// beside it in the process do not change that.
func TestDeterministic(t *testing.T) {
	e := newElement(t)
	e.Factory.Rand, e.Factory.Option = seeded(), scp03.OptionRandom
	e.Factory.Objects = map[uint16][]byte{gp.DataIIN: {1}, gp.DataCardImage: {2}, gp.DataManagerURL: {3}}
	const runs = 4
	answers, files := make([][]byte, runs), make([][]byte, runs)
	var wg sync.WaitGroup
	for n := range runs {
		e.Factory.Rand = seeded()
		e.Again(t)
		path := e.Path
		wg.Go(func() {
			s, err := se.Open(path, se.Config{Applets: []se.Kind{echo{}}, Rand: seeded()})
			if err != nil {
				t.Error(err)
				return
			}
			defer s.Close() //nolint:errcheck // the test looks at the file
			h, err := scp03.NewHost(e.Factory.Keys, seeded())
			if err != nil {
				t.Error(err)
				return
			}
			exchange := func(c apdu.Command) apdu.Response {
				r, err := apdu.Exchange(context.Background(), s, c)
				if err != nil {
					t.Error(err)
				}
				answers[n] = append(answers[n], r.Bytes()...)
				return r
			}
			external, session, err := h.Authenticate(exchange(h.InitializeUpdate()), scp03.Full)
			if err != nil {
				t.Error(err)
				return
			}
			exchange(external)
			for i := range byte(5) {
				c, err := gp.Install{LoadFile: gp.AID(testFile), Module: gp.AID(testModule), Instance: instance(i + 1)}.Command()
				if err == nil {
					c, _, err = session.Wrap(c)
				}
				if err != nil {
					t.Error(err)
					return
				}
				exchange(c)
			}
			if files[n], err = os.ReadFile(path); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	for n := 1; n < runs; n++ {
		if !bytes.Equal(answers[n], answers[0]) || !bytes.Equal(files[n], files[0]) || len(answers[0]) < 100 {
			t.Errorf("run %d differs: %d and %d bytes of answers", n, len(answers[n]), len(answers[0]))
		}
	}
}

// Production data follow from the identity, and from nothing else.
func TestProductionData(t *testing.T) {
	seen := map[string]bool{}
	for i := range 3 {
		e := newElement(t)
		e.Factory.ID = big.NewInt(int64(i) + 1).FillBytes(make([]byte, 10))
		for range 2 {
			e.Again(t)
			c, err := gp.ParseCPLC(send(t, open(t, e, se.Config{}), gp.GetData(gp.DataCPLC)).Data)
			if err != nil || c.ICBatch != [2]byte{0, byte(i + 1)} {
				t.Errorf("%+v, %v", c, err)
			}
			seen[fmt.Sprintf("%+v", c)] = true
		}
	}
	if len(seen) != 3 {
		t.Errorf("%d different: %v", len(seen), maps.Keys(seen))
	}
}

// A chain is bounded; whoever passes the bound loses chain and session.
func TestChainIsBounded(t *testing.T) {
	e := newElement(t)
	s := open(t, e, se.Config{})
	isd := drive(t, s, e.Factory.Keys, gp.ISD)
	part := apdu.Command{CLA: 0x90, INS: 0xE2, P1: 0x90, Data: make([]byte, 255)}
	before := isd.memory()
	send(t, s, command(t, "0070000001"))
	for range 100 {
		if r := send(t, s, part); r.SW != apdu.OK {
			t.Fatal(r.SW)
		}
	}
	free, err := gp.ParseMemory(send(t, s, apdu.Command{CLA: 0x81, INS: 0xCA, P1: 0xFF, P2: 0x21}).Data)
	if err != nil || before.FreeVolatile-free.FreeVolatile != 25500 {
		t.Errorf("%d bytes of a chain take %d, %v", 25500, before.FreeVolatile-free.FreeVolatile, err)
	}
	for range 157 {
		if r := send(t, s, part); r.SW != apdu.OK {
			t.Fatal(r.SW)
		}
	}
	if r := send(t, s, part); r.SW != apdu.WrongLength {
		t.Errorf("beyond 65,535 bytes: %v", r.SW)
	}
	isd.send(command(t, "80CA00D300"), apdu.SecurityStatus)
}
