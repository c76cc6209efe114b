package session

import (
	"crypto/ecdh"
	"errors"
	"fmt"

	"mobileid/mdoc/engagement"
	"mobileid/mdoc/transcript"
)

// DeviceWithKey is [NewDevice] for an engagement that was made elsewhere, such as by a stack that does NFC handover on its
// own. key is the private half of the engagement's EDeviceKey; it must be fresh and must not be used again.
func DeviceWithKey(eng *engagement.DeviceEngagement, key *ecdh.PrivateKey) (*Device, error) {
	const op = "preparing device session"
	if eng == nil || key == nil {
		return nil, errors.New(op + ": no engagement or no key")
	}
	public, err := eng.EDeviceKey()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", op, err)
	}
	if !public.Equal(key.PublicKey()) {
		return nil, errors.New(op + ": the key is not the engagement's")
	}
	return &Device{engagement: eng, key: key, handover: transcript.QR}, nil
}

// ReaderWithKey is [NewReader] with an EReaderKey that was made elsewhere. It must be fresh and on the curve of the
// engagement's key.
func ReaderWithKey(eng *engagement.DeviceEngagement, key *ecdh.PrivateKey) (*Reader, error) {
	const op = "preparing reader session"
	if eng == nil || key == nil {
		return nil, errors.New(op + ": no engagement or no key")
	}
	device, err := eng.EDeviceKey()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", op, err)
	}
	if device.Curve() != key.Curve() {
		return nil, errors.New(op + ": the key is on another curve than the engagement's")
	}
	return readerWithKey(eng, device, key, transcript.QR)
}
