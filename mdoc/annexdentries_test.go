package mdoc_test

import (
	"bytes"
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/x509"
	"testing"

	"mobileid/mdoc"
	"mobileid/mdoc/cbor"
	"mobileid/mdoc/cose"
	"mobileid/mdoc/mdoctest"
)

// TestAnnexDEntries holds the printed entries against one another: each private key gives its public point, each piece stands in
// the message it is a piece of, and the printed tag is that of the answer.
func TestAnnexDEntries(t *testing.T) {
	d := mdoctest.LoadAnnexD(t)
	public := func(name string) *ecdh.PublicKey {
		t.Helper()
		key, err := ecdh.P256().NewPrivateKey(d.Bytes(t, name+"_d"))
		if err != nil {
			t.Fatal(err)
		}
		return key.PublicKey()
	}
	for _, name := range []string{"e_device_key", "e_reader_key", "s_device_key"} {
		point := append(append([]byte{4}, d.Bytes(t, name+"_x")...), d.Bytes(t, name+"_y")...)
		if !bytes.Equal(public(name).Bytes(), point) {
			t.Errorf("%s: the private key has another point", name)
		}
	}
	root, err := x509.ParseCertificate(d.Bytes(t, "iaca_root_certificate"))
	if err != nil {
		t.Fatal(err)
	}
	rootKey, err := root.PublicKey.(*ecdsa.PublicKey).ECDH()
	if err != nil || !public("iaca_private_key").Equal(rootKey) {
		t.Errorf("the root's private key is another: %v", err)
	}
	for piece, whole := range map[string]string{
		"issuer_auth": "device_response", "device_auth": "device_response", "device_mac_tag": "device_auth", "driving_privileges": "device_response",
		"mobile_security_object_bytes": "issuer_auth", "mobile_security_object": "mobile_security_object_bytes", "ds_certificate": "issuer_auth",
		"device_namespaces_bytes": "device_response", "reader_auth": "device_request", "items_request_bytes": "device_request",
		"items_request": "items_request_bytes", "reader_certificate": "reader_auth", "device_engagement_nfc": "nfc_handover_select_message",
		"e_device_key_bytes": "device_engagement_nfc", "e_reader_key_bytes": "session_establishment", "session_transcript": "session_transcript_bytes",
	} {
		if !bytes.Contains(d.Bytes(t, whole), d.Bytes(t, piece)) {
			t.Errorf("%s does not stand in %s", piece, whole)
		}
	}
	for structure, content := range map[string][]byte{
		"issuer_auth_sig_structure": d.Bytes(t, "mobile_security_object_bytes"), "device_mac_structure": d.Bytes(t, "device_authentication_bytes"),
		"reader_auth_sig_structure": d.Bytes(t, "reader_authentication_bytes"), "reader_authentication_bytes": d.Bytes(t, "session_transcript"),
		"device_authentication_bytes": d.Bytes(t, "session_transcript"),
	} {
		if !bytes.Contains(d.Bytes(t, structure), content) {
			t.Errorf("%s covers something else", structure)
		}
	}
	var auth mdoc.DeviceAuth
	if err := cbor.Unmarshal(d.Bytes(t, "device_auth"), &auth); err != nil {
		t.Fatal(err)
	}
	if m, err := cose.ParseMac0(auth.DeviceMac); err != nil || !bytes.Equal(m.Tag(), d.Bytes(t, "device_mac_tag")) {
		t.Errorf("the printed tag is another: %v", err)
	}
}
