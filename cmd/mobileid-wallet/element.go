package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"text/tabwriter"

	"mobileid/cmd/internal/phone"
	"mobileid/cmd/internal/usage"
	"mobileid/issuer/keys"
	"mobileid/mdoc/provisioning"
	"mobileid/tsm"
	"mobileid/tsm/applet"
	"mobileid/tsm/se"
	"mobileid/tsm/seram"

	"github.com/spf13/cobra"
)

const (
	// keyVersion is the version of the SCP03 keys on elements of an authority made by "mobileid pki new"; it stands in
	// the settings of its TSM too.
	keyVersion = 0x30
	maxSlot    = 15
)

var errNoElement = errors.New("there is no secure element")

const banner = "This is a MODEL of a secure element: its file holds every key in the clear and protects nothing.\n"

func (w *wallet) newCommand() *cobra.Command {
	var state, dir string
	c := &cobra.Command{
		Use:   "new",
		Short: "Manufacture a modelled secure element",
		Long: `Manufacture a modelled secure element in a file that does not exist yet: random id, SCP03 keys diversified from the TSM's
master key, and an attestation key certified under the secure elements' root, whose key must be in DIR.`,
		Example: "  mobileid pki new --dir state\n  mobileid-wallet new --state phone.se --authority state",
		Args:    usage.AtMost(0),
		RunE: func(c *cobra.Command, _ []string) error {
			id, err := w.manufacture(c.Context(), state, authority(dir))
			if err != nil {
				return err
			}
			return w.print("%ssecure element %x in %s\n", banner, id, state)
		},
	}
	stateFlag(c, &state)
	c.Flags().StringVar(&dir, "authority", "", "`DIR` that mobileid pki new made")
	return required(c, "state", "authority")
}

// manufacture is the factory. The key set is erased once it is in the element.
func (w *wallet) manufacture(ctx context.Context, state string, dir authority) (id []byte, err error) {
	maker, err := keys.OpenAuthority(dir.keys(), keys.Ceremony{Now: w.now})
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errNoAuthority, err)
	}
	uri, err := dir.masterKey()
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errNoAuthority, err)
	}
	master, err := tsm.OpenMasterKey(uri, keyVersion)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errNoAuthority, err)
	}
	id = make([]byte, seram.SEIDSize)
	_, _ = rand.Read(id) // never fails
	attestation, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("making the attestation key: %w", err)
	}
	chain, err := maker.SecureElement(id, attestation.Public())
	if err != nil {
		return nil, err
	}
	static, err := master.Derive(ctx, id, keyVersion)
	if err != nil {
		return nil, err
	}
	defer static.Erase()
	anchors, err := dir.phoneCAs()
	if err != nil {
		return nil, err
	}
	err = se.Manufacture(state, se.Factory{ID: id, Keys: static, AttestationKey: attestation, AttestationChain: chain,
		IssuerAnchors: [][]byte{maker.IACA.Certificate}, CertificateAnchors: anchors})
	return id, err
}

// withElement switches the element on for the time of f.
func (w *wallet) withElement(state string, f func(*se.SE) error) (err error) {
	if _, err := os.Stat(state); err != nil {
		return fmt.Errorf("%w: %w", errNoElement, err)
	}
	element, err := se.Open(state, se.Config{Applets: phone.Applets(), Now: w.now})
	if err != nil {
		return fmt.Errorf("switching the secure element on: %w", err)
	}
	defer func() { err = errors.Join(err, element.Close()) }()
	return f(element)
}

// held is the JSON form of what an element holds.
type held struct {
	SEID  string `json:"se_id"`
	Slots []slot `json:"slots"`
}

// slot is one credential slot. Nothing in it is personal.
type slot struct {
	Slot      uint64 `json:"slot"`
	State     string `json:"state"` // empty, committed, or pending: a key was born and waits for its credential
	Locked    bool   `json:"locked"`
	Purpose   string `json:"purpose,omitempty"`
	Bytes     uint64 `json:"bytes"`
	KeyUses   uint64 `json:"key_uses"`
	PINSet    bool   `json:"pin_set"`
	TriesLeft uint64 `json:"tries_left"`
	// PINVersion is 0 without a PIN and rises when one is set or changed.
	PINVersion uint64 `json:"pin_version"`
}

