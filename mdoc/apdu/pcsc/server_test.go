package pcsc_test

import (
	"context"
	"encoding/binary"
	"io"
	"net"
	"path/filepath"
	"sync"
	"testing"

	"mobileid/mdoc/apdu/pcsc"
)

// The daemon's side, written from pcsc-lite's src/winscard_msg.h and src/winscard_svc.c by offsets of its own, so that a wrong
// offset in the client shows.
const (
	establish  = 0x01
	release    = 0x02
	connect    = 0x04
	reconnect  = 0x05
	disconnect = 0x06
	begin      = 0x07
	end        = 0x08
	transmit   = 0x09
	status     = 0x0B
	attribute  = 0x0F
	version    = 0x11
	states     = 0x12
	wait       = 0x13
	stopWait   = 0x14
	arraySize  = 0x16
	array      = 0x17
)

// sizes are those of the structures behind the header.
var sizes = map[uint32]uint32{
	establish: 12, release: 8, connect: 152, reconnect: 24, disconnect: 12, begin: 8, end: 12, transmit: 32, status: 8,
	attribute: 280, version: 12, states: 0, wait: 0, stopWait: 0, arraySize: 0, array: 0,
}

const (
	contextHandle = 0x1234
	cardHandle    = 0x7A7B7C7D
	stopped       = 0x8010001E
	readerOne     = "Virtual PCD 00 00"
)

// server is a faked pcscd.
type server struct {
	t testing.TB
	// accepts are the minor versions it takes; it names the last.
	accepts []uint32
	// answerVersion, if set, is what it names in every answer, as 2.5 does.
	answerVersion uint32
	// protocol is active after connect.
	protocol uint32
	// card answers commands; nil bytes and a code refuse.
	card func(command []byte) ([]byte, uint32)
	// code is returned by a command of this number in place of success.
	code map[uint32]uint32
	// raw replaces the whole answer to a command; it may block.
	raw map[uint32]func(c net.Conn) []byte

	mu      sync.Mutex
	atr     []byte
	state   uint32
	events  uint32
	none    bool // no reader is plugged in
	seen    []uint32
	bodies  map[uint32][]byte
	waiting []net.Conn
}

func newServer(t testing.TB) *server {
	return &server{
		t: t, accepts: []uint32{4}, protocol: 2, state: 0x34, atr: []byte{0x3B, 0x00}, code: map[uint32]uint32{},
		raw: map[uint32]func(net.Conn) []byte{}, bodies: map[uint32][]byte{},
		card: func(c []byte) ([]byte, uint32) { return append(append([]byte{}, c...), 0x90, 0x00), 0 },
	}
}

// start listens and gives a client of the server.
func (s *server) start(o pcsc.Options) *pcsc.Client {
	s.t.Helper()
	o.Socket = filepath.Join(s.t.(interface{ TempDir() string }).TempDir(), "s")
	l, err := net.Listen("unix", o.Socket)
	if err != nil {
		s.t.Fatal(err)
	}
	var threads sync.WaitGroup
	threads.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			threads.Go(func() { s.serve(c) })
		}
	})
	client := pcsc.New(o)
	s.t.Cleanup(func() {
		client.Close()
		_ = l.Close()
		threads.Wait()
	})
	return client
}

// pipe gives a client whose connections are pipes in this process.
func (s *server) pipe(o pcsc.Options) *pcsc.Client {
	o.Dial = func(context.Context) (net.Conn, error) {
		here, there := net.Pipe()
		go s.serve(there)
		return here, nil
	}
	return pcsc.New(o)
}

func (s *server) serve(c net.Conn) {
	defer c.Close()
	minor := uint32(0)
	for {
		var header [8]byte
		if _, err := io.ReadFull(c, header[:]); err != nil {
			return
		}
		size, command := word(header[:], 0), word(header[:], 4)
		if want, ok := sizes[command]; !ok || want != size {
			s.t.Errorf("command %#x with a body of %d bytes", command, size)
			return
		}
		body := make([]byte, size)
		if _, err := io.ReadFull(c, body); err != nil {
			return
		}
		s.mu.Lock()
		s.seen = append(s.seen, command)
		s.bodies[command] = append([]byte{}, body...)
		raw := s.raw[command]
		s.mu.Unlock()
		var answer []byte
		if raw != nil {
			if answer = raw(c); answer == nil {
				return
			}
		} else {
			answer = s.answer(c, command, body, &minor)
		}
		if len(answer) == 0 {
			continue
		}
		if _, err := c.Write(answer); err != nil {
			return
		}
	}
}

