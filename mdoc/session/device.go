package session

import (
	"crypto/ecdh"
	"crypto/rand"
	"fmt"
	"io"
	"sync"

	"mobileid/mdoc/engagement"
	"mobileid/mdoc/transcript"
)

// Device is a device that shows an engagement: it holds a fresh EDeviceKey. It accepts one first message, good or bad; a
// new presentation needs a new Device.
type Device struct {
	engagement *engagement.DeviceEngagement
	handover   handover

	mu  sync.Mutex // guards key
	key *ecdh.PrivateKey
}

// NewDevice makes a fresh P-256 EDeviceKey and an engagement for a QR code. A nil source means crypto/rand; Go's own key
// generation may use the system's source whatever is given.
func NewDevice(source io.Reader, methods []engagement.RetrievalMethod) (*Device, error) {
	if source == nil {
		source = rand.Reader
	}
	key, err := ecdh.P256().GenerateKey(source)
	if err != nil {
		return nil, fmt.Errorf("preparing device session: %w", err)
	}
	eng, err := engagement.New(key.PublicKey(), methods)
	if err != nil {
		return nil, fmt.Errorf("preparing device session: %w", err)
	}
	return &Device{engagement: eng, key: key, handover: transcript.QR}, nil
}

// UseNFC says that the engagement was given over NFC: hs and hr are the complete NDEF messages, hr nil for static
// handover. It is called before [Device.Accept], when the handover is over and its messages are known.
func (d *Device) UseNFC(hs, hr []byte) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.handover = nfcHandover(hs, hr)
}

// Engagement is what the device shows.
func (d *Device) Engagement() *engagement.DeviceEngagement { return d.engagement }

// Accept reads SessionEstablishment and returns the request. The reader's key is checked before anything is decrypted.
// Refusals are *Error and say what the reader should be told. Whatever comes of it, the ephemeral key is forgotten.
func (d *Device) Accept(message []byte) (request []byte, s *DeviceSession, err error) {
	d.mu.Lock()
	key, h := d.key, d.handover
	d.key = nil
	d.mu.Unlock()
	const op = "accepting session"
	if key == nil {
		return nil, nil, fmt.Errorf("%s: the engagement has been used: %w", op, ErrEnded)
	}
	e, err := parseEstablishment(message)
	if err != nil {
		return nil, nil, refuse(StatusDecodingError, op, err)
	}
	pub, err := readerKey(e.EReaderKey, key.Curve())
	if err != nil {
		return nil, nil, refuse(StatusEncryptionError, op, err)
	}
	t, err := h(d.engagement.Bytes(), e.EReaderKey.Bytes())
	if err != nil {
		return nil, nil, refuse(StatusEncryptionError, op, err)
	}
	var in, out *channel
	if in, out, err = channels(key, pub, t); err != nil {
		return nil, nil, refuse(StatusEncryptionError, op, err)
	}
	request, err = in.open(e.Data)
	if err != nil {
		return nil, nil, refuse(StatusEncryptionError, op, err)
	}
	return request, &DeviceSession{transcript: t, reader: pub, link: link{out: out, in: in, received: 1, mySend: true}}, nil
}

// DeviceSession is the device's end of an established session. It may be used from several goroutines.
type DeviceSession struct {
	transcript transcript.Transcript
	reader     *ecdh.PublicKey
	link       link
}

// Transcript is the session transcript that device authentication covers.
func (s *DeviceSession) Transcript() transcript.Transcript { return s.transcript }

// EReaderKey is the reader's ephemeral key; a device MAC needs it.
func (s *DeviceSession) EReaderKey() *ecdh.PublicKey { return s.reader }

// Encrypt seals the response to the last request. With end it carries status 20 and the session is over; without, the
// reader may ask again.
func (s *DeviceSession) Encrypt(response []byte, end bool) ([]byte, error) {
	message, err := s.link.send(response, end)
	if err != nil {
		return nil, fmt.Errorf("encrypting response: %w", err)
	}
	return message, nil
}

// Decrypt opens the reader's next message: a further request, or a status. It behaves as [ReaderSession.Decrypt].
func (s *DeviceSession) Decrypt(message []byte) (request []byte, status *Status, err error) {
	return s.link.receive(message)
}

// Terminate ends the session and returns the message with status 20.
func (s *DeviceSession) Terminate() ([]byte, error) { return s.link.terminate() }