func (w *wallet) slotsCommand() *cobra.Command {
	var state string
	asJSON := false
	c := &cobra.Command{
		Use:     "slots",
		Short:   "Show what the secure element holds",
		Example: "  mobileid-wallet slots --state phone.se --json",
		Args:    usage.AtMost(0),
		RunE: func(c *cobra.Command, _ []string) error {
			return w.withElement(state, func(element *se.SE) error {
				h, err := look(c.Context(), element)
				if err != nil {
					return err
				}
				if asJSON {
					return w.document(h)
				}
				return w.table(h)
			})
		},
	}
	stateFlag(c, &state)
	c.Flags().BoolVar(&asJSON, "json", false, "print one JSON document")
	return required(c, "state")
}

func look(ctx context.Context, element *se.SE) (held, error) {
	h := held{SEID: hex.EncodeToString(element.ID()), Slots: []slot{}}
	infos, err := applet.Slots(ctx, element)
	if err != nil {
		return h, fmt.Errorf("looking into the secure element: %w", err)
	}
	for _, i := range infos {
		s := slot{Slot: i.Slot, State: "empty", Locked: i.Locked, Bytes: i.Length, KeyUses: i.KeyUses, PINSet: i.PINSet, TriesLeft: i.TriesLeft,
			PINVersion: i.PINVersion}
		switch {
		case i.Pending:
			s.State = "pending"
		case i.Committed:
			s.State = "committed"
		}
		switch i.Purpose {
		case provisioning.PurposeSign:
			s.Purpose = "sign"
		case provisioning.PurposeMAC:
			s.Purpose = "mac"
		}
		h.Slots = append(h.Slots, s)
	}
	return h, nil
}

func (w *wallet) table(h held) error {
	if err := w.print("secure element %s, %d credential slots in use\n", h.SEID, len(h.Slots)); err != nil || len(h.Slots) == 0 {
		return err
	}
	t := tabwriter.NewWriter(w.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "SLOT\tSTATE\tLOCKED\tPURPOSE\tBYTES\tKEY USES\tPIN\tTRIES LEFT\tPIN VERSION")
	for _, s := range h.Slots {
		fmt.Fprintf(t, "%d\t%s\t%s\t%s\t%d\t%d\t%s\t%d\t%d\n", s.Slot, s.State, yes(s.Locked), s.Purpose, s.Bytes, s.KeyUses, yes(s.PINSet), s.TriesLeft, s.PINVersion)
	}
	return t.Flush()
}

func yes(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}

func (w *wallet) contactCommand() *cobra.Command {
	var state, address string
	c := &cobra.Command{
		Use:   "contact",
		Short: "Let the TSM do what it has in hand for the secure element",
		Long: `Let the TSM do what it has in hand for the secure element: provisioning, lock, unlock, and the wipe after a handover. A phone
does this whenever it is on line.`,
		Example: "  mobileid-wallet contact --state phone.se --tsm http://127.0.0.1:8082",
		Args:    usage.AtMost(0),
		RunE: func(c *cobra.Command, _ []string) error {
			if err := checkURL("tsm", address); err != nil {
				return err
			}
			return w.withElement(state, func(element *se.SE) error {
				p := phone.Phone{SE: element, SEID: element.ID(), TSMURL: address}
				result, err := p.Contact(c.Context())
				if err != nil {
					return err
				}
				left, err := applet.Slots(c.Context(), element)
				if err != nil {
					return fmt.Errorf("looking into the secure element: %w", err)
				}
				return w.print("contact: %d APDUs in %d HTTP round trips; credential slots in use: %d\n", result.APDUs, result.RoundTrips, len(left))
			})
		},
	}
	stateFlag(c, &state)
	c.Flags().StringVar(&address, "tsm", "", "`URL` of mobileid-tsm")
	return required(c, "state", "tsm")
}
