package cardtool

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"mobileid/cmd/internal/usage"
	"mobileid/cmd/mobileid/internal/inspect"
	"mobileid/issuer/card"
	"mobileid/issuer/card/cardsim"
	"mobileid/mdoc/apdu"
)

// Options are what all commands share.
type Options struct {
	// Reader names the reader; "" is the only one. Model is a file with a saved model, used in place of a reader.
	Reader, Model string
	// Socket is pcscd's; "" is where it usually is.
	Socket string
	// Language is ja or en.
	Language string
	JSON     bool
	// Timeout bounds each exchange with the card, and the wait for a card. All exchanges of a command together take at most six times that.
	Timeout time.Duration
	// Short reads with short commands from the beginning.
	Short bool
	// SpendLastTry lets a secret be sent although one try is left.
	SpendLastTry bool
	// PINFile and PINStdin name where secrets come from, one a line in the order they are asked for; the terminal otherwise.
	PINFile  string
	PINStdin bool

	In       io.Reader
	Out, Err io.Writer
	// Now is the clock; nil means the system's.
	Now func() time.Time
	// Wrap, if set, is put round the transmitter: a trace, a count, a fault.
	Wrap func(apdu.Transmitter) apdu.Transmitter
}

// A Tool carries out one command.
type Tool struct {
	o       Options
	words   words
	secrets *secretSource
}

// New checks the options.
func New(o Options) (*Tool, error) {
	w, ok := wordsIn(o.Language)
	switch {
	case !ok:
		return nil, usage.Errorf("there is no language %q here: choose ja or en", o.Language)
	case o.PINFile != "" && o.PINStdin:
		return nil, usage.Errorf("--pin-file and --pin-stdin exclude each other")
	case o.Timeout <= 0:
		return nil, usage.Errorf("--timeout is not positive")
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return &Tool{o: o, words: w, secrets: newSecretSource(o, w)}, nil
}

// with opens the card and gives it to do. The error of do comes in words for people.
func (t *Tool) with(ctx context.Context, do func(context.Context, *card.Client) error) error {
	tr, closing, err := t.openCard(ctx, t.o.Reader)
	if err != nil {
		return t.explain(err)
	}
	err = t.talk(ctx, tr, do)
	return errors.Join(err, closing())
}

func (t *Tool) talk(ctx context.Context, tr apdu.Transmitter, do func(context.Context, *card.Client) error) error {
	if t.o.Wrap != nil {
		tr = t.o.Wrap(tr)
	}
	tr = &patient{tr, t.o.Timeout, allExchanges * t.o.Timeout}
	c, err := card.Connect(ctx, tr, card.ClientOptions{Extended: !t.o.Short, SpendLastTry: t.o.SpendLastTry})
	switch {
	case err == nil:
		err = do(ctx, c)
	case errors.Is(err, card.ErrNotMyNumberCard) && nextGeneration(ctx, tr):
		return &inspect.Problem{Err: &worded{t.words.nextCard, err}, Hint: t.words.nextHint}
	}
	return t.explain(err)
}

// nextGeneration asks a card that is no My Number card whether it is one of the proposed next generation.
func nextGeneration(ctx context.Context, tr apdu.Transmitter) bool {
	r, err := apdu.Exchange(ctx, tr, apdu.Command{INS: 0xA4, P1: 4, P2: 12, Data: cardsim.NextAID()})
	return err == nil && r.SW == apdu.OK
}

// allExchanges times the time for one exchange is the time for all exchanges of a command.
const allExchanges = 6

// errSlow says that a card answers, and so slowly that the command was given up.
var errSlow = errors.New("the card takes too long in all")

// patient waits for each answer no longer than timeout, and for all of them together no longer than left. The time in which a person
// types does not count.
type patient struct {
	apdu.Transmitter
	timeout, left time.Duration
}

func (p *patient) Transmit(ctx context.Context, command []byte) ([]byte, error) {
	if p.left <= 0 {
		return nil, errSlow
	}
	limited, cancel := context.WithTimeout(ctx, min(p.timeout, p.left))
	defer cancel()
	before := time.Now()
	answer, err := p.Transmitter.Transmit(limited, command)
	p.left -= time.Since(before)
	if err != nil && p.left <= 0 && ctx.Err() == nil {
		err = fmt.Errorf("%w: %w", errSlow, err)
	}
	return answer, err
}

// explain puts an error of the card into words, with advice.
func (t *Tool) explain(err error) error {
	if err == nil || usage.Is(err) {
		return err
	}
	if s, ok := errors.AsType[*card.SecretError](err); ok {
		return &inspect.Problem{Err: &worded{t.words.secretError(s), err}, Hint: t.words.secretHint(s)}
	}
	if errors.Is(err, errSlow) {
		return &inspect.Problem{Err: &worded{t.words.slow(allExchanges * t.o.Timeout), err}, Hint: t.words.silent}
	}
	for _, known := range []struct {
		target error
		hint   string
	}{
		{card.ErrOldCard, t.words.oldCard}, {card.ErrPhone, t.words.phone}, {card.ErrNotMyNumberCard, t.words.notMyNumber},
		{card.ErrCardSilent, t.words.silent}, {card.ErrCardGone, t.words.gone}, {apdu.ErrSecurityStatus, t.words.closed},
	} {
		if errors.Is(err, known.target) {
			return &inspect.Problem{Err: err, Hint: known.hint}
		}
	}
	if text := t.words.service(err); text != "" {
		return &worded{text, err}
	}
	return err
}

// worded is an error in other words.
type worded struct {
	text string
	err  error
}

func (w *worded) Error() string { return w.text }

func (w *worded) Unwrap() error { return w.err }

// print writes a line for people.
func (t *Tool) print(format string, a ...any) error {
	_, err := fmt.Fprintf(t.o.Out, format+"\n", a...)
	return err
}

// show prints a value as JSON, or calls people.
func (t *Tool) show(v any, people func() error) error {
	if !t.o.JSON {
		return people()
	}
	return inspect.WriteJSON(t.o.Out, v)
}

// line is a name and its value in a list for people.
type line struct{ name, value string }

func (t *Tool) lines(list []line) error {
	wide := 0
	for _, l := range list {
		wide = max(wide, width(l.name))
	}
	for _, l := range list {
		if l.value == "" {
			continue
		}
		if err := t.print("%s%*s  %s", l.name, wide-width(l.name), "", l.value); err != nil {
			return err
		}
	}
	return nil
}

// width counts columns: two for the wide characters of Japanese.
func width(s string) int {
	n := 0
	for _, r := range s {
		n++
		if r >= 0x2E80 {
			n++
		}
	}
	return n
}
