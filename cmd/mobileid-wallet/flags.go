package main

import (
	"cmp"
	"fmt"
	"strings"
	"time"

	"mobileid/cmd/internal/phone"
	"mobileid/cmd/internal/usage"
	"mobileid/issuer/card/cardsim"
	"mobileid/mdoc/provisioning"
	"mobileid/tsm/se"

	"github.com/spf13/cobra"
)

func stateFlag(c *cobra.Command, state *string) {
	c.Flags().StringVar(state, "state", "", "`FILE` that is the secure element")
}

func slotFlag(c *cobra.Command, slot *int) {
	c.Flags().IntVar(slot, "slot", 0, fmt.Sprintf("credential slot, 1 to %d", maxSlot))
}

func slotPINFlag(c *cobra.Command, file *string) {
	c.Flags().StringVar(file, "pin-file", "", "`FILE` with the PIN, mode 0600, or - for the first line of standard input")
}

// services are where issuer and TSM are.
type services struct{ issuer, tsm string }

func (s *services) flags(c *cobra.Command) {
	c.Flags().StringVar(&s.issuer, "issuer", "", "`URL` of mobileid-issuer")
	c.Flags().StringVar(&s.tsm, "tsm", "", "`URL` of mobileid-tsm")
}

func (s services) check() error { return cmp.Or(checkURL("issuer", s.issuer), checkURL("tsm", s.tsm)) }

// phone is the phone with an element that talks to them.
func (s services) phone(element *se.SE) *phone.Phone {
	return &phone.Phone{SE: element, SEID: element.ID(), IssuerURL: s.issuer, TSMURL: s.tsm}
}

// tapped is whose modelled card is tapped, and the folder of the authority that makes it.
type tapped struct{ person, dir string }

func (t *tapped) flags(c *cobra.Command, today time.Time) {
	c.Flags().StringVar(&t.person, "person", "", "`ID` of the modelled person: "+people(today))
	c.Flags().StringVar(&t.dir, "authority", "", "`DIR` that mobileid pki new made")
}

func (t tapped) who(today time.Time) (cardsim.Person, error) {
	person, known := cardsim.PersonByID(t.person, today)
	if !known {
		return person, usage.Errorf("--person is none of %s", people(today))
	}
	return person, nil
}

func people(today time.Time) string {
	var ids []string
	for _, p := range cardsim.People(today) {
		ids = append(ids, p.ID)
	}
	return strings.Join(ids, ", ")
}

// place is where a credential goes, and what its key is for.
type place struct {
	slot    int
	purpose string
}

func (p *place) flags(c *cobra.Command) {
	slotFlag(c, &p.slot)
	c.Flags().StringVar(&p.purpose, "purpose", "sign", "what the device key is for all its life: sign or mac")
}

func (p place) check() (slot byte, purpose provisioning.Purpose, err error) {
	purpose, named := map[string]provisioning.Purpose{"sign": provisioning.PurposeSign, "mac": provisioning.PurposeMAC}[p.purpose]
	if !named {
		return 0, 0, usage.Errorf("--purpose is neither sign nor mac")
	}
	slot, err = checkSlot(p.slot)
	return slot, purpose, err
}

// checkSlot gives the slot as the element counts them.
func checkSlot(n int) (byte, error) {
	if n < 1 || n > maxSlot {
		return 0, usage.Errorf("--slot is not 1 to %d", maxSlot)
	}
	return byte(n), nil
}
