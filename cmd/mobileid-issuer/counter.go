package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os/signal"
	"strings"
	"syscall"
	"time"

	qrcode "github.com/skip2/go-qrcode"

	"mobileid/cmd/internal/serve"
	"mobileid/issuer/card/jp2"
	"mobileid/issuer/counter"
	"mobileid/mdoc/apdu/pcsc"
)

const (
	// counterWrite lets a reading of the card end before its answer is given up.
	counterWrite = 60 * time.Second
	qrSide       = 680 // twice what the page shows, for sharp edges
)

// station is what the flags of mobileid-issuer counter say.
type station struct {
	issuer, token, listen, model, reader, decoder string
	idle                                          time.Duration
}

// runCounter is "mobileid-issuer counter": the page of a municipal counter PC on a loopback address.
func runCounter(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	var s station
	flags := flag.NewFlagSet("mobileid-issuer counter", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.StringVar(&s.issuer, "issuer", "", "`URL` of mobileid-issuer (required)")
	flags.StringVar(&s.token, "token-file", "", "`FILE` with the counter's token, mode 0600 (required)")
	flags.StringVar(&s.listen, "listen", "127.0.0.1:8085", "loopback `ADDRESS` of the page")
	flags.StringVar(&s.reader, "reader", "", "`NAME` of the PC/SC reader, as mobileid card list shows it; without it, whichever has a card")
	flags.StringVar(&s.model, "model", "", "`FILE` of a saved model in place of a reader, mode 0600: the card is there while the file is")
	flags.StringVar(&s.decoder, "portrait-decoder", "", "`PROGRAM` of OpenJPEG, opj_decompress, that shows portraits; without it they are not shown")
	flags.DurationVar(&s.idle, "idle", counter.DefaultIdle, "how long a visit lasts when nobody does anything")
	if err := flags.Parse(args); errors.Is(err, flag.ErrHelp) {
		return 0
	} else if err != nil {
		return 2
	}
	if s.issuer == "" || s.token == "" || s.model != "" && s.reader != "" || flags.NArg() > 0 {
		fmt.Fprintln(stderr, "mobileid-issuer counter: error: -issuer, -token-file is missing, or -reader stands with -model, or there are arguments besides the flags")
		fmt.Fprintln(stderr, "hint: mobileid-issuer counter -issuer https://issuer.example -token-file token")
		return 2
	}
	ctx, stop := signal.NotifyContext(ctx, syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	log := slog.New(slog.NewJSONHandler(stderr, nil)).With("service", "mobileid-issuer counter")
	if err := s.serve(ctx, log, stdout); err != nil {
		fmt.Fprintf(stderr, "mobileid-issuer counter: error: %v\n", err)
		return 1
	}
	return 0
}

func (s station) serve(ctx context.Context, log *slog.Logger, stdout io.Writer) error {
	if err := counter.Loopback(s.listen); err != nil {
		return err
	}
	token, err := serve.ReadSecret(s.token)
	if err != nil {
		return fmt.Errorf("reading the counter's token: %w", err)
	}
	client, err := counter.NewClient(counter.ClientConfig{BaseURL: s.issuer, Token: strings.TrimSpace(string(token))})
	if err != nil {
		return err
	}
	late := new(lateHandler)
	server, err := serve.Listen(ctx, serve.Config{Addr: s.listen, Handler: late, Log: log, WriteTimeout: counterWrite})
	if err != nil {
		return err
	}
	config := s.config(client, server.URL(), log)
	if s.model == "" {
		readers := pcsc.New(pcsc.Options{})
		defer readers.Close()
		if err := look(ctx, readers, s.reader, log); err != nil {
			return errors.Join(err, server.Close())
		}
		config.Reader = pcscReader{client: readers, name: s.reader}
	}
	page, err := counter.New(config)
	if err != nil {
		return errors.Join(err, server.Close())
	}
	late.Handler = page.Handler()
	fmt.Fprintln(stdout, "open "+server.URL()+"/ in the browser of this PC")
	return server.Beside(ctx, page.Run)
}

// config is that of the page with a saved model. Readers and cards that do not take extended commands get short ones.
func (s station) config(client counter.Issuer, origin string, log *slog.Logger) counter.Config {
	c := counter.Config{Reader: modelReader{path: s.model}, Issuer: client, QR: drawQR, Origin: origin, Idle: s.idle, Extended: true, Log: log}
	if s.decoder != "" {
		c.Portrait = decoder{jp2.Decoder{Program: s.decoder}}.show
	}
	return c
}

// drawQR draws an invitation with the correction that survives a smeared screen.
func drawQR(text string) ([]byte, error) { return qrcode.Encode(text, qrcode.Medium, qrSide) }
