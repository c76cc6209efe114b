package cardtool

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"mobileid/cmd/internal/serve"
	"mobileid/cmd/internal/terminal"
	"mobileid/cmd/internal/usage"
	"mobileid/issuer/card"
)

// maxSecrets bounds a file of secrets.
const maxSecrets = 1 << 10

// secretSource gives secrets in the order they are asked for.
type secretSource struct {
	o     Options
	words words
	lines *bufio.Reader // of a file or of standard input; nil until one is asked for
}

func newSecretSource(o Options, w words) *secretSource { return &secretSource{o: o, words: w} }

// stdinTaken tells that standard input is for secrets.
func (s *secretSource) stdinTaken() bool { return s.o.PINStdin }

// ask gives one secret. From a terminal the question is label.
func (s *secretSource) ask(ctx context.Context, label string) (string, error) {
	if s.o.PINFile == "" && !s.o.PINStdin {
		return s.prompt(ctx, label)
	}
	if s.lines == nil {
		if err := s.begin(); err != nil {
			return "", err
		}
	}
	return s.line(ctx)
}

func (s *secretSource) begin() error {
	if s.o.PINStdin {
		s.lines = bufio.NewReader(io.LimitReader(s.o.In, maxSecrets))
		return nil
	}
	b, err := serve.ReadPrivate(s.o.PINFile, maxSecrets)
	if err != nil {
		if errors.Is(err, serve.ErrOpenSecret) {
			err = fmt.Errorf("%w: chmod 600", err)
		}
		return fmt.Errorf("reading the file of secrets: %w", err)
	}
	s.lines = bufio.NewReader(strings.NewReader(string(b)))
	return nil
}

func (s *secretSource) line(ctx context.Context) (string, error) {
	return terminal.Wait(ctx, func() (string, error) {
		text, err := s.lines.ReadString('\n')
		if err != nil && (!errors.Is(err, io.EOF) || text == "") {
			return "", errors.New("reading a secret: there are fewer lines than secrets")
		}
		return strings.TrimRight(text, "\r\n"), nil
	})
}

// prompt asks on the terminal, without an echo.
func (s *secretSource) prompt(ctx context.Context, label string) (string, error) {
	text, err := terminal.Secret(ctx, s.o.In, s.o.Err, label)
	if errors.Is(err, terminal.ErrNone) {
		return "", usage.Errorf("%s: there is no terminal to ask on: use --pin-file or --pin-stdin", label)
	}
	return text, err
}

// onTerminal tells that secrets are typed.
func (s *secretSource) onTerminal() bool { return s.o.PINFile == "" && !s.o.PINStdin }

// verify asks for a secret and presents it once. On a terminal the tries left are told first.
func (t *Tool) verify(ctx context.Context, c *card.Client, secret card.FileID) error {
	name, _ := secret.Secret()
	label, err := t.label(ctx, c, secret, name)
	if err != nil {
		return err
	}
	value, err := t.secrets.ask(ctx, label)
	if err != nil {
		return err
	}
	if name == card.NumberB {
		if value, err = numberB(value); err != nil {
			return err
		}
	}
	return c.Verify(ctx, secret, value)
}

func (t *Tool) label(ctx context.Context, c *card.Client, secret card.FileID, name card.SecretName) (string, error) {
	label := t.words.secret(name)
	if !t.secrets.onTerminal() {
		return label, nil
	}
	state, err := c.PINStatus(ctx, secret)
	if err != nil {
		return "", err
	}
	switch left := state[0].TriesLeft; {
	case left == 0:
		return "", &card.SecretError{Secret: name, Err: card.ErrSecretBlocked}
	case left == 1 && !t.o.SpendLastTry:
		return "", &card.SecretError{Secret: name, TriesLeft: 1, Err: card.ErrLastTry}
	case left > 0:
		label += " (" + t.words.tries(state[0].TriesLeft) + ")"
	}
	return label, nil
}
