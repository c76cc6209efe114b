package cardtool

import (
	"context"
	"crypto"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"mobileid/cmd/internal/usage"
	"mobileid/issuer/card"
	"mobileid/issuer/card/jp2"
)

// certificate is one certificate for people and in JSON.
type certificate struct {
	Name        string    `json:"name"`
	Issuer      string    `json:"issuer"`
	Serial      string    `json:"serial_number"`
	NotBefore   time.Time `json:"not_before"`
	NotAfter    time.Time `json:"not_after"`
	Fingerprint string    `json:"sha256"`
	InForce     bool      `json:"in_force"`
	PEM         string    `json:"pem"`
}

// Certs prints the certificates: the signature certificate too when signature is set, which needs its password.
func (t *Tool) Certs(ctx context.Context, signature, asPEM bool) error {
	return t.with(ctx, func(ctx context.Context, c *card.Client) error {
		if c.Kind().Phone() {
			if err := t.verify(ctx, c, card.AuthenticationPINFile); err != nil {
				return err
			}
		}
		files := []card.FileID{card.AuthenticationCertificate, card.AuthenticationCA, card.SignatureCA}
		if signature {
			if err := t.verify(ctx, c, card.SignaturePasswordFile); err != nil {
				return err
			}
			files = append(files, card.SignatureCertificate)
		}
		var list []certificate
		for _, id := range files {
			der, err := c.ReadFile(ctx, id)
			if err != nil {
				return err
			}
			one, err := t.certificate(id, der)
			if err != nil {
				return err
			}
			list = append(list, one)
		}
		return t.show(map[string]any{"certificates": list}, func() error { return t.certsPeople(list, asPEM) })
	})
}

func (t *Tool) certificate(id card.FileID, der []byte) (certificate, error) {
	c, err := x509.ParseCertificate(der)
	if err != nil {
		return certificate{}, fmt.Errorf("%v is no certificate", id) // the library's error may quote names
	}
	now, digest := t.o.Now(), sha256.Sum256(der)
	return certificate{
		Name: map[card.FileID]string{
			card.AuthenticationCertificate: "user authentication", card.AuthenticationCA: "user authentication CA",
			card.SignatureCertificate: "signature", card.SignatureCA: "signature CA",
		}[id],
		Issuer: c.Issuer.String(), Serial: fmt.Sprintf("%X", c.SerialNumber), NotBefore: c.NotBefore, NotAfter: c.NotAfter,
		Fingerprint: hex.EncodeToString(digest[:]), InForce: !now.Before(c.NotBefore) && !now.After(c.NotAfter),
		PEM: string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})),
	}, nil
}

func (t *Tool) certsPeople(list []certificate, asPEM bool) error {
	for _, c := range list {
		if asPEM {
			if _, err := io.WriteString(t.o.Out, c.PEM); err != nil {
				return err
			}
			continue
		}
		force := t.words.say("in force", "有効期間内")
		if !c.InForce {
			force = t.words.say("not in force", "有効期間外")
		}
		if err := t.lines([]line{
			{t.words.say("certificate", "電子証明書"), c.Name},
			{t.words.say("issuer", "発行者"), c.Issuer},
			{t.words.say("serial number", "発行番号"), c.Serial},
			{t.words.say("valid", "有効期間"), c.NotBefore.In(card.Japan()).Format(time.RFC3339) + " – " + c.NotAfter.In(card.Japan()).Format(time.RFC3339) + ", " + force},
			{"SHA-256", c.Fingerprint},
		}); err != nil {
			return err
		}
		if err := t.print(""); err != nil {
			return err
		}
	}
	return nil
}

// SignOptions say what Sign signs.
type SignOptions struct {
	// Key is auth or signature, Hash sha256, sha384 or sha512.
	Key, Hash string
	// Content is what is hashed and signed.
	Content []byte
	// Out, if not empty, receives the bare signature.
	Out string
}

// StdinTaken tells that standard input is for secrets and cannot be signed.
func (t *Tool) StdinTaken() bool { return t.secrets.stdinTaken() }