func (s *server) answer(c net.Conn, command uint32, body []byte, minor *uint32) []byte {
	if code, ok := s.code[command]; ok && command != transmit {
		put(body, len(body)-4, code)
		return body
	}
	switch command {
	case version:
		*minor = word(body, 4)
		s.version(body)
	case establish:
		put(body, 4, contextHandle)
	case connect:
		put(body, 140, cardHandle)
		put(body, 144, s.protocol)
	case reconnect:
		put(body, 16, s.protocol)
	case transmit:
		return s.transmit(c, body)
	case attribute:
		copy(body[8:], "vendor")
		put(body, 272, 6)
	case states:
		return s.states(16)
	case arraySize:
		return binary.NativeEndian.AppendUint32(nil, 20)
	case array:
		return s.states(20)
	case wait:
		if *minor != 4 && *minor != 5 {
			s.t.Errorf("wait in version 4.%d", *minor)
		}
		s.mu.Lock()
		s.waiting = append(s.waiting, c)
		s.mu.Unlock()
		return s.states(16)
	case stopWait:
		return s.stop(c)
	}
	return body
}

func (s *server) version(body []byte) {
	known := s.accepts[len(s.accepts)-1]
	for _, m := range s.accepts {
		if word(body, 0) == 4 && word(body, 4) == m {
			known = 0
		}
	}
	if known != 0 {
		put(body, 4, known)
		put(body, 8, stopped)
	}
	if s.answerVersion != 0 {
		put(body, 4, s.answerVersion)
	}
	put(body, 0, 4)
}

func (s *server) transmit(c net.Conn, body []byte) []byte {
	command := make([]byte, word(body, 12))
	if _, err := io.ReadFull(c, command); err != nil {
		return nil
	}
	s.mu.Lock()
	s.bodies[transmit] = append(s.bodies[transmit], command...)
	s.mu.Unlock()
	response, code := s.card(command)
	if uint32(len(response)) > word(body, 24) {
		code = 0x80100008
	}
	put(body, 24, uint32(len(response)))
	put(body, 28, code)
	if code != 0 {
		return body
	}
	if _, err := c.Write(body); err != nil {
		return nil
	}
	return response
}

// states are reader states: name at 0, events at 128, state at 132, sharing at 136, ATR at 140, its length at 176, protocol at 180.
func (s *server) states(n int) []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	b := make([]byte, n*184)
	if s.none {
		return b
	}
	r := b[(n-1)*184:] // free places before it are normal
	copy(r, readerOne)
	put(r, 128, s.events)
	put(r, 132, s.state)
	put(r, 136, ^uint32(0))
	copy(r[140:], s.atr)
	put(r, 176, uint32(len(s.atr)))
	put(r, 180, s.protocol)
	return b
}

// stop takes a client off the list and answers only if it was there.
func (s *server) stop(c net.Conn) []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i, w := range s.waiting {
		if w == c {
			s.waiting = append(s.waiting[:i], s.waiting[i+1:]...)
			return make([]byte, 8)
		}
	}
	return []byte{}
}

// change changes the card and tells those who wait.
func (s *server) change(f func()) {
	s.mu.Lock()
	f()
	waiting := s.waiting
	s.waiting = nil
	s.mu.Unlock()
	for _, c := range waiting {
		_, _ = c.Write(make([]byte, 8))
	}
}

func (s *server) count(command uint32) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := 0
	for _, c := range s.seen {
		if c == command {
			n++
		}
	}
	return n
}

func word(b []byte, offset int) uint32   { return binary.NativeEndian.Uint32(b[offset:]) }
func put(b []byte, offset int, v uint32) { binary.NativeEndian.PutUint32(b[offset:], v) }
