package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"mobileid/cmd/internal/link"
	"mobileid/issuer/tsmclient"
	"mobileid/mdoc"
	"mobileid/mdoc/apdu"
	"mobileid/mdoc/cbor"
	"mobileid/mdoc/mdoctest/canary"
	"mobileid/mdoc/pki"
	"mobileid/mdoc/provisioning"
	"mobileid/tsm"
	"mobileid/tsm/applet"
	"mobileid/tsm/se"
	"mobileid/tsm/seram"
)

// What a child of the test is told: its part, and the folder of the test.
const (
	envPart   = "MOBILEID_TEST_PART" // tsm or issuer
	envFolder = "MOBILEID_TEST_FOLDER"
)

// parties is what the test gives its issuer's process. The values are drawn anew
// for each run, so that no program holds one.
type parties struct {
	Signer, Chain, SERoot []byte
	Values                map[string][]byte // element -> value in UTF-8, or the portrait's bytes
}

// TestCanariesInMemory lets the TSM's own process carry a document whose elements
// hold values of this run, and looks for them in all its memory, in the middle of
// the job and after it, in its store and in its log. The same search must find them
// in the issuer's process, and in the TSM's the sealed bytes it carries.
func TestCanariesInMemory(t *testing.T) {
	switch folder := os.Getenv(envFolder); os.Getenv(envPart) {
	case "tsm":
		os.Exit(run(context.Background(), []string{"-config", filepath.Join(folder, "settings.json")}, os.Stdout, os.Stderr))
	case "issuer":
		issue(t, folder)
		return
	}
	r := newRig(t)
	issuer := r.start("issuer")
	r.settings(r.file("issuer.addr"))
	service := r.start("tsm")
	phones, orders := addresses(t, service.log)

	r.order(orders)
	var during [][]byte
	halfWay := func() { // the document is sealed and on its way
		r.learn()
		store, err := os.ReadFile(filepath.Join(r.folder, "state"))
		check(t, err)
		during = [][]byte{store}
		service.search(t, r.canaries, nil)
		service.search(t, nil, r.sealed)
		issuer.search(t, nil, r.canaries)
	}
	r.contact(phones, halfWay)
	if during == nil {
		t.Fatal("no document was delivered")
	}
	service.search(t, r.canaries, nil)
	service.search(t, nil, r.keys[:1]) // the master key has to be somewhere

	store, err := os.ReadFile(filepath.Join(r.folder, "state"))
	check(t, err)
	for name, text := range map[string][]byte{"store in the middle": during[0], "store at the end": store, "log": []byte(service.log.String())} {
		if len(text) == 0 {
			t.Errorf("%s is empty", name)
		}
		for _, n := range slices.Concat(r.canaries, r.keys) {
			if bytes.Contains(text, n.bytes) {
				t.Errorf("%s stands in the %s", n.name, name)
			}
		}
	}
	if !slices.ContainsFunc(r.sealed, func(n needle) bool { return bytes.Contains(during[0], n.bytes) }) {
		t.Error("the store does not hold the sealed bytes where they are looked for")
	}
	t.Logf("%d searches for values, items and keys, in %d MiB of the TSM's memory twice, its store twice and its log: none found; each value found in the issuer's memory, the sealed bytes in the TSM's",
		2*len(r.canaries)+3*(len(r.canaries)+len(r.keys)), service.searched>>20)
}

// rig is the parent's part: it orders, and is the phone.
type rig struct {
	*testing.T
	folder   string
	orderKey *ecdsa.PrivateKey
	seID     []byte
	element  *se.SE
	parties  parties
	canaries []needle // what must not be found
	sealed   []needle // windows of the cipher text
	keys     []needle // the master key, then the element's keys
}

func newRig(t *testing.T) *rig {
	path := good(t, nil)
	r := &rig{T: t, folder: filepath.Dir(path), seID: make([]byte, 10)}
	_, _ = rand.Read(r.seID)
	var err error
	r.orderKey, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	check(t, err)
	der, err := x509.MarshalPKIXPublicKey(r.orderKey.Public())
	check(t, err)
	check(t, os.WriteFile(filepath.Join(r.folder, "order.pub"), pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}), 0o600))
	r.people()
	r.manufacture()
	var stdout, stderr bytes.Buffer
	if code := run(t.Context(), []string{"-config", path, "-init"}, &stdout, &stderr); code != 0 {
		t.Fatalf("-init: exit %d: %s", code, stderr.String())
	}
	return r
}

func (r *rig) read(name string) []byte {
	r.Helper()
	raw, err := os.ReadFile(filepath.Join(r.folder, name))
	check(r.T, err)
	return raw
}

