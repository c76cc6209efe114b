package engagement

import (
	"fmt"
	"net/url"
)

// WiFiAwareOptions are the options of type 3. ISO/IEC 18013-5:2021, 8.2.1.1; second edition draft, 9.3:
//
//	WifiOptions = {
//	  ? 0: tstr,      ; pass-phrase; without, see NANPassphrase
//	  ? 1: uint,      ; operating class
//	  ? 2: uint,      ; channel number
//	    3: bstr       ; supported bands
//	}
type WiFiAwareOptions struct {
	Passphrase     string `cbor:"0,keyasint,omitempty"`
	OperatingClass uint64 `cbor:"1,keyasint,omitempty"`
	ChannelNumber  uint64 `cbor:"2,keyasint,omitempty"`
	SupportedBands []byte `cbor:"3,keyasint"`
}

// RESTOptions are the options of type 4: a website. ISO/IEC TS 18013-7, Annex A:
//
//	RestOptions = {0: tstr}       ; https URI
type RESTOptions struct {
	URI string `cbor:"0,keyasint"`
}

// maxURI bounds the URI of a website.
const maxURI = 2048

func (o *WiFiAwareOptions) check() error {
	switch {
	case len(o.Passphrase) > 63: // the most a Wi-Fi pass-phrase may have
		return fmt.Errorf("Wi-Fi Aware: pass-phrase of %d bytes: %w", len(o.Passphrase), ErrMalformed)
	case o.OperatingClass > 255 || o.ChannelNumber > 255:
		return fmt.Errorf("Wi-Fi Aware: operating class and channel number are of one byte: %w", ErrMalformed)
	case len(o.SupportedBands) == 0 || len(o.SupportedBands) > 8:
		return fmt.Errorf("Wi-Fi Aware: supported bands of %d bytes: %w", len(o.SupportedBands), ErrMalformed)
	}
	return nil
}

func (o *RESTOptions) check() error {
	if len(o.URI) > maxURI {
		return fmt.Errorf("website: URI of %d bytes: %w", len(o.URI), ErrMalformed)
	}
	u, err := url.Parse(o.URI)
	if err != nil || u.Scheme != "https" || u.Hostname() == "" || u.User != nil {
		return fmt.Errorf("website: not an https URI: %w", ErrMalformed)
	}
	return nil
}
