package se_test

import (
	"bytes"
	"cmp"
	"context"
	"encoding/hex"
	"errors"
	"strings"
	"testing"
	"time"

	"mobileid/mdoc/apdu"
	"mobileid/tsm/gp"
	"mobileid/tsm/scp03"
	"mobileid/tsm/se"
	"mobileid/tsm/se/setest"
)

var testNow = time.Date(2026, 11, 1, 3, 0, 0, 0, time.UTC)

// AIDs of the recorded traces.
var (
	testFile   = []byte{0xF0, 0x4D, 0x49, 0x44, 0x4D, 0x44, 0x4F, 0x43}
	testModule = append(bytes.Clone(testFile), 0x01)
)

func instanceAID(n byte) []byte { return append(bytes.Clone(testFile), n) }

// echo is a small applet: it keeps the blocks it gets, and answers commands with their data.
type echo struct {
	log   *[]string
	level scp03.Level
}

func (echo) LoadFile() []byte { return testFile }
func (echo) Module() []byte   { return testModule }
func (echo) Version() [2]byte { return [2]byte{1, 2} }

func (e echo) Level() scp03.Level { return cmp.Or(e.level, scp03.Full) }

func (echo) Accept(instance, parameters []byte) error {
	if bytes.HasPrefix(parameters, []byte{0xFF}) || !bytes.HasPrefix(instance, testFile) {
		return errors.New("not accepted")
	}
	return nil
}

func (e echo) New(p *se.Platform) se.Applet { return &echoApplet{p: p, log: e.log} }

type echoApplet struct {
	p   *se.Platform
	log *[]string
}

func (a *echoApplet) note(what string) {
	if a.log != nil {
		*a.log = append(*a.log, what)
	}
}

func (a *echoApplet) Select()             { a.note("select") }
func (a *echoApplet) Deselect()           { a.note("deselect") }
func (a *echoApplet) EndPersonalization() { a.note("end") }
func (a *echoApplet) Delete()             { a.note("delete") }

func (a *echoApplet) Process(c apdu.Command) apdu.Response {
	return apdu.Response{Data: c.Data, SW: apdu.OK}
}

func (a *echoApplet) StoreData(b gp.Block) apdu.Response {
	tx := a.p.Begin()
	tx.Replace("block", b.Data)
	tx.RaiseReceiptCounter()
	return apdu.Response{SW: se.StatusOf(tx.Commit())}
}

func newElement(tb testing.TB) *setest.Element {
	tb.Helper()
	e := setest.New(tb, testNow, []byte("no certificate is looked at here"))
	e.Config.Applets = []se.Kind{echo{}}
	return e
}

func open(tb testing.TB, e *setest.Element, cfg se.Config) *se.SE {
	tb.Helper()
	if cfg.Applets == nil {
		cfg.Applets = []se.Kind{echo{}}
	}
	cfg.Now, cfg.TestElement = func() time.Time { return testNow }, !e.Factory.TestKeys.IsZero()
	s, err := se.Open(e.Path, cfg)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { closeSE(tb, s) })
	return s
}

func closeSE(tb testing.TB, s *se.SE) {
	tb.Helper()
	if err := s.Close(); err != nil {
		tb.Error(err)
	}
}

func session(tb testing.TB, e *setest.Element, s *se.SE) *setest.Host {
	tb.Helper()
	h, err := setest.Open(context.Background(), s, e.Factory.Keys)
	if err != nil {
		tb.Fatal(err)
	}
	return h
}

// send sends a plain command.
func send(tb testing.TB, s *se.SE, c apdu.Command) apdu.Response {
	tb.Helper()
	b, err := c.Bytes()
	if err != nil {
		tb.Fatal(err)
	}
	return raw(tb, s, b)
}

func raw(tb testing.TB, s *se.SE, command []byte) apdu.Response {
	tb.Helper()
	out, err := s.Transmit(context.Background(), command)
	if err != nil {
		tb.Fatal(err)
	}
	r, err := apdu.ParseResponse(out)
	if err != nil {
		tb.Fatal(err)
	}
	return r
}

// secure sends a command through the session.
func secure(tb testing.TB, h *setest.Host, c apdu.Command) apdu.Response {
	tb.Helper()
	r, err := h.Send(context.Background(), c)
	if err != nil {
		tb.Fatal(err)
	}
	return r
}

func install(tb testing.TB, h *setest.Host, n byte) {
	tb.Helper()
	if err := h.Install(context.Background(), echo{}, instanceAID(n)); err != nil {
		tb.Fatal(err)
	}
}

func unhex(tb testing.TB, s string) []byte {
	tb.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	if err != nil {
		tb.Fatal(err)
	}
	return b
}