// people draws the values.
func (r *rig) people() {
	word := func(prefix string) []byte {
		b := make([]byte, 12)
		_, _ = rand.Read(b)
		return []byte(prefix + hex.EncodeToString(b))
	}
	portrait := make([]byte, 20<<10)
	_, _ = rand.Read(portrait)
	r.parties.Values = map[string][]byte{
		"full_name_unicode": word("見本　"), "resident_address_unicode": word("試験県"), "document_number": word("N"), "portrait": portrait,
	}
	for name, v := range r.parties.Values {
		for i := 0; i+32 <= len(v) || i == 0; i += 4 << 10 {
			r.canaries = append(r.canaries, forms(fmt.Sprintf("%s from %d", name, i), v[i:min(i+32, len(v))])...)
		}
	}
}

// manufacture makes the authorities and the phone's element.
func (r *rig) manufacture() {
	from := time.Now().Add(-time.Hour)
	key := func() *ecdsa.PrivateKey {
		k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		check(r.T, err)
		return k
	}
	make := func(t pki.Template, public crypto.PublicKey, parent *x509.Certificate, by *ecdsa.PrivateKey) *x509.Certificate {
		t.Country, t.NotBefore, t.NotAfter = "JP", from, from.AddDate(1, 0, 0)
		if parent == nil {
			t.NotBefore, t.NotAfter = from.Add(-time.Hour), from.AddDate(5, 0, 0)
		}
		der, err := pki.Create(t, public, parent, by, nil)
		check(r.T, err)
		c, err := x509.ParseCertificate(der)
		check(r.T, err)
		return c
	}
	const uri = "https://issuer.example"
	iacaKey, signerKey, rootKey, attestationKey := key(), key(), key(), key()
	iaca := make(pki.Template{Profile: pki.IACA, CommonName: "TEST IACA", IssuerAltURI: uri}, iacaKey.Public(), nil, iacaKey)
	signer := make(pki.Template{Profile: pki.DocumentSigner, CommonName: "TEST DS", IssuerAltURI: uri, CRLURI: uri + "/crl"}, signerKey.Public(), iaca, iacaKey)
	root := make(pki.Template{Profile: pki.SERoot, CommonName: "TEST SE root"}, rootKey.Public(), nil, rootKey)
	attestation := make(pki.Template{Profile: pki.SEAttestation, CommonName: "TEST SE", SEID: r.seID}, attestationKey.Public(), root, rootKey)
	raw, err := x509.MarshalECPrivateKey(signerKey)
	check(r.T, err)
	r.parties.Signer, r.parties.Chain, r.parties.SERoot = raw, signer.Raw, root.Raw
	saved, err := json.Marshal(r.parties)
	check(r.T, err)
	check(r.T, os.WriteFile(filepath.Join(r.folder, "parties"), saved, 0o600))

	master, err := tsm.NewMasterKey(r.read("48"), firstKeyVersion)
	check(r.T, err)
	keys, err := master.Derive(r.Context(), r.seID, firstKeyVersion)
	check(r.T, err)
	r.keys = append(r.keys, needle{"master key", r.read("48")})
	for name, k := range map[string][]byte{"master key": r.read("48"), "Key-ENC": keys.ENC, "Key-MAC": keys.MAC, "Key-DEK": keys.DEK} {
		r.keys = append(r.keys, forms(name, k)...)
	}
	path := filepath.Join(r.folder, "element")
	check(r.T, se.Manufacture(path, se.Factory{ID: r.seID, Keys: keys, AttestationKey: attestationKey,
		AttestationChain: [][]byte{attestation.Raw}, IssuerAnchors: [][]byte{iaca.Raw}}))
	r.element, err = se.Open(path, se.Config{Applets: []se.Kind{applet.Kind()}})
	check(r.T, err)
	r.Cleanup(func() { check(r.T, r.element.Close()) })
}

// settings points the TSM to the issuer.
func (r *rig) settings(issuer []byte) {
	var s map[string]any
	check(r.T, json.Unmarshal(r.read("settings.json"), &s))
	s["issuer_url"] = "https://" + string(issuer)
	text, err := json.Marshal(s)
	check(r.T, err)
	check(r.T, os.WriteFile(filepath.Join(r.folder, "settings.json"), text, 0o600))
}

// file waits for a file that the issuer's process writes.
func (r *rig) file(name string) []byte {
	r.Helper()
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); {
		if raw, err := os.ReadFile(filepath.Join(r.folder, name)); err == nil && len(raw) > 0 {
			return raw
		}
	}
	r.Fatalf("no file %s", name)
	return nil
}

