package demo

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"strings"
	"time"

	"mobileid/issuer/card/cardsim"
)

// Languages of the demonstration.
const (
	Japanese = "ja"
	English  = "en"
)

// Options of one run.
type Options struct {
	// Person is the id of one of the modelled persons; see Persons.
	Person string
	// Card is InProcess or ThroughPCSC; empty is InProcess.
	Card string
	// CardDir, for ThroughPCSC, is a folder that mobileid card new made: its card is in a reader of this machine.
	CardDir string
	// Reader is the name of that reader; empty is the only one with a card.
	Reader string
	// Language is ja or en.
	Language string
	// Trace prints every APDU and every CBOR message.
	Trace bool
	// JSON prints one JSON document at the end instead of text.
	JSON bool
	// Out, if not empty, is a folder that receives everything that crossed; it is made if missing.
	Out string
	// Stdout receives the output.
	Stdout io.Writer
	// Log takes the services' logs; nil means silence.
	Log *slog.Logger
	// Seen is shown every HTTP request before it is sent; nil means nobody looks.
	Seen func(*http.Request)
	// Now is the clock; nil means the system's.
	Now func() time.Time
}

func (o *Options) validate() error {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Language != Japanese && o.Language != English {
		return fmt.Errorf("there is no language %q here: choose --lang ja or --lang en", o.Language)
	}
	if err := o.validateCard(); err != nil {
		return err
	}
	if o.Out != "" {
		if err := os.MkdirAll(o.Out, 0o700); err != nil {
			return fmt.Errorf("the folder of --out cannot be made: name a folder that may be written (%w)", err)
		}
	}
	if _, ok := cardsim.PersonByID(o.Person, o.Now()); !ok {
		return fmt.Errorf("there is no person %q: choose --person %s", o.Person, strings.Join(Persons(o.Now()), ", "))
	}
	return nil
}

func (o *Options) validateCard() error {
	o.Card = cmp.Or(o.Card, InProcess)
	switch {
	case o.Card != InProcess && o.Card != ThroughPCSC:
		return fmt.Errorf("there is no way %q to the card: choose --card %s or --card %s", o.Card, InProcess, ThroughPCSC)
	case o.CardDir != "" && o.Card != ThroughPCSC:
		return fmt.Errorf("the card of --card-dir is in a reader: add --card %s", ThroughPCSC)
	case o.Reader != "" && o.CardDir == "":
		return errors.New("a card in a reader needs the folder that mobileid card new made: add --card-dir DIR")
	}
	return nil
}

// transport is a way over HTTP, shown to Seen; nil means net/http's default.
func (o *Options) transport(by http.RoundTripper) http.RoundTripper {
	if by == nil {
		by = http.DefaultTransport
	}
	return shown{by, o.Seen}
}

// shown is a way over HTTP that somebody looks at.
type shown struct {
	http.RoundTripper
	seen func(*http.Request)
}

// RoundTrip shows the request and sends it.
func (w shown) RoundTrip(r *http.Request) (*http.Response, error) {
	if w.seen != nil {
		w.seen(r)
	}
	return w.RoundTripper.RoundTrip(r)
}

// Persons lists the ids of the modelled persons.
func Persons(at time.Time) []string {
	var ids []string
	for _, p := range cardsim.People(at) {
		ids = append(ids, p.ID)
	}
	return ids
}
