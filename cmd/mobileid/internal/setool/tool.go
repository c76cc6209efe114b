package setool

import (
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"mobileid/cmd/internal/usage"
	"mobileid/cmd/mobileid/internal/inspect"
	"mobileid/mdoc/apdu"
	"mobileid/tsm/gp"
	"mobileid/tsm/gp/manager"
	"mobileid/tsm/scp03"
)

// Options are what all commands share.
type Options struct {
	// Reader names the reader; "" is the only one with a card. Model is the file of a modelled element, in place of a reader.
	Reader, Model string
	// Socket is pcscd's; "" is where it usually is.
	Socket string
	JSON   bool
	// Timeout bounds each exchange, and the wait for a card.
	Timeout time.Duration
	// Keys is a file with a key set, Master one with a master key; Version is the key version asked for with a master key.
	Keys, Master, Version string
	// Domain is the AID of the security domain in hex; "" is the issuer's.
	Domain string
	// Level is the security level in hex.
	Level string

	Out, Err io.Writer
	// Wrap, if set, is put round the transmitter: a trace, a count, a fault.
	Wrap func(apdu.Transmitter) apdu.Transmitter
}

// A Tool carries out one command.
type Tool struct {
	o       Options
	connect manager.Options
}

// New checks the options.
func New(o Options) (*Tool, error) {
	t := &Tool{o: o}
	switch {
	case o.Reader != "" && o.Model != "":
		return nil, usage.Errorf("--reader and --model exclude each other")
	case o.Keys != "" && o.Master != "":
		return nil, usage.Errorf("--keys and --master exclude each other")
	case o.Timeout <= 0:
		return nil, usage.Errorf("--timeout is not positive")
	}
	if o.Domain != "" {
		aid, err := parseAID(o.Domain)
		if err != nil {
			return nil, err
		}
		t.connect.Domain = aid
	}
	if o.Level != "" {
		level, err := parseByte("--level", o.Level)
		if err != nil {
			return nil, err
		}
		if t.connect.Level = scp03.Level(level); t.connect.Level.Check() != nil {
			return nil, usage.Errorf("--level is not 01, 03, 11, 13 or 33")
		}
	}
	return t, nil
}

// look gives what the card tells without keys.
func (t *Tool) look(ctx context.Context) (info manager.Info, err error) {
	err = t.with(ctx, func(tr apdu.Transmitter) error {
		info, err = manager.Look(ctx, tr)
		return err
	})
	return info, err
}

// session opens a secure channel for do.
func (t *Tool) session(ctx context.Context, do func(*manager.Session) error) error {
	from, err := t.keys(t.o.Keys, t.o.Master, t.o.Version)
	if err != nil {
		return err
	}
	defer from.erase()
	return t.with(ctx, func(tr apdu.Transmitter) error {
		s, err := manager.Connect(ctx, tr, from.keys, t.connect)
		if err != nil {
			return err
		}
		defer s.Close()
		return do(s)
	})
}

// change is a session that ends with a line or a document saying what was done.
func (t *Tool) change(ctx context.Context, what string, aid gp.AID, do func(*manager.Session) (*gp.Receipt, error)) error {
	var receipt *gp.Receipt
	err := t.session(ctx, func(s *manager.Session) (err error) {
		receipt, err = do(s)
		return err
	})
	if err != nil {
		return err
	}
	d := done{Done: what, AID: name(aid)}
	if receipt != nil {
		d.Receipt = fmt.Sprintf("%X", receipt.Bytes())
	}
	return t.show(d, func() error {
		fmt.Fprintln(t.o.Out, strings.TrimSpace(what+" "+d.AID))
		if d.Receipt != "" {
			fmt.Fprintf(t.o.Out, "receipt %s\n", d.Receipt)
		}
		return nil
	})
}

// done is the JSON form of what was done.
type done struct {
	Done    string `json:"done"`
	AID     string `json:"aid,omitempty"`
	Receipt string `json:"receipt,omitempty"`
}

// name is the AID in hex, or nothing.
func name(aid gp.AID) string {
	if aid == "" {
		return ""
	}
	return aid.String()
}

// show prints a value as JSON, or calls people.
func (t *Tool) show(v any, people func() error) error {
	if !t.o.JSON {
		return people()
	}
	return inspect.WriteJSON(t.o.Out, v)
}