// learn reads what the issuer issued and sealed: the items, salted, are canaries too.
func (r *rig) learn() {
	issued, sealed := r.file("issued"), r.file("sealed")
	doc, err := mdoc.ParseIssuerSigned(issued)
	check(r.T, err)
	for name := range r.parties.Values {
		item, ok := doc.Item("org.iso.23220.1.jp", name)
		if !ok {
			r.Fatalf("no item %s", name)
		}
		raw := item.Bytes()
		r.canaries = append(r.canaries, forms("item "+name, raw[:min(len(raw), 48)])...)
		r.canaries = append(r.canaries, forms("end of item "+name, raw[len(raw)-32:])...)
	}
	for i := 1000; i+32 < len(sealed); i += 4 << 10 {
		r.sealed = append(r.sealed, needle{fmt.Sprintf("sealed bytes from %d", i), sealed[i : i+32]})
	}
}

// order hands an order in, as the issuer does.
func (r *rig) order(address string) {
	id, challenge := make([]byte, 16), make([]byte, 32)
	_, _ = rand.Read(id)
	_, _ = rand.Read(challenge)
	signed, err := provisioning.SignOrder(r.orderKey, provisioning.Order{ID: id, Kind: provisioning.OrderProvision, SEID: r.seID, Slot: 1,
		Purpose: provisioning.PurposeSign, Challenge: challenge, NotAfter: cbor.NewTDate(time.Now().Add(time.Hour))})
	check(r.T, err)
	line, err := link.Open(link.In(filepath.Join(r.folder, "service"), link.IssuerEnd, "127.0.0.1:0"), discard(), nil)
	check(r.T, err)
	client, err := tsmclient.New(tsmclient.Config{BaseURL: address, Transport: line.Transport()})
	check(r.T, err)
	check(r.T, client.Submit(r.Context(), signed))
}

// contact lets the phone come by; halfWay is called at the first block of the document.
func (r *rig) contact(address string, halfWay func()) {
	r.Helper()
	commands := 0
	tap := apdu.Tap{Transmitter: r.element, Seen: func([]byte, []byte, error) {
		if commands++; commands == 20 {
			halfWay()
		}
	}}
	agent := seram.Agent{Client: http.DefaultClient, BaseURL: address, Element: seram.NewSecureElement(r.seID), SE: tap}
	res, err := agent.Run(r.Context())
	check(r.T, err)
	c := applet.NewClient(r.element, 1)
	info, err := c.Info(r.Context())
	if err != nil || !info.Committed {
		r.Errorf("after %d commands the document is committed %v, %v", res.APDUs, info.Committed, err)
	}
}

// issue is the issuer's process: it takes one attestation and holds the values.
func issue(t *testing.T, folder string) {
	raw, err := os.ReadFile(filepath.Join(folder, "parties"))
	check(t, err)
	var p parties
	check(t, json.Unmarshal(raw, &p))
	signer, err := x509.ParseECPrivateKey(p.Signer)
	check(t, err)
	roots, err := pki.NewAnchors(p.SERoot)
	check(t, err)
	line, err := link.Open(link.In(filepath.Join(folder, "service"), link.IssuerEnd, "127.0.0.1:0"), discard(), nil)
	check(t, err)
	mux := http.NewServeMux()
	mux.HandleFunc("POST /v1/receipts", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) })
	mux.HandleFunc("POST /v1/attestations", func(w http.ResponseWriter, req *http.Request) {
		body, err := io.ReadAll(req.Body)
		check(t, err)
		signed, err := provisioning.ParseAttestation(body)
		check(t, err)
		a, _, v, err := signed.Verify(roots, time.Now())
		if err != nil || !v.OK() {
			t.Errorf("%v %v", err, v)
		}
		var elements []mdoc.Element
		for name, value := range p.Values {
			encoded := cbor.AppendText(nil, string(value))
			if name == "portrait" {
				encoded = cbor.AppendBytes(nil, value)
			}
			elements = append(elements, mdoc.Element{NameSpace: "org.iso.23220.1.jp", Identifier: name, Value: encoded})
		}
		now := time.Now().Truncate(time.Second)
		prepared, err := mdoc.Prepare(mdoc.Draft{DocType: "org.iso.23220.1.jp.mnc", Elements: elements, DeviceKey: a.DeviceKey, Signed: now,
			ValidFrom: now, ValidUntil: now.AddDate(0, 0, 30), Status: mdoc.StatusListRef{Index: 1, URI: "https://issuer.example/v1/status-lists/1"}}, nil)
		check(t, err)
		issued, err := prepared.Issue(signer, [][]byte{p.Chain})
		check(t, err)
		sealed, err := provisioning.Seal(a.SealingKey, a.OrderID, a.SEID, a.Slot, issued)
		check(t, err)
		check(t, os.WriteFile(filepath.Join(folder, "issued"), issued, 0o600))
		check(t, os.WriteFile(filepath.Join(folder, "sealed"), sealed, 0o600))
		w.Header().Set("Content-Type", "application/octet-stream")
		_, _ = w.Write(sealed)
	})
	listener, err := listen(t.Context(), line)
	check(t, err)
	check(t, os.WriteFile(filepath.Join(folder, "issuer.addr"), []byte(listener.Addr().String()), 0o600))
	_ = (&http.Server{Handler: mux, ReadHeaderTimeout: time.Minute}).Serve(listener)
	fmt.Fprintln(io.Discard, len(p.Values)) // they live as long as the process
}

