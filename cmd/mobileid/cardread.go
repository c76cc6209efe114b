package main

import (
	"time"

	"mobileid/cmd/internal/usage"
	"mobileid/cmd/mobileid/internal/cardtool"
	"mobileid/cmd/mobileid/internal/demo"
	"mobileid/cmd/mobileid/internal/inspect"

	"github.com/spf13/cobra"
)

// cardReaderCommands are the commands that talk to a card. Their flags are the same.
func cardReaderCommands() []*cobra.Command {
	o := &cardtool.Options{}
	list := []*cobra.Command{
		cardListCommand(o), cardShowCommand(o), cardPINStatusCommand(o), cardReadCommand(o), cardCertsCommand(o), cardSignCommand(o),
		cardPhotoCommand(o), cardChangePINCommand(o),
	}
	for _, c := range list {
		cardFlags(c, o)
	}
	return list
}

func cardFlags(c *cobra.Command, o *cardtool.Options) {
	f := c.Flags()
	f.StringVar(&o.Reader, "reader", "", "`NAME` of the reader; the only one by default")
	f.StringVar(&o.Model, "model", "", "`FILE` with a saved model of a card, in place of a reader")
	f.StringVar(&o.Language, "lang", demo.English, "language of the output: ja or en")
	f.BoolVar(&o.JSON, "json", false, "print one JSON document")
	f.DurationVar(&o.Timeout, "timeout", 10*time.Second, "how long to wait for a card and for each of its answers; six times that for all answers together")
	f.BoolVar(&o.Short, "short", false, "use short commands only")
	f.StringVar(&o.PINFile, "pin-file", "", "`FILE` with the secrets, one a line, mode 0600")
	f.BoolVar(&o.PINStdin, "pin-stdin", false, "take the secrets from standard input, one a line")
	f.BoolVar(&o.SpendLastTry, "spend-last-try", false, "send a secret although one try is left")
}

// cardTool makes the tool for one command.
func cardTool(c *cobra.Command, o *cardtool.Options, do func(*cardtool.Tool) error) error {
	o.In, o.Out, o.Err = c.InOrStdin(), c.OutOrStdout(), c.ErrOrStderr()
	t, err := cardtool.New(*o)
	if err != nil {
		return err
	}
	return do(t)
}

func cardListCommand(o *cardtool.Options) *cobra.Command {
	return &cobra.Command{
		Use:     "list",
		Short:   "List the readers, and whether a card is in them",
		Example: "  mobileid card list",
		Args:    cardArguments(0),
		RunE: func(c *cobra.Command, _ []string) error {
			return cardTool(c, o, func(t *cardtool.Tool) error { return t.List(c.Context()) })
		},
	}
}

func cardShowCommand(o *cardtool.Options) *cobra.Command {
	return &cobra.Command{
		Use:     "show",
		Short:   "Show what a card tells without a secret",
		Example: "  mobileid card show --lang ja",
		Args:    cardArguments(0),
		RunE: func(c *cobra.Command, _ []string) error {
			return cardTool(c, o, func(t *cardtool.Tool) error { return t.Show(c.Context()) })
		},
	}
}

func cardPINStatusCommand(o *cardtool.Options) *cobra.Command {
	return &cobra.Command{
		Use:     "pin-status",
		Short:   "Show the tries left of every secret; none is spent",
		Example: "  mobileid card pin-status --json",
		Args:    cardArguments(0),
		RunE: func(c *cobra.Command, _ []string) error {
			return cardTool(c, o, func(t *cardtool.Tool) error { return t.PINStatus(c.Context()) })
		},
	}
}

func cardReadCommand(o *cardtool.Options) *cobra.Command {
	var r cardtool.ReadOptions
	c := &cobra.Command{
		Use:   "read [attributes|face|age|APPLICATION:FILE]",
		Short: "Read attributes, card face or age record, and check what can be checked here",
		Long: `Read a part of a card, print its values, and print every check that could be made here: form, signatures, the chip's presence,
agreement. What lacks --roots or --municipal-roots, or the issuer, is listed as not_run.

attributes (default)  name, address, birth date, sex; by the PIN (--with pin) or number B (--with number-b)
face                  the card face with the portrait; by number B or number A (--with number-a)
age                   the signed birth date alone; by the birth date as printed
APPLICATION:FILE      one file in hex: jpki, attributes, face, common or resident, and its identifier

Number B may be typed as its 14 digits or as its parts: 1980-02-17 2035 2285, with "foreign" behind for a card with Gregorian years.
The individual number is read with --number only: as text beside the attributes, as an image beside the face (--with number-a).`,
		Example: "  mobileid card read\n  mobileid card read face --with number-b --out files\n  mobileid card read jpki:0006",
		Args:    cardArguments(1),
		RunE: func(c *cobra.Command, args []string) error {
			r.What = firstOr(args, "attributes")
			return cardTool(c, o, func(t *cardtool.Tool) error { return t.Read(c.Context(), r) })
		},
	}
	f := c.Flags()
	f.StringVar(&r.With, "with", "", "the secret that opens it: pin, number-a, number-b, birth-date or password")
	f.BoolVar(&r.Number, "number", false, "read the individual number too")
	f.StringVar(&r.Dir, "out", "", "`DIR` that receives the files as the card gave them")
	f.StringVar(&r.Roots, "roots", "", "PEM `FILE` with the CA certificates trusted")
	f.StringVar(&r.MunicipalRoots, "municipal-roots", "", "PEM `FILE` with the CA keys of card records")
	return c
}

