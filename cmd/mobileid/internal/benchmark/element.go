package benchmark

import (
	"context"
	"crypto/rand"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"time"

	"mobileid/mdoc/apdu"
	"mobileid/mdoc/pki"
	"mobileid/tsm/gp"
	"mobileid/tsm/scp03"
	"mobileid/tsm/se"
)

// elementCommands counts how many wrapped STORE DATA of 239 bytes the modelled element takes in a second, at level 33 with
// keys of AES-128 on one core, with what the server does: wrapping the command and checking the answer. The applet is the sink
// below, which only buffers what it gets.
func elementCommands(ctx context.Context, h harness, w *world, p *printer) (err error) {
	dir, err := os.MkdirTemp("", "mobileid-bench-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	element, keys, err := w.element(filepath.Join(dir, "se.state"))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, element.Close()) }()
	s, err := openElement(ctx, element, keys)
	if err != nil {
		return err
	}
	block := apdu.Command{CLA: 0x80, INS: 0xE2, P1: 0x10, Data: make([]byte, gp.BlockSize)}
	store := func() error {
		block.P2++
		return s.exchange(ctx, block)
	}
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	h = h.withAside()
	calls, err := h.calls(store)
	if err != nil {
		return err
	}
	times := make([]time.Duration, 0, h.rounds)
	for range h.rounds {
		each, err := h.time(store, calls)
		if err != nil {
			return err
		}
		times = append(times, each)
	}
	p.count("se_commands_per_s", int(time.Second/max(1, median(times))))
	return nil
}

// element makes a secure element and switches it on.
func (w *world) element(path string) (*se.SE, scp03.Keys, error) {
	random := make([]byte, 10+3*16)
	if _, err := rand.Read(random); err != nil {
		return nil, scp03.Keys{}, err
	}
	id, k := random[:10], random[10:]
	keys := scp03.Keys{ENC: k[:16], MAC: k[16:32], DEK: k[32:], Version: 0x30}
	from := w.now.AddDate(0, -1, 0)
	root, err := newParty(pki.Template{Profile: pki.SERoot, CommonName: "TEST SE root", NotBefore: from, NotAfter: from.AddDate(9, 0, 0)}, nil)
	if err != nil {
		return nil, keys, err
	}
	chip, err := newParty(pki.Template{Profile: pki.SEAttestation, CommonName: "TEST SE", SEID: id, NotBefore: from,
		NotAfter: from.AddDate(5, 0, 0)}, &root)
	if err != nil {
		return nil, keys, err
	}
	if err := se.Manufacture(path, se.Factory{ID: id, Keys: keys, AttestationKey: chip.key,
		AttestationChain: [][]byte{chip.cert.Raw}, IssuerAnchors: [][]byte{root.cert.Raw}}); err != nil {
		return nil, keys, err
	}
	element, err := se.Open(path, se.Config{Applets: []se.Kind{sinkKind{}}})
	return element, keys, err
}

// server is the other end of a session with an element; it reuses its buffers.
type server struct {
	element            *se.SE
	session            *scp03.HostSession
	wrapped, wire, out []byte
}

// openElement opens a session, installs the sink and directs what follows to it.
func openElement(ctx context.Context, element *se.SE, keys scp03.Keys) (*server, error) {
	h, err := scp03.NewHostWith(keys, scp03.HostConfig{AID: []byte(gp.ISD)})
	if err != nil {
		return nil, err
	}
	r, err := apdu.Exchange(ctx, element, h.InitializeUpdate())
	if err != nil {
		return nil, err
	}
	external, session, err := h.Authenticate(r, scp03.Full)
	if err != nil {
		return nil, err
	}
	if r, err = apdu.Exchange(ctx, element, external); err != nil {
		return nil, err
	}
	if err := session.Opened(r); err != nil {
		return nil, err
	}
	s := &server{element: element, session: session}
	for _, i := range []gp.Installation{
		gp.Install{LoadFile: sinkFile, Module: sinkFile, Instance: sinkFile + "\x01"}, gp.Personalize{Instance: sinkFile + "\x01"},
	} {
		c, err := i.Command()
		if err != nil {
			return nil, err
		}
		if err := s.exchange(ctx, c); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// exchange sends one command through the session and demands 9000.
func (s *server) exchange(ctx context.Context, c apdu.Command) error {
	c, ticket, err := s.session.AppendWrap(s.wrapped[:0], c)
	if err != nil {
		return err
	}
	s.wrapped = c.Data
	if s.wire, err = c.AppendTo(s.wire[:0]); err != nil {
		return err
	}
	answer, err := s.element.Transmit(ctx, s.wire)
	if err != nil {
		return err
	}
	r, err := apdu.ParseResponse(answer)
	if err != nil {
		return err
	}
	if r, err = s.session.AppendUnwrap(s.out[:0], ticket, r); err != nil {
		return err
	}
	s.out = r.Data
	return r.Err()
}

const sinkFile gp.AID = "\xF0\x4D\x49\x44\x42\x45\x4E\x43\x48"

// sink is an applet that buffers the blocks of a sequence and does nothing with them.
type sink struct{ buffer []byte }

func (*sink) Select()             {}
func (*sink) Deselect()           {}
func (*sink) EndPersonalization() {}
func (*sink) Delete()             {}

// Process knows no command.
func (*sink) Process(apdu.Command) apdu.Response { return apdu.Response{SW: apdu.InsUnsupported} }

// StoreData keeps the block.
func (s *sink) StoreData(b gp.Block) apdu.Response {
	if b.Number == 0 {
		s.buffer = s.buffer[:0]
	}
	s.buffer = append(s.buffer, b.Data...)
	return apdu.Response{SW: apdu.OK}
}

// sinkKind is the program of sink.
type sinkKind struct{}

func (sinkKind) LoadFile() []byte           { return []byte(sinkFile) }
func (sinkKind) Module() []byte             { return []byte(sinkFile) }
func (sinkKind) Version() [2]byte           { return [2]byte{1, 0} }
func (sinkKind) Level() scp03.Level         { return scp03.Full }
func (sinkKind) Accept(_, _ []byte) error   { return nil }
func (sinkKind) New(*se.Platform) se.Applet { return &sink{} }
