package ceremony

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"mobileid/cmd/internal/serve"
	"mobileid/issuer/card/cardsim"
)

// CardOptions say which test card NewCard makes.
type CardOptions struct {
	// Dir is the folder to make; it must not exist yet.
	Dir string
	// Person is the ID of one of the modelled people, or else a YAML file.
	Person string
	// Seed, if set, determines the keys of the card and of a new authority: the same card can be made again on the same day.
	Seed string
	// Authority is the folder of a ceremony whose authority of modelled cards issues; empty makes one of this card's own.
	Authority string
	// Next makes a card of the proposed next generation, which has an authority of its own.
	Next bool
	// Now is the day on which the person is as described.
	Now time.Time
}

// CardState is the file of NewCard that cardsim.OpenState opens.
const CardState = "card.state"

// Errors of NewCard about its options.
var (
	ErrPerson  = errors.New("the person is neither one of the modelled people nor a file")
	ErrOptions = errors.New("these options exclude each other")
)

// NewCard makes a person's test card in a new folder, and its PKI unless one is named, and says on out what is where. A failure, and ctx's
// end, remove what was written.
//
//	card.state               the card with its keys, secrets and counters
//	authority.secret         and the roots, as in the folder card of Run; with Next only next-roots.pem
func NewCard(ctx context.Context, o CardOptions, out io.Writer) (err error) {
	if o.Next && (o.Authority != "" || o.Seed != "") {
		return fmt.Errorf("making a test card: the next generation with a seed or an authority: %w", ErrOptions)
	}
	person, builtIn, err := FindPerson(o.Person, o.Now)
	if err != nil {
		return fmt.Errorf("making a test card: %w", err)
	}
	dir, err := filepath.Abs(o.Dir)
	if err != nil {
		return fmt.Errorf("making a test card: %w", err)
	}
	if err := os.Mkdir(dir, closed); err != nil {
		return fmt.Errorf("making a test card: %w", err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(fmt.Errorf("making a test card: %w", err), os.RemoveAll(dir)) // made by this call
		}
	}()
	f := folder(dir)
	chip, err := f.personalise(person, o)
	if err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := cardsim.CreateState(f.path(CardState), chip); err != nil {
		return err
	}
	return f.explainCard(out, person, builtIn, o)
}

// FindPerson finds the person called name: one of the modelled people, who gets the documented test secrets (builtIn), or the one that a YAML file
// of that name describes. ErrPerson when it is neither.
func FindPerson(name string, now time.Time) (p cardsim.Person, builtIn bool, err error) {
	if p, ok := cardsim.PersonByID(name, now); ok {
		return p.WithTestSecrets(), true, nil
	}
	f, err := os.Open(name) //nolint:gosec // the file the caller named
	if errors.Is(err, os.ErrNotExist) {
		return cardsim.Person{}, false, ErrPerson
	}
	if err != nil {
		return cardsim.Person{}, false, err
	}
	defer func() { _ = f.Close() }() // opened for reading
	text, err := io.ReadAll(io.LimitReader(f, cardsim.MaxPersonFile+1))
	if err != nil {
		return cardsim.Person{}, false, err
	}
	p, err = cardsim.ParsePerson(text, now, os.DirFS(filepath.Dir(name)))
	return p, false, err
}

func (f folder) personalise(p cardsim.Person, o CardOptions) (*cardsim.Card, error) {
	now := func() time.Time { return o.Now }
	if o.Next {
		a, err := cardsim.NewNextAuthority(cardsim.AuthorityConfig{Now: now})
		if err != nil {
			return nil, err
		}
		if err := f.write("next-roots.pem", certificates(a.Roots()), anyone); err != nil {
			return nil, err
		}
		return cardsim.NewNext(p, a, cardsim.Options{})
	}
	var options cardsim.Options
	config := cardsim.AuthorityConfig{Now: now}
	if o.Seed != "" {
		config.Rand = cardsim.SeededRand("authority " + o.Seed)
		config.Keys = cardsim.SeededKeys(config.Rand)
		options.Rand = cardsim.SeededRand("card " + o.Seed)
		options.Keys = cardsim.SeededKeys(options.Rand)
	}
	a, err := f.cardIssuer(o.Authority, config)
	if err != nil {
		return nil, err
	}
	return cardsim.New(p, a, options)
}

// cardIssuer opens the authority of a ceremony, or makes one and writes it down.
func (f folder) cardIssuer(dir string, config cardsim.AuthorityConfig) (*cardsim.Authority, error) {
	if dir == "" {
		a, err := cardsim.NewAuthority(config)
		if err != nil {
			return nil, err
		}
		return a, f.cardAuthority(a)
	}
	return openCardAuthority(dir, config)
}

// openCardAuthority opens the authority of modelled cards of a folder that Run made.
func openCardAuthority(dir string, config cardsim.AuthorityConfig) (*cardsim.Authority, error) {
	saved, err := serve.ReadFile(filepath.Join(dir, "card", CardAuthority), maxAuthority)
	if err != nil {
		return nil, err
	}
	defer clear(saved)
	return cardsim.ParseAuthority(saved, config)
}

func (f folder) explainCard(out io.Writer, p cardsim.Person, builtIn bool, o CardOptions) error {
	text := fmt.Sprintf("test card of %s written to %s; keep the folder to yourself\n", p.ID, f.path(CardState))
	switch {
	case o.Next:
		text += fmt.Sprintf("its roots are %s; the card is a proposal, no real one is like it\n", f.path("next-roots.pem"))
	case o.Authority == "":
		text += fmt.Sprintf("an issuer that accepts it has card_signature_roots %s and card_municipal_roots %s\n",
			f.path("signature-roots.pem"), f.path("municipal-roots.pem"))
	}
	switch {
	case !builtIn:
		text += "its secrets are those of the person's file, the documented ones where that names none\n"
	case o.Next:
		text += fmt.Sprintf("PIN %s, password %s, PUK %s, 照合番号 %s\n", cardsim.TestPIN, cardsim.TestPassword, cardsim.TestPUK, p.ShortNumber())
	default:
		text += fmt.Sprintf("PINs %s, signature password %s, 照合番号A %s, 照合番号B %s\n",
			cardsim.TestPIN, cardsim.TestPassword, p.Number, p.NumberB())
	}
	_, err := io.WriteString(out, text)
	return err
}
