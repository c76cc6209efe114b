package manager

import (
	"context"
	"fmt"
	"slices"

	"mobileid/mdoc/apdu"
	"mobileid/tsm/gp"
)

// Info is what a card tells about itself by GET DATA. Nil and empty fields are objects it does not have, or of a form
// that cannot be read, which Unread names.
type Info struct {
	FCI          gp.FCI
	CardLocked   bool
	CPLC         *gp.CPLC
	Recognition  *gp.Recognition
	Capabilities *gp.Capabilities
	Keys         []gp.KeyInformation
	// Counter is the sequence counter of the default key set, Confirmations that of receipts.
	Counter       *uint32
	Confirmations []byte
	KDD           []byte
	IIN, Image    []byte
	URL           string
	Memory        *gp.Memory
	Applications  []gp.AID
	// Unread are objects the card has in a form that is not the specification's, with the reason.
	Unread map[uint16]error
}

// Look selects the issuer security domain and asks for all data objects, without keys and outside any session.
func Look(ctx context.Context, t apdu.Transmitter) (Info, error) {
	fci, locked, err := selectDomain(ctx, t, "")
	if err != nil {
		return Info{}, fmt.Errorf("looking at the card: %w", err)
	}
	i, err := look(func(c apdu.Command) (apdu.Response, error) { return apdu.Exchange(ctx, t, c) })
	i.FCI, i.CardLocked = fci, locked
	return i, err
}

// Info asks for the same objects inside the session: some cards tell more there, and all of it is authentic.
func (s *Session) Info(ctx context.Context) (Info, error) {
	i, err := look(func(c apdu.Command) (apdu.Response, error) { return s.Transmit(ctx, c) })
	i.FCI, i.CardLocked = s.fci, s.cardLocked
	return i, err
}

// maxKeyPages bounds the pages of key information that are asked for.
const maxKeyPages = 8

// look asks for each object. A refusal means that the card does not have it.
func look(send func(apdu.Command) (apdu.Response, error)) (Info, error) {
	i := Info{Unread: map[uint16]error{}}
	for _, o := range objects() {
		r, err := send(gp.GetData(o.tag))
		if err != nil {
			return Info{}, fmt.Errorf("GET DATA %04X: %w", o.tag, err)
		}
		if r.SW != apdu.OK || len(r.Data) == 0 {
			continue
		}
		if err := o.read(&i, r.Data); err != nil {
			i.Unread[o.tag] = err
		}
	}
	return i, i.moreKeys(send)
}

// moreKeys asks for further pages of key information until there is none.
func (i *Info) moreKeys(send func(apdu.Command) (apdu.Response, error)) error {
	for page := range uint16(maxKeyPages) {
		if len(i.Keys) == 0 {
			return nil
		}
		tag := gp.DataKeyInformationMore + page<<8
		r, err := send(gp.GetData(tag))
		if err != nil {
			return fmt.Errorf("GET DATA %04X: %w", tag, err)
		}
		keys, err := gp.ParseKeyInformation(r.Data)
		known := func(k gp.KeyInformation) bool { return k.ID == keys[0].ID && k.Version == keys[0].Version }
		if r.SW != apdu.OK || err != nil || len(keys) == 0 || slices.ContainsFunc(i.Keys, known) {
			return nil // the last page was before, or the card knows one page only
		}
		i.Keys = append(i.Keys, keys...)
	}
	return nil
}

type object struct {
	tag  uint16
	read func(i *Info, b []byte) error
}

// keep reads an object into a field, if it can be read.
func keep[T any](parse func([]byte) (T, error), to func(*Info, T)) func(*Info, []byte) error {
	return func(i *Info, b []byte) error {
		v, err := parse(b)
		if err == nil {
			to(i, v)
		}
		return err
	}
}

func plain(tag uint16) func([]byte) ([]byte, error) {
	return func(b []byte) ([]byte, error) { return gp.ParseObject(tag, b) }
}

func objects() []object {
	return []object{
		{gp.DataCPLC, keep(gp.ParseCPLC, func(i *Info, v gp.CPLC) { i.CPLC = &v })},
		{gp.DataIIN, keep(plain(gp.DataIIN), func(i *Info, v []byte) { i.IIN = v })},
		{gp.DataCardImage, keep(plain(gp.DataCardImage), func(i *Info, v []byte) { i.Image = v })},
		{gp.DataDiversification, keep(gp.ParseDiversification, func(i *Info, v []byte) { i.KDD = v })},
		{gp.DataSequenceCounter, keep(gp.ParseSequenceCounter, func(i *Info, v uint32) { i.Counter = &v })},
		{gp.DataConfirmationCounter, keep(plain(gp.DataConfirmationCounter), func(i *Info, v []byte) { i.Confirmations = v })},
		{gp.DataCardRecognition, keep(gp.ParseRecognition, func(i *Info, v gp.Recognition) { i.Recognition = &v })},
		{gp.DataCapabilities, keep(gp.ParseCapabilities, func(i *Info, v gp.Capabilities) { i.Capabilities = &v })},
		{gp.DataKeyInformation, keep(gp.ParseKeyInformation, func(i *Info, v []gp.KeyInformation) { i.Keys = v })},
		{gp.DataManagerURL, keep(plain(gp.DataManagerURL), func(i *Info, v []byte) { i.URL = string(v) })},
		{gp.DataMemory, keep(gp.ParseMemory, func(i *Info, v gp.Memory) { i.Memory = &v })},
		{gp.DataApplications, keep(gp.ParseApplications, func(i *Info, v []gp.AID) { i.Applications = v })},
	}
}
