package demo

import (
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
	// Transport carries every HTTP request; nil means net/http's default.
	Transport http.RoundTripper
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

// Persons lists the ids of the modelled persons.
func Persons(at time.Time) []string {
	var ids []string
	for _, p := range cardsim.People(at) {
		ids = append(ids, p.ID)
	}
	return ids
}
