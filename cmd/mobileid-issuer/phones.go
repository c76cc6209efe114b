package main

import (
	"fmt"
	"strings"

	"mobileid/issuer"
	"mobileid/issuer/card/jpki/jpkica"
	"mobileid/issuer/keys"
)

// phones opens the CAs of phone certificates; nil when the settings name none.
func (s *settings) phones() (*issuer.PhoneConfig, error) {
	p := s.PhoneCertificates
	if p == nil {
		return nil, nil
	}
	signature, err := phoneCA(jpkica.Signature, p.Signature)
	if err != nil {
		return nil, fmt.Errorf("opening the signature CA of phones: %w", err)
	}
	authentication, err := phoneCA(jpkica.Authentication, p.Authentication)
	if err != nil {
		return nil, fmt.Errorf("opening the user authentication CA of phones: %w", err)
	}
	return &issuer.PhoneConfig{Signature: signature, Authentication: authentication, URL: strings.TrimRight(p.URL, "/")}, nil
}

func phoneCA(kind jpkica.Kind, f caFiles) (*jpkica.CA, error) {
	key, err := keys.OpenRSA(f.Key)
	if err != nil {
		return nil, err
	}
	list, err := certificates(f.Certificate)
	if err != nil {
		return nil, err
	}
	if len(list) != 1 {
		return nil, fmt.Errorf("%s holds %d certificates, expected one", f.Certificate, len(list))
	}
	return jpkica.OpenCA(jpkica.Profile{Kind: kind, Phone: true}, list[0], key)
}
