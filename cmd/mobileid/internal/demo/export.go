package demo

import (
	"context"
	"crypto/ecdh"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"mobileid/cmd/internal/phone"
	"mobileid/mdoc"
	"mobileid/mdoc/cbor"
	"mobileid/mdoc/doctype"
	"mobileid/mdoc/pki"
	"mobileid/mdoc/provisioning"
	"mobileid/mdoc/session"
	"mobileid/mdoc/transcript"
)

func (r *run) anchorFile() string { return filepath.Join(r.dir, "iaca.pem") }

// writeAnchors gives the till its roots as a file, as an installer would.
func (r *run) writeAnchors() error {
	if err := os.WriteFile(r.anchorFile(), pki.EncodePEM(r.authority.IACA.Certificate), 0o600); err != nil {
		return fmt.Errorf("writing the till's roots: %w", err)
	}
	return nil
}

// write puts one file into the folder of --out.
func (r *run) write(name string, content []byte) error {
	if r.options.Out == "" {
		return nil
	}
	path := filepath.Join(r.options.Out, name)
	if err := os.WriteFile(path, content, 0o600); err != nil {
		return fmt.Errorf("writing into the folder of --out: %w", err)
	}
	r.p.report.Files = append(r.p.report.Files, path)
	return nil
}

// meeting is one session held with the library's own reader, whose ephemeral key may be written down so that other tools can check
// the answers. A till never gives its key away.
type meeting struct {
	reader *session.ReaderSession
	phone  *session.DeviceSession
	t      transcript.Transcript
	key    *ecdh.PrivateKey
	raw    []byte // the request
	parsed *mdoc.DeviceRequest
}

func (r *run) meet(items mdoc.ItemsRequest) (*meeting, []byte, error) {
	device, err := newDevice()
	if err != nil {
		return nil, nil, err
	}
	reader, err := session.NewReader(device.Engagement(), nil)
	if err != nil {
		return nil, nil, err
	}
	m := &meeting{t: reader.Transcript(), key: reader.EReaderKey()}
	signer := r.authority.Reader
	if m.raw, err = mdoc.BuildRequest(mdoc.RequestDraft{Items: []mdoc.ItemsRequest{items},
		ReaderAuth: &mdoc.ReaderSigner{Key: signer.Key, Chain: signer.Chain}}, m.t); err != nil {
		return nil, nil, err
	}
	if m.parsed, err = mdoc.ParseDeviceRequest(m.raw); err != nil {
		return nil, nil, err
	}
	message, established, err := reader.Establish(m.raw)
	if err != nil {
		return nil, nil, err
	}
	request, s, err := device.Accept(message)
	if err != nil {
		return nil, nil, err
	}
	m.reader, m.phone = established, s
	return m, request, nil
}

// answer has a slot of the wallet answer inside the session and judges the answer.
func (r *run) answer(ctx context.Context, m *meeting, slot byte, request []byte) (response, issued []byte, err error) {
	w, issued, err := r.wallet(ctx, slot, nil)
	if err != nil {
		return nil, nil, err
	}
	made, err := w.Answer(ctx, request, m.phone.Transcript(), m.phone.EReaderKey())
	if err != nil {
		return nil, nil, err
	}
	message, err := m.phone.Encrypt(made, false)
	if err != nil {
		return nil, nil, err
	}
	if response, _, err = m.reader.Decrypt(message); err != nil {
		return nil, nil, err
	}
	result, err := mdoc.Verify(mdoc.Verification{Response: response, Transcript: m.t, Request: m.parsed, EReaderKey: m.key,
		Anchors: r.anchors, Status: r.lists, Revocation: r.crls, At: r.options.Now()})
	if err != nil {
		return nil, nil, err
	}
	if !result.OK() {
		return nil, nil, fmt.Errorf("an answer of the wallet is not accepted: %s", result.Verdict)
	}
	return response, issued, nil
}

func ask(elements ...[2]string) mdoc.ItemsRequest {
	items := mdoc.ItemsRequest{DocType: doctype.DocTypeMNC}
	for _, e := range elements {
		items.NameSpaces = append(items.NameSpaces, cbor.Entry[string, cbor.Map[string, bool]]{Key: e[0],
			Value: cbor.Map[string, bool]{{Key: e[1], Value: false}}})
	}
	return items
}

// export measures the answer with the age alone, and with --out has both kinds of proof made over one session and written down.
func (r *run) export(ctx context.Context) error {
	age, portrait := [2]string{doctype.NameSpaceISO, "age_over_20"}, [2]string{doctype.NameSpaceJP, "portrait"}
	m, request, err := r.meet(ask(age))
	if err != nil {
		return err
	}
	alone, _, err := r.answer(ctx, m, slotSign, request)
	if err != nil {
		return err
	}
	r.p.report.Figures.AnswerBytes = len(alone)
	r.p.line(r.p.say("年齢だけの回答は %d バイト", "an answer with the age alone has %d bytes"), len(alone))
	if r.options.Out == "" {
		return nil
	}
	t, reading, err := r.tap(ctx)
	if err != nil {
		return err
	}
	if _, _, err := r.phone.Submit(ctx, t, phone.Application{Reading: reading, Slot: slotMAC, Purpose: provisioning.PurposeMAC}); err != nil {
		return err
	}
	if err := r.provision(ctx, t, slotMAC); err != nil {
		return err
	}
	if m, request, err = r.meet(ask(age, portrait)); err != nil {
		return err
	}
	signed, issued, err := r.answer(ctx, m, slotSign, request)
	if err != nil {
		return err
	}
	again, err := m.reader.Encrypt(m.raw)
	if err != nil {
		return err
	}
	if request, _, err = m.phone.Decrypt(again); err != nil {
		return err
	}
	mac, _, err := r.answer(ctx, m, slotMAC, request)
	if err != nil {
		return err
	}
	key, err := x509.MarshalPKCS8PrivateKey(m.key)
	if err != nil {
		return err
	}
	return errors.Join(
		r.write("iaca.pem", pki.EncodePEM(r.authority.IACA.Certificate)),
		r.write("iaca.crl", r.authority.IACA.CRL),
		r.write("ds.pem", pki.EncodePEM(r.authority.DocumentSigner.Chain...)),
		r.write("issuer_signed.cbor", issued),
		r.write("device_request.cbor", m.raw),
		r.write("device_response.cbor", signed),
		r.write("device_response_mac.cbor", mac),
		r.write("session_transcript.cbor", m.t.Array()),
		r.write("reader_ephemeral_key.pem", pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: key})),
	)
}

// writeHandover writes what the handover left, and the APDU log of the whole run.
func (r *run) writeHandover() error {
	return errors.Join(
		r.write("status_list.cwt", r.listOld),
		r.write("status_list_revoked.cwt", r.listNew),
		r.write("handover_receipt.cose", r.receipt),
		r.write("apdu.log", r.rec.log.Bytes()),
	)
}
