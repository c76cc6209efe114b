package main

import (
	"time"

	"mobileid/cmd/internal/usage"
	"mobileid/cmd/mobileid/internal/setool"

	"github.com/spf13/cobra"
)

func seCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "se",
		Short: "Secure elements and GlobalPlatform cards: look, load, install, lock, delete, keys",
		Long: `Manage a GlobalPlatform card or secure element over SCP03, in a PC/SC reader or, with --model, from the file of a modelled one.

Keys come from files of mode 0600, never as arguments. --keys names a key set:

  version 30
  enc <key in hex>
  mac <key in hex>
  dek <key in hex>

--master names a file that holds a master key of 16, 24 or 32 bytes and nothing else, from which the card's keys are made by KDF3 and the
card's number, as mobileid-tsm does. A failed authentication is never tried again.

info and keys need no keys. Published and patterned keys are refused: an element of mobileid-wallet se --test-keys is for other people's
tools.

Exit status: 0 done, 1 the card or a file refused, 2 misuse.`,
		Example: `  mobileid se info
  mobileid se list --master state/tsm/master.key
  mobileid se lock F04D49444D444F4301 --keys card.keys --json`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 0 {
				return usage.Errorf("unknown command for mobileid se")
			}
			return nil
		},
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.SetFlagErrorFunc(unrepeated)
	o := &setool.Options{}
	open := []*cobra.Command{seInfoCommand(o), seKeysCommand(o)}
	keyed := []*cobra.Command{
		seListCommand(o), seLoadCommand(o), seInstallCommand(o), seDeleteCommand(o), seDeleteKeysCommand(o), seLockCommand(o),
		seUnlockCommand(o), sePutKeyCommand(o),
	}
	for _, x := range keyed {
		f := x.Flags()
		f.StringVar(&o.Keys, "keys", "", "`FILE` with the key set, mode 0600")
		f.StringVar(&o.Master, "master", "", "`FILE` with the master key, mode 0600")
		f.StringVar(&o.Version, "key-version", "30", "`VERSION` of the keys made of the master key, in hex")
		f.StringVar(&o.Domain, "domain", "", "`AID` of the security domain; the issuer's by default")
		f.StringVar(&o.Level, "level", "33", "security `LEVEL` in hex: 01, 03, 11, 13 or 33")
	}
	for _, x := range append(open, keyed...) {
		f := x.Flags()
		f.StringVar(&o.Reader, "reader", "", "`NAME` of the reader; the only one with a card by default")
		f.StringVar(&o.Model, "model", "", "`FILE` that is a modelled secure element, in place of a reader")
		f.BoolVar(&o.JSON, "json", false, "print one JSON document")
		f.DurationVar(&o.Timeout, "timeout", 10*time.Second, "how long to wait for a card and for each of its answers")
		c.AddCommand(x)
	}
	return c
}

// seArguments wants from least to most arguments. They are not repeated: one may be a key.
func seArguments(least, most int) cobra.PositionalArgs {
	return func(_ *cobra.Command, args []string) error {
		switch {
		case len(args) > most:
			return usage.Errorf("there is one argument too many; a key is never an argument")
		case len(args) < least:
			return usage.Errorf("an argument is missing")
		}
		return nil
	}
}

// seRun makes the tool for one command.
func seRun(o *setool.Options, do func(c *cobra.Command, t *setool.Tool, args []string) error) func(*cobra.Command, []string) error {
	return func(c *cobra.Command, args []string) error {
		o.Out, o.Err = c.OutOrStdout(), c.ErrOrStderr()
		t, err := setool.New(*o)
		if err != nil {
			return err
		}
		return do(c, t, args)
	}
}

func seInfoCommand(o *setool.Options) *cobra.Command {
	return &cobra.Command{
		Use: "info", Short: "Show what the card tells about itself", Example: "  mobileid se info --json", Args: seArguments(0, 0),
		RunE: seRun(o, func(c *cobra.Command, t *setool.Tool, _ []string) error { return t.Info(c.Context()) }),
	}
}

func seKeysCommand(o *setool.Options) *cobra.Command {
	return &cobra.Command{
		Use: "keys", Short: "Show which keys the card has, not the keys", Example: "  mobileid se keys", Args: seArguments(0, 0),
		RunE: seRun(o, func(c *cobra.Command, t *setool.Tool, _ []string) error { return t.ShowKeys(c.Context()) }),
	}
}

func seListCommand(o *setool.Options) *cobra.Command {
	return &cobra.Command{
		Use: "list", Short: "List the security domains, applications and load files",
		Example: "  mobileid se list --keys card.keys", Args: seArguments(0, 0),
		RunE: seRun(o, func(c *cobra.Command, t *setool.Tool, _ []string) error { return t.List(c.Context()) }),
	}
}

func seLoadCommand(o *setool.Options) *cobra.Command {
	return &cobra.Command{
		Use: "load FILE", Short: "Load a CAP file", Example: "  mobileid se load applet.cap --keys card.keys", Args: seArguments(1, 1),
		RunE: seRun(o, func(c *cobra.Command, t *setool.Tool, args []string) error { return t.Load(c.Context(), args[0]) }),
	}
}

