package main

import (
	"errors"
	"strings"
	"time"

	"mobileid/cmd/internal/usage"
	"mobileid/cmd/mobileid/internal/ceremony"
	"mobileid/cmd/mobileid/internal/demo"

	"github.com/spf13/cobra"
)

func cardNewCommand() *cobra.Command {
	o := ceremony.CardOptions{}
	c := &cobra.Command{
		Use:   "new",
		Short: "Make a person's test card and the PKI that issues it",
		Long: `Make a person's test card and the PKI that issues it (O=JPKI-TEST).

The modelled people get the documented test secrets: PINs 1234, signature password ABC123. A person of one's own is a YAML file, described
in docs/testcard.md. With --authority the PKI is the one that mobileid pki new made, so that its issuer accepts the card.`,
		Example: "  mobileid card new --out testcard\n  mobileid card new --out testcard --person taro.yaml --authority state",
		Args:    cardArguments(0),
		RunE: func(c *cobra.Command, _ []string) error {
			o.Now = time.Now()
			err := ceremony.NewCard(c.Context(), o, c.OutOrStdout())
			if errors.Is(err, ceremony.ErrPerson) || errors.Is(err, ceremony.ErrOptions) {
				return &usage.Error{Err: err}
			}
			return err
		},
	}
	c.Flags().StringVar(&o.Dir, "out", "", "`DIR` to make; it must not exist yet")
	c.Flags().StringVar(&o.Person, "person", "birthday", "`PERSON`: "+strings.Join(demo.Persons(time.Now()), ", ")+", or a YAML file")
	c.Flags().StringVar(&o.Seed, "seed", "", "`TEXT` that determines all keys: the same card can be made again")
	c.Flags().StringVar(&o.Authority, "authority", "", "`DIR` that mobileid pki new made")
	c.Flags().BoolVar(&o.Next, "next", false, "a card of the next generation, proposed; no command here reads it")
	_ = c.MarkFlagRequired("out") // the flag was defined just above
	return c
}
