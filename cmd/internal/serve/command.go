package serve

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os/signal"
	"syscall"
)

// Exit codes of a service.
const (
	exitOK     = 0
	exitFailed = 1
	exitMisuse = 2
)

// Command is the command line of a service: -config names its settings, -check
// stops after they, and the files they name, have been read and found good, and
// -init makes the empty state of a new service, which running one never does.
type Command struct {
	// Name is the program's name, first in each message: mobileid-issuer.
	Name string
	// Settings is where the file is read into, with defaults already in place.
	Settings Settings
	// Run is the service: it returns when ctx ends, or with what went wrong.
	Run func(ctx context.Context, log *slog.Logger) error
	// Check, when set, is what -check does after the settings were found good:
	// it opens the keys and certificates they name and closes them again.
	Check func(ctx context.Context) error
	// Init, when set, gives the program the flag -init: it makes the empty
	// state the settings name, which must not be there yet, and stops.
	Init func(ctx context.Context) error
}

// Main reads args (without the program's name), runs the service until ctx
// ends or the process is told to stop (SIGINT, SIGTERM), and returns the exit
// code: 0, 1 when something failed, 2 when the command line was wrong. Logs go
// to stderr as one JSON object a line, messages for people too.
func (c Command) Main(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	flags := flag.NewFlagSet(c.Name, flag.ContinueOnError)
	flags.SetOutput(stderr)
	path := flags.String("config", "", "JSON `file` with the settings (required)")
	check := flags.Bool("check", false, "read and check the settings and what they name, then exit")
	create := new(bool)
	if c.Init != nil {
		create = flags.Bool("init", false, "make the empty state of a new service, then exit")
	}
	if err := flags.Parse(args); errors.Is(err, flag.ErrHelp) {
		return exitOK
	} else if err != nil {
		return exitMisuse
	}
	if *path == "" || flags.NArg() > 0 || *check && *create {
		c.complain(stderr, errors.New("-config is missing, or -check stands with -init, or there are arguments besides the flags"))
		fmt.Fprintf(stderr, "hint: %s -config settings.json\n", c.Name)
		return exitMisuse
	}
	if err := Load(*path, c.Settings); err != nil {
		c.complain(stderr, err)
		return exitFailed
	}
	if *check {
		return c.check(ctx, stdout, stderr)
	}
	if *create {
		return c.initialize(ctx, stdout, stderr)
	}
	ctx, stop := signal.NotifyContext(ctx, syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	log := slog.New(slog.NewJSONHandler(stderr, nil)).With("service", c.Name)
	if err := c.Run(ctx, log); err != nil {
		c.complain(stderr, err)
		return exitFailed
	}
	return exitOK
}

func (c Command) check(ctx context.Context, stdout, stderr io.Writer) int {
	if c.Check != nil {
		if err := c.Check(ctx); err != nil {
			c.complain(stderr, err)
			return exitFailed
		}
	}
	fmt.Fprintln(stdout, "settings are good")
	return exitOK
}

func (c Command) initialize(ctx context.Context, stdout, stderr io.Writer) int {
	if err := c.Init(ctx); err != nil {
		c.complain(stderr, err)
		return exitFailed
	}
	fmt.Fprintln(stdout, "state is made")
	return exitOK
}

func (c Command) complain(w io.Writer, err error) {
	fmt.Fprintf(w, "%s: error: %v\n", c.Name, err)
}