func discard() *slog.Logger { return slog.New(slog.DiscardHandler) }

func listen(ctx context.Context, line *link.Link) (net.Listener, error) {
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	return tls.NewListener(l, line.Server()), nil
}

// process is a child of the test.
type process struct {
	cmd      *exec.Cmd
	log      *canary.Log
	searched int
}

// start runs this test again as one of the parties.
func (r *rig) start(part string) *process {
	r.Helper()
	p := &process{cmd: exec.CommandContext(r.Context(), os.Args[0], "-test.run=^TestCanariesInMemory$", "-test.count=1"), log: &canary.Log{}}
	p.cmd.Env = append(os.Environ(), envPart+"="+part, envFolder+"="+r.folder)
	p.cmd.Stdout, p.cmd.Stderr = p.log, p.log
	check(r.T, p.cmd.Start())
	r.Cleanup(func() {
		_ = p.cmd.Process.Kill()
		_ = p.cmd.Wait() // it was killed
	})
	return p
}

// needle is what is looked for.
type needle struct {
	name  string
	bytes []byte
}

// forms are a value, under its name, and its disguises, each once. A zero at the front of a disguise is left out: memory is full of
// zeros, and a search that stops at each takes five times as long.
func forms(name string, value []byte) []needle {
	out := []needle{{name, value}}
	for form, disguised := range canary.Forms(string(value)) {
		disguised = bytes.TrimLeft(disguised, "\x00")
		if !slices.ContainsFunc(out, func(n needle) bool { return bytes.Equal(n.bytes, disguised) }) {
			out = append(out, needle{name + " in " + form, disguised})
		}
	}
	return out
}

// search looks through all memory of the process that can be read, which stands
// still meanwhile. None of absent may be found, and of each value of present one form.
func (p *process) search(t *testing.T, absent, present []needle) {
	t.Helper()
	check(t, p.cmd.Process.Signal(syscall.SIGSTOP))
	defer func() { check(t, p.cmd.Process.Signal(syscall.SIGCONT)) }()
	found := map[string]bool{}
	p.searched = memory(t, p.cmd.Process.Pid, func(part []byte) {
		for _, n := range slices.Concat(absent, present) {
			if !found[n.name] && bytes.Contains(part, n.bytes) {
				found[n.name] = true
			}
		}
	})
	for _, n := range absent {
		if found[n.name] {
			t.Errorf("%s stands in the memory of the process", n.name)
		}
	}
	for _, n := range present {
		whole, _, _ := strings.Cut(n.name, " in ")
		if !found[whole] {
			t.Errorf("the search does not find the %s, which must be there", whole)
		}
	}
}

// memory hands the readable memory of a process over in overlapping parts, and
// gives its size.
func memory(t *testing.T, pid int, part func([]byte)) (size int) {
	t.Helper()
	maps, err := os.Open(fmt.Sprintf("/proc/%d/maps", pid))
	check(t, err)
	defer maps.Close()
	mem, err := os.Open(fmt.Sprintf("/proc/%d/mem", pid))
	check(t, err)
	defer mem.Close()
	const overlap = 1 << 10
	buf := make([]byte, 1<<20)
	for lines := bufio.NewScanner(maps); lines.Scan(); {
		var from, to int64
		var rights string
		if _, err := fmt.Sscanf(lines.Text(), "%x-%x %s", &from, &to, &rights); err != nil || rights[0] != 'r' || strings.Contains(lines.Text(), "[v") {
			continue
		}
		for at := from; at < to; at += int64(len(buf) - overlap) {
			n, err := mem.ReadAt(buf[:min(int64(len(buf)), to-at)], at)
			if n == 0 || err != nil {
				break // a page that nobody may read
			}
			size += n
			part(buf[:n])
		}
	}
	if size < 1<<20 {
		t.Fatalf("only %d bytes of memory could be read", size)
	}
	return size
}