// Sign signs with a key of the card, verifies with its certificate, and prints the signature.
func (t *Tool) Sign(ctx context.Context, o SignOptions) error {
	key, secret, file := card.AuthenticationKey, card.AuthenticationPINFile, card.AuthenticationCertificate
	switch o.Key {
	case "auth":
	case "signature":
		key, secret, file = card.SignatureKey, card.SignaturePasswordFile, card.SignatureCertificate
	default:
		return usage.Errorf("--key is neither auth nor signature")
	}
	hash, ok := map[string]crypto.Hash{"sha256": crypto.SHA256, "sha384": crypto.SHA384, "sha512": crypto.SHA512}[o.Hash]
	if !ok {
		return usage.Errorf("--hash is none of sha256, sha384 and sha512")
	}
	h := hash.New()
	h.Write(o.Content)
	digest := h.Sum(nil)
	return t.with(ctx, func(ctx context.Context, c *card.Client) error {
		if err := t.verify(ctx, c, secret); err != nil {
			return err
		}
		der, err := c.ReadFile(ctx, file)
		if err != nil {
			return err
		}
		signature, err := c.Sign(ctx, key, hash, digest)
		if err != nil {
			return err
		}
		if err := verifySignature(der, hash, digest, signature); err != nil {
			return err
		}
		if o.Out != "" {
			if err := os.WriteFile(o.Out, signature, 0o600); err != nil {
				return fmt.Errorf("writing the signature: %w", err)
			}
		}
		text := base64.StdEncoding.EncodeToString(signature)
		return t.show(map[string]any{"key": o.Key, "hash": o.Hash, "signature": text, "verified": true}, func() error {
			if o.Out != "" {
				return t.print("%s: %s", o.Out, t.words.say("256 bytes, verified with the card's certificate", "256バイト、カードの電子証明書で検証しました"))
			}
			return t.print("%s", text)
		})
	})
}

func verifySignature(der []byte, hash crypto.Hash, digest, signature []byte) error {
	c, err := x509.ParseCertificate(der)
	if err != nil {
		return errors.New("the card's certificate is not well-formed")
	}
	key, ok := c.PublicKey.(*rsa.PublicKey)
	if !ok || rsa.VerifyPKCS1v15(key, hash, digest, signature) != nil {
		return errors.New("the card's signature does not verify with its certificate")
	}
	return nil
}

// PhotoOptions say what Photo writes.
type PhotoOptions struct {
	// Out is the file; its ending says the form: jp2, png, jpg or jpeg.
	Out string
	// Decoder is the path of opj_decompress; needed for all forms but jp2.
	Decoder string
	// With is number-b or number-a.
	With string
}

// Photo writes the portrait, as the card holds it or decoded.
func (t *Tool) Photo(ctx context.Context, o PhotoOptions) error {
	convert := func(_ context.Context, portrait []byte) ([]byte, error) { return portrait, nil }
	d := jp2.Decoder{Program: o.Decoder}
	switch ending := o.Out[strings.LastIndex(o.Out, ".")+1:]; {
	case ending == "jp2":
	case ending != "png" && ending != "jpg" && ending != "jpeg":
		return usage.Errorf("--out ends with none of .jp2, .png and .jpg")
	case o.Decoder == "":
		return usage.Errorf("a .%s needs --decoder with the path of opj_decompress (Debian: apt install libopenjp2-tools); a .jp2 does not", ending)
	case ending == "png":
		convert = d.PNG
	default:
		convert = d.JPEG
	}
	secret, err := secretFor(card.Face, o.With, card.FaceNumberBFile)
	if err != nil || secret == card.BirthDateKeyFile {
		return usage.Errorf("--with is neither number-b nor number-a")
	}
	return t.with(ctx, func(ctx context.Context, c *card.Client) error {
		if err := t.verify(ctx, c, secret); err != nil {
			return err
		}
		r, err := t.take(ctx, c, plan{card.Face, secret, []card.FileID{card.FaceFile, card.BasicFile, card.FaceCVFile}}, card.InspectConfig{At: t.o.Now()})
		if err != nil {
			return err
		}
		if r.contents.Face == nil {
			return errors.New("the card face is not well-formed")
		}
		picture, err := convert(ctx, r.contents.Face.Portrait)
		if err != nil {
			return err
		}
		if err := os.WriteFile(o.Out, picture, 0o600); err != nil {
			return fmt.Errorf("writing the photo: %w", err)
		}
		return t.show(map[string]any{"file": o.Out, "bytes": len(picture)}, func() error { return t.print("%s: %d bytes", o.Out, len(picture)) })
	})
}
