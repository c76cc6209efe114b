package session

import (
	"crypto/ecdh"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"sync"

	"mobileid/mdoc/cbor"
	"mobileid/mdoc/cose"
	"mobileid/mdoc/engagement"
	"mobileid/mdoc/transcript"
)

// Reader is a reader that has read an engagement: it holds a fresh EReaderKey and the session transcript, so a request
// can be signed before anything is sent. It establishes one session.
type Reader struct {
	device     *ecdh.PublicKey
	key        *ecdh.PrivateKey
	keyBytes   []byte // EReaderKeyBytes, #6.24(bstr .cbor COSE_Key)
	transcript transcript.Transcript

	mu   sync.Mutex // guards used
	used bool
}

// NewReader makes a fresh EReaderKey on the curve of the engagement's key, for a QR engagement. A nil source means
// crypto/rand; Go's own key generation may use the system's source whatever is given.
func NewReader(eng *engagement.DeviceEngagement, source io.Reader) (*Reader, error) {
	return newReader(eng, source, transcript.QR)
}

// NewReaderNFC is [NewReader] after NFC engagement: hs and hr are the complete NDEF messages, hr nil for static handover.
func NewReaderNFC(eng *engagement.DeviceEngagement, hs, hr []byte, source io.Reader) (*Reader, error) {
	return newReader(eng, source, nfcHandover(hs, hr))
}

// handover builds the transcript once EReaderKey is known.
type handover func(engagement, eReaderKeyBytes []byte) (transcript.Transcript, error)

func nfcHandover(hs, hr []byte) handover {
	return func(eng, key []byte) (transcript.Transcript, error) { return transcript.NFC(eng, key, hs, hr) }
}

func newReader(eng *engagement.DeviceEngagement, source io.Reader, h handover) (*Reader, error) {
	if eng == nil {
		return nil, errors.New("preparing reader session: no engagement")
	}
	device, err := eng.EDeviceKey()
	if err != nil {
		return nil, fmt.Errorf("preparing reader session: %w", err)
	}
	if source == nil {
		source = rand.Reader
	}
	var key *ecdh.PrivateKey
	if key, err = device.Curve().GenerateKey(source); err != nil {
		return nil, fmt.Errorf("preparing reader session: %w", err)
	}
	return readerWithKey(eng, device, key, h)
}

func readerWithKey(eng *engagement.DeviceEngagement, device *ecdh.PublicKey, key *ecdh.PrivateKey, h handover) (*Reader, error) {
	var public cose.Key
	var err error
	if public, err = cose.NewKey(key.PublicKey()); err != nil {
		return nil, fmt.Errorf("preparing reader session: %w", err)
	}
	keyBytes := cbor.AppendEmbedded(nil, public.Bytes())
	t, err := h(eng.Bytes(), keyBytes)
	if err != nil {
		return nil, fmt.Errorf("preparing reader session: %w", err)
	}
	return &Reader{device: device, key: key, keyBytes: keyBytes, transcript: t}, nil
}

// Transcript is the session transcript, known before the session is.
func (r *Reader) Transcript() transcript.Transcript { return r.transcript }

// EReaderKey is the ephemeral private key; the verifier of a device MAC needs it. It must not be stored.
func (r *Reader) EReaderKey() *ecdh.PrivateKey { return r.key }

// Establish encrypts the first request and opens the session. It succeeds once.
func (r *Reader) Establish(request []byte) (message []byte, s *ReaderSession, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.used {
		return nil, nil, fmt.Errorf("establishing session: already established: %w", ErrEnded)
	}
	if err := checkPayload(request); err != nil {
		return nil, nil, fmt.Errorf("establishing session: %w", err)
	}
	out, in, err := channels(r.key, r.device, r.transcript)
	if err != nil {
		return nil, nil, fmt.Errorf("establishing session: %w", err)
	}
	r.used = true
	if message, err = establish(r.keyBytes, out, request); err != nil {
		return nil, nil, fmt.Errorf("establishing session: %w", err)
	}
	return message, &ReaderSession{link: link{out: out, in: in, sent: 1}}, nil
}

// ReaderSession is the reader's end of an established session. It may be used from several goroutines.
type ReaderSession struct{ link link }

// Decrypt opens the device's next message. data is nil when the message carries only a status; a status, like every
// error, has ended the session. Refusals are *Error and say what the device should be told.
func (s *ReaderSession) Decrypt(message []byte) (data []byte, status *Status, err error) {
	return s.link.receive(message)
}

// Encrypt seals a further request. It is refused while a response is outstanding.
func (s *ReaderSession) Encrypt(request []byte) ([]byte, error) {
	message, err := s.link.send(request, false)
	if err != nil {
		return nil, fmt.Errorf("encrypting request: %w", err)
	}
	return message, nil
}

// Terminate ends the session and returns the message with status 20.
func (s *ReaderSession) Terminate() ([]byte, error) { return s.link.terminate() }