func seInstallCommand(o *setool.Options) *cobra.Command {
	var i setool.Installing
	c := &cobra.Command{
		Use: "install", Short: "Install an application of a load file and make it selectable",
		Example: "  mobileid se install --file F04D49444D444F43 --module F04D49444D444F4301 --instance F04D49444D444F4301 --keys card.keys",
		Args:    seArguments(0, 0),
		RunE:    seRun(o, func(c *cobra.Command, t *setool.Tool, _ []string) error { return t.Install(c.Context(), i) }),
	}
	f := c.Flags()
	f.StringVar(&i.LoadFile, "file", "", "`AID` of the load file")
	f.StringVar(&i.Module, "module", "", "`AID` of the module in it")
	f.StringVar(&i.Instance, "instance", "", "`AID` the application gets")
	f.StringVar(&i.Parameters, "parameters", "", "`HEX` given to the application")
	f.StringVar(&i.Privileges, "privileges", "", "`HEX` of one to three bytes; 80 is a security domain's")
	for _, name := range []string{"file", "module", "instance"} {
		_ = c.MarkFlagRequired(name) // the flags were defined just above
	}
	return c
}

func seDeleteCommand(o *setool.Options) *cobra.Command {
	related := false
	c := &cobra.Command{
		Use: "delete AID", Short: "Delete an application or a load file", Example: "  mobileid se delete F04D49444D444F4301 --keys card.keys",
		Args: seArguments(1, 1),
		RunE: seRun(o, func(c *cobra.Command, t *setool.Tool, args []string) error {
			return t.Delete(c.Context(), args[0], related)
		}),
	}
	c.Flags().BoolVar(&related, "related", false, "a load file's applications too")
	return c
}

func seDeleteKeysCommand(o *setool.Options) *cobra.Command {
	return &cobra.Command{
		Use: "delete-keys VERSION", Short: "Delete a key set", Example: "  mobileid se delete-keys 30 --keys new.keys", Args: seArguments(1, 1),
		RunE: seRun(o, func(c *cobra.Command, t *setool.Tool, args []string) error { return t.DeleteKeys(c.Context(), args[0]) }),
	}
}

func seLockCommand(o *setool.Options) *cobra.Command {
	whole := false
	c := &cobra.Command{
		Use: "lock [AID]", Short: "Lock an application or security domain, or with --card the card",
		Example: "  mobileid se lock F04D49444D444F4301 --keys card.keys\n  mobileid se lock --card --keys card.keys", Args: seArguments(0, 1),
		RunE: seRun(o, func(c *cobra.Command, t *setool.Tool, args []string) error {
			if whole == (len(args) == 1) {
				return usage.Errorf("name the AID to lock, or --card for the whole card")
			}
			return t.Lock(c.Context(), firstOr(args, ""))
		}),
	}
	c.Flags().BoolVar(&whole, "card", false, "the whole card: only its issuer's security domain answers until it is unlocked")
	return c
}

func seUnlockCommand(o *setool.Options) *cobra.Command {
	whole := false
	c := &cobra.Command{
		Use: "unlock [AID]", Short: "Unlock an application or security domain, or with --card the card",
		Example: "  mobileid se unlock F04D49444D444F4301 --keys card.keys", Args: seArguments(0, 1),
		RunE: seRun(o, func(c *cobra.Command, t *setool.Tool, args []string) error {
			if whole == (len(args) == 1) {
				return usage.Errorf("name the AID to unlock, or --card for the whole card")
			}
			return t.Unlock(c.Context(), firstOr(args, ""))
		}),
	}
	c.Flags().BoolVar(&whole, "card", false, "the whole card")
	return c
}

func sePutKeyCommand(o *setool.Options) *cobra.Command {
	var p setool.Putting
	c := &cobra.Command{
		Use: "put-key", Short: "Put a key set, beside the others or in place of one",
		Long: `Put a key set, beside the others or with --replace in place of one. The new keys travel encrypted under the current ones, and the
card's answer is compared with their check values. Put a new set first, open a session with it, and delete the old one then: if an answer is
lost on the way, nothing is.`,
		Example: "  mobileid se put-key --keys card.keys --new next.keys\n  mobileid se delete-keys 30 --keys next.keys", Args: seArguments(0, 0),
		RunE: seRun(o, func(c *cobra.Command, t *setool.Tool, _ []string) error { return t.PutKeys(c.Context(), p) }),
	}
	f := c.Flags()
	f.StringVar(&p.Keys, "new", "", "`FILE` with the new key set, mode 0600")
	f.StringVar(&p.Master, "new-master", "", "`FILE` with the master key the new set is made of, mode 0600")
	f.StringVar(&p.Version, "new-version", "31", "`VERSION` of the set made of --new-master, in hex")
	f.StringVar(&p.Replace, "replace", "", "`VERSION` of the set to replace, in hex")
	return c
}
