package cardsim_test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"mobileid/mdoc/apdu/pcsctest"
)

// tools are other people's programs that meet the card through PC/SC.
type tools struct {
	t      *testing.T
	daemon *pcsctest.Daemon
	dir    string
}

// run runs a tool in the test's folder and gives what it printed.
func (o tools) run(debianPackage, name string, args ...string) string {
	o.t.Helper()
	out, err := o.try(debianPackage, name, args...)
	if err != nil {
		o.t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
	return out
}

func (o tools) try(debianPackage, name string, args ...string) (string, error) {
	o.t.Helper()
	path, err := pcsctest.Tool(name, debianPackage)
	if err != nil {
		o.t.Fatal(err)
	}
	c := exec.CommandContext(o.t.Context(), path, args...)
	c.Env, c.Dir = o.daemon.Environment(), o.dir
	out, err := c.CombinedOutput()
	return string(out), err
}

// OpenSC's programs, which know real My Number cards, find the model, read it, list it and sign with both keys; OpenSSL verifies.
func TestOpenSCThroughPCSC(t *testing.T) {
	d := pcsctest.Run(t)
	k := newCard(t, "birthday", nil)
	p := k.Person()
	stay, err := d.Insert(t.Context(), k)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(stay.Pull)
	o := tools{t, d, t.TempDir()}

	t.Run("reader and card", func(t *testing.T) {
		if out := o.run("opensc", "opensc-tool", "--list-readers"); !regexp.MustCompile(`(?m)^0 +Yes +.*` + regexp.QuoteMeta(d.Reader)).MatchString(out) {
			t.Errorf("readers:\n%s", out)
		}
		if out := o.run("opensc", "opensc-tool", "--atr"); !strings.Contains(out, "3b:da:13:ff:81:31:fb:46:80:12:39:2f:31:c1:73:c6:01:c0:3b") {
			t.Errorf("ATR:\n%s", out)
		}
		if out := o.run("opensc", "opensc-tool", "--name"); !strings.HasSuffix(strings.TrimSpace(out), "jpki") {
			t.Errorf("taken for:\n%s", out)
		}
		if out := o.run("opensc", "opensc-tool", "--send-apdu", "00A4040C0AD392F000260100000001"); !strings.Contains(out, "SW1=0x90, SW2=0x00") {
			t.Errorf("SELECT:\n%s", out)
		}
	})
	t.Run("objects", func(t *testing.T) {
		out := o.run("opensc", "pkcs15-tool", "--dump")
		for _, want := range []string{
			"PIN [User Authentication PIN]", "PIN [Digital Signature PIN]", "Tries left     : 3", "Tries left     : 5",
			"Private RSA Key [User Authentication Key]", "Private RSA Key [Digital Signature Key]",
			"X.509 Certificate [User Authentication Certificate]", "X.509 Certificate [Digital Signature Certificate CA]",
		} {
			if !strings.Contains(out, want) {
				t.Errorf("no %q in\n%s", want, out)
			}
		}
		out = o.run("opensc", "pkcs11-tool", "--list-slots")
		for _, want := range []string{"JPKI (User Authentication PIN)", "JPKI (Digital Signature PIN)"} {
			if !strings.Contains(out, want) {
				t.Errorf("no %q in\n%s", want, out)
			}
		}
	})
	t.Run("certificates", func(t *testing.T) {
		for id, file := range map[string]string{"1": "auth.pem", "3": "auth-ca.pem", "4": "sign-ca.pem"} {
			o.run("opensc", "pkcs15-tool", "--read-certificate", id, "--output", file)
		}
		o.run("opensc", "pkcs15-tool", "--verify-pin", "--auth-id", "2", "--pin", p.SignaturePassword, "--read-certificate", "2", "--output", "sign.pem")
		for leaf, ca := range map[string]string{"auth.pem": "auth-ca.pem", "sign.pem": "sign-ca.pem"} {
			out := o.run("openssl", "openssl", "x509", "-in", leaf, "-noout", "-issuer")
			subject := o.run("openssl", "openssl", "x509", "-in", ca, "-noout", "-subject")
			if strings.TrimPrefix(out, "issuer=") != strings.TrimPrefix(subject, "subject=") || !strings.Contains(out, "JPKI-TEST") {
				t.Errorf("%s is issued by %s, %s is %s", leaf, out, ca, subject)
			}
		}
	})
	t.Run("signatures", func(t *testing.T) {
		write(t, filepath.Join(o.dir, "text"), bytes.Repeat([]byte("TEST "), 1000))
		for _, key := range []struct{ id, pin, token, certificate string }{
			{"1", p.AuthenticationPIN, "JPKI (User Authentication PIN)", "auth.pem"},
			{"2", p.SignaturePassword, "JPKI (Digital Signature PIN)", "sign.pem"},
		} {
			o.run("openssl", "openssl", "x509", "-in", key.certificate, "-pubkey", "-noout", "-out", "key.pem")
			o.run("opensc", "pkcs11-tool", "--token-label", key.token, "--login", "--pin", key.pin, "--sign", "--id", key.id,
				"--mechanism", "SHA256-RSA-PKCS", "--input-file", "text", "--output-file", "signature")
			if out := o.run("openssl", "openssl", "dgst", "-sha256", "-verify", "key.pem", "-signature", "signature", "text"); !strings.Contains(out, "Verified OK") {
				t.Errorf("key %s: %s", key.id, out)
			}
			write(t, filepath.Join(o.dir, "text2"), []byte("another text"))
			if out, err := o.try("openssl", "openssl", "dgst", "-sha256", "-verify", "key.pem", "-signature", "signature", "text2"); err == nil {
				t.Errorf("key %s signed another text too: %s", key.id, out)
			}
		}
		o.run("openssl", "openssl", "dgst", "-sha256", "-binary", "-out", "digest", "text")
		o.run("openssl", "openssl", "x509", "-in", "auth.pem", "-pubkey", "-noout", "-out", "key.pem")
		o.run("opensc", "pkcs15-crypt", "--sign", "--key", "1", "--pin", p.AuthenticationPIN, "--pkcs1", "--sha-256",
			"--input", "digest", "--output", "signature", "--raw")
		o.run("openssl", "openssl", "dgst", "-sha256", "-verify", "key.pem", "-signature", "signature", "text")
	})
	t.Run("wrong PIN", func(t *testing.T) {
		if out, err := o.try("opensc", "pkcs15-tool", "--verify-pin", "--auth-id", "1", "--pin", "0000"); err == nil {
			t.Errorf("0000 was taken: %s", out)
		}
		if out := o.run("opensc", "pkcs15-tool", "--dump"); !strings.Contains(out, "Tries left     : 2") {
			t.Errorf("after a wrong PIN:\n%s", out)
		}
		o.run("opensc", "pkcs15-tool", "--verify-pin", "--auth-id", "1", "--pin", p.AuthenticationPIN)
		if out := o.run("opensc", "pkcs15-tool", "--dump"); !strings.Contains(out, "Tries left     : 3") {
			t.Errorf("after the right one:\n%s", out)
		}
	})
}

func write(t *testing.T, path string, data []byte) {
	t.Helper()
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
}