func cardCertsCommand(o *cardtool.Options) *cobra.Command {
	signature, asPEM := false, false
	c := &cobra.Command{
		Use:     "certs",
		Short:   "Show the certificates of a card",
		Long:    "Show the user authentication certificate and both CA certificates; with --signature also the signature certificate, which needs its password.",
		Example: "  mobileid card certs\n  mobileid card certs --signature --pem >certificates.pem",
		Args:    cardArguments(0),
		RunE: func(c *cobra.Command, _ []string) error {
			return cardTool(c, o, func(t *cardtool.Tool) error { return t.Certs(c.Context(), signature, asPEM) })
		},
	}
	c.Flags().BoolVar(&signature, "signature", false, "the signature certificate too; it names the holder")
	c.Flags().BoolVar(&asPEM, "pem", false, "print PEM")
	return c
}

func cardSignCommand(o *cardtool.Options) *cobra.Command {
	var s cardtool.SignOptions
	c := &cobra.Command{
		Use:     "sign [FILE|-]",
		Short:   "Sign a file with a key of the card (RSASSA-PKCS1-v1_5), and verify with its certificate",
		Example: "  mobileid card sign --key auth --out contract.sig contract.pdf",
		Args:    cardArguments(1),
		RunE: func(c *cobra.Command, args []string) error {
			return cardTool(c, o, func(t *cardtool.Tool) (err error) {
				name := firstOr(args, "-")
				if name == "-" && t.StdinTaken() {
					return usage.Errorf("standard input cannot be both the secrets and what is signed: name a file")
				}
				if s.Content, err = inspect.ReadInput(name, c.InOrStdin()); err != nil {
					return err
				}
				return t.Sign(c.Context(), s)
			})
		},
	}
	c.Flags().StringVar(&s.Key, "key", "auth", "auth (PIN) or signature (password)")
	c.Flags().StringVar(&s.Hash, "hash", "sha256", "sha256, sha384 or sha512")
	c.Flags().StringVar(&s.Out, "out", "", "`FILE` that receives the bare signature; otherwise it is printed in base64")
	return c
}

func cardPhotoCommand(o *cardtool.Options) *cobra.Command {
	var p cardtool.PhotoOptions
	c := &cobra.Command{
		Use:   "photo --out FILE",
		Short: "Write the portrait: JPEG 2000 as the card holds it, or decoded by an outside program",
		Example: "  mobileid card photo --out face.jp2\n" +
			"  mobileid card photo --out face.png --decoder opj_decompress",
		Args: cardArguments(0),
		RunE: func(c *cobra.Command, _ []string) error {
			return cardTool(c, o, func(t *cardtool.Tool) error { return t.Photo(c.Context(), p) })
		},
	}
	c.Flags().StringVar(&p.Out, "out", "", "`FILE` to write: .jp2, .png or .jpg")
	c.Flags().StringVar(&p.Decoder, "decoder", "", "`PROGRAM`: OpenJPEG's opj_decompress, for .png and .jpg")
	c.Flags().StringVar(&p.With, "with", "", "number-b (default) or number-a")
	_ = c.MarkFlagRequired("out") // the flag was defined just above
	return c
}

func cardChangePINCommand(o *cardtool.Options) *cobra.Command {
	which := ""
	c := &cobra.Command{
		Use:   "change-pin --secret NAME",
		Short: "Change a PIN or the signature password",
		Long: `Change a secret: the old value is verified, then the new one takes its place. Both forms are checked before anything is sent; a new
signature password has 6 to 16 letters and digits, and at least one of each. From --pin-file and --pin-stdin the first line is the old value and
the second the new one.`,
		Example: "  mobileid card change-pin --secret auth",
		Args:    cardArguments(0),
		RunE: func(c *cobra.Command, _ []string) error {
			return cardTool(c, o, func(t *cardtool.Tool) error { return t.Change(c.Context(), which) })
		},
	}
	c.Flags().StringVar(&which, "secret", "", "`NAME`: auth, signature, attributes or resident")
	_ = c.MarkFlagRequired("secret") // the flag was defined just above
	return c
}
