package cardtool

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"

	"mobileid/cmd/internal/usage"
	"mobileid/issuer/card"
	"mobileid/mdoc/apdu"
)

// List prints the readers.
func (t *Tool) List(ctx context.Context) error {
	list, err := t.readers(ctx)
	if err != nil {
		return err
	}
	return t.show(map[string]any{"readers": list}, func() error {
		for _, r := range list {
			what := t.words.say("no card", "カードなし")
			if r.Card {
				what = t.words.say("card", "カードあり")
			}
			if err := t.print("%s: %s %s", r.Reader, what, r.ATR); err != nil {
				return err
			}
		}
		return nil
	})
}

// description is what a card tells without a secret.
type description struct {
	Kind         string            `json:"kind"`
	Label        string            `json:"label"`
	Manufacturer string            `json:"manufacturer,omitempty"`
	Model        string            `json:"model,omitempty"`
	SerialNumber string            `json:"serial_number,omitempty"`
	Certificates bool              `json:"certificates_present"`
	Municipality string            `json:"municipality,omitempty"`
	CardNumber   string            `json:"card_number,omitempty"`
	Expiry       string            `json:"expiry,omitempty"`
	Version      string            `json:"specification,omitempty"`
	Data         map[string]string `json:"data_objects"`
}

// Show prints what the card tells without a secret.
func (t *Tool) Show(ctx context.Context) error {
	return t.with(ctx, func(ctx context.Context, c *card.Client) error {
		d, err := describe(ctx, c)
		if err != nil {
			return err
		}
		return t.show(d, func() error { return t.showPeople(d) })
	})
}

func describe(ctx context.Context, c *card.Client) (*description, error) {
	token := c.Token()
	d := &description{
		Kind: c.Kind().String(), Label: token.Label, Manufacturer: token.Manufacturer, Model: token.Model, SerialNumber: token.SerialNumber,
		Data: map[string]string{},
	}
	presence, err := optional(c.ReadFile(ctx, card.PresenceFile))
	if err != nil {
		return nil, err
	}
	d.Certificates = string(presence) == "\x8F\x8F\x00"
	if c.Kind().Phone() {
		return d, nil
	}
	if err := d.face(ctx, c); err != nil {
		return nil, err
	}
	if number, err := c.CardNumber(ctx); err == nil {
		d.CardNumber, d.Expiry = number.Manufacturing, number.Expiry.String()
	} else if _, err := optional(nil, err); err != nil {
		return nil, err
	}
	for _, tag := range card.DataTags() {
		b, err := optional(c.Data(ctx, tag))
		if err != nil {
			return nil, err
		}
		if b != nil {
			d.Data[fmt.Sprintf("%04X", uint16(tag))] = strings.ToUpper(hex.EncodeToString(b))
		}
	}
	return d, nil
}

// face reads the basic data of 券面AP.
func (d *description) face(ctx context.Context, c *card.Client) error {
	file, err := optional(c.ReadFile(ctx, card.BasicFile))
	if err != nil || file == nil {
		return err
	}
	b, err := card.ParseBasicData(file)
	if err != nil {
		return err
	}
	d.Municipality, d.Version = b.Municipality, strings.ToUpper(hex.EncodeToString(b.Specification[:]))
	return nil
}

// optional turns the card's refusal of something that not every card has or opens into nothing.
func optional(b []byte, err error) ([]byte, error) {
	if _, refused := errors.AsType[*apdu.StatusError](err); refused {
		return nil, nil
	}
	return b, err
}

func (t *Tool) showPeople(d *description) error {
	present := t.words.say("not both", "そろっていません")
	if d.Certificates {
		present = t.words.say("both present", "両方あり")
	}
	list := []line{
		{t.words.say("kind", "種類"), d.Kind},
		{t.words.say("token label", "トークン名"), d.Label},
		{t.words.say("manufacturer", "製造者"), d.Manufacturer},
		{t.words.say("model", "型"), d.Model},
		{t.words.say("serial number", "シリアル番号"), d.SerialNumber},
		{t.words.say("certificates", "電子証明書"), present},
		{t.words.say("municipality", "市区町村コード"), d.Municipality},
		{t.words.say("card number", "製造番号"), d.CardNumber},
		{t.words.say("card expiry", "カードの有効期限"), d.Expiry},
		{t.words.say("specification", "仕様の版"), d.Version},
	}
	for _, tag := range card.DataTags() {
		name := fmt.Sprintf("%04X", uint16(tag))
		list = append(list, line{"GET DATA " + name, shortened(d.Data[name])})
	}
	return t.lines(list)
}

// shortened cuts long hex.
func shortened(s string) string {
	const most = 64
	if len(s) <= most {
		return s
	}
	return fmt.Sprintf("%s… (%d bytes)", s[:most], len(s)/2)
}

// pinState is one secret's state in JSON. TriesLeft is absent where the card tells no number.
type pinState struct {
	Secret      string `json:"secret"`
	Application string `json:"application"`
	File        string `json:"file"`
	State       string `json:"state"`
	TriesLeft   *int   `json:"tries_left,omitempty"`
}

// PINStatus prints the state of every secret. It spends no try.
func (t *Tool) PINStatus(ctx context.Context) error {
	return t.with(ctx, func(ctx context.Context, c *card.Client) error {
		all, err := c.PINStatus(ctx)
		if err != nil {
			return err
		}
		var states []pinState
		var list []line
		for _, p := range all {
			s := pinState{
				Secret: string(p.Secret), Application: p.File.Application().String(), File: fmt.Sprintf("%04X", p.File.EF()),
				State: string(p.State),
			}
			if p.TriesLeft >= 0 {
				s.TriesLeft = &p.TriesLeft
			}
			states = append(states, s)
			list = append(list, line{fmt.Sprintf("%v: %s", p.File, t.words.secret(p.Secret)), t.words.state(p)})
		}
		return t.show(map[string]any{"secrets": states}, func() error { return t.lines(list) })
	})
}

// changeable are the secrets that Change takes, by the names of its flag.
func changeable() map[string]card.FileID {
	return map[string]card.FileID{
		"auth": card.AuthenticationPINFile, "signature": card.SignaturePasswordFile, "attributes": card.AttributesPINFile,
		"resident": card.ResidentPINFile,
	}
}

// Change asks for a secret and its new value, and changes it.
func (t *Tool) Change(ctx context.Context, which string) error {
	secret, ok := changeable()[which]
	if !ok {
		return usage.Errorf("--secret is none of auth, signature, attributes and resident")
	}
	return t.with(ctx, func(ctx context.Context, c *card.Client) error {
		name, _ := secret.Secret()
		label, err := t.label(ctx, c, secret, name)
		if err != nil {
			return err
		}
		old, err := t.secrets.ask(ctx, label)
		if err != nil {
			return err
		}
		replacement, err := t.secrets.ask(ctx, t.words.say("new value", "新しい値"))
		if err != nil {
			return err
		}
		if t.secrets.onTerminal() {
			again, err := t.secrets.ask(ctx, t.words.say("new value again", "新しい値 (確認)"))
			if err != nil {
				return err
			}
			if again != replacement {
				return errors.New(t.words.say("the two new values differ; nothing was changed", "新しい値が一致しません。何も変更していません"))
			}
		}
		if err := c.Change(ctx, secret, old, replacement); err != nil {
			return err
		}
		return t.show(map[string]any{"secret": string(name), "changed": true}, func() error {
			return t.print("%s: %s", t.words.secret(name), t.words.say("changed", "変更しました"))
		})
	})
}
