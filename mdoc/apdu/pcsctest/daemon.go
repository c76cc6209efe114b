package pcsctest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"mobileid/mdoc/apdu/pcsc"
)

// ErrMissing says that a program is not installed, and which package has it.
var ErrMissing = errors.New("not installed (make packages installs it)")

// startWithin bounds the start and the stop of the daemon on a loaded machine.
const startWithin = 20 * time.Second

// runFolder is compiled into pcscd.
const runFolder = "/run/pcscd"

// A Daemon is a running pcscd with one virtual reader of two places, of which the first is used.
type Daemon struct {
	// Socket is the path of its socket.
	Socket string
	// Reader is the name of the virtual reader.
	Reader string
	// Address is where a card is put into the reader: host:port for vpcd.Serve.
	Address string

	client *pcsc.Client
	folder string
	listen *net.UnixListener
	cmd    *exec.Cmd
	done   chan struct{} // closed when the process has ended
	guard  *guard
	output *output
	stop   sync.Once
}

// Start starts a daemon; Stop ends it. The context bounds the start only.
func Start(ctx context.Context) (*Daemon, error) {
	ctx, cancel := context.WithTimeout(ctx, startWithin)
	defer cancel()
	program, driver, err := installed()
	if err != nil {
		return nil, fmt.Errorf("starting pcscd: %w", err)
	}
	for range 5 { // another program may take the ports before vpcd does
		d := &Daemon{done: make(chan struct{}), output: new(output)}
		if err = d.start(ctx, program, driver); err == nil {
			return d, nil
		}
		d.Stop()
		if ctx.Err() != nil {
			break
		}
	}
	return nil, fmt.Errorf("starting pcscd: %w", err)
}

// installed finds the daemon and the driver of the virtual reader.
func installed() (program, driver string, err error) {
	if program, err = Tool("pcscd", "pcscd"); err != nil {
		return "", "", err
	}
	found, _ := filepath.Glob("/usr/lib*/pcsc/drivers/serial/libifdvpcd.so") // the pattern is good
	if len(found) == 0 {
		return "", "", fmt.Errorf("libifdvpcd.so of Debian's vsmartcard-vpcd: %w", ErrMissing)
	}
	return program, found[0], nil
}

// Tool finds a program by name, and names the Debian package that has it if it is not there.
func Tool(name, debianPackage string) (string, error) {
	if path, err := exec.LookPath(name); err == nil {
		return path, nil
	}
	if path := filepath.Join("/usr/sbin", name); exec.Command(path, "--version").Run() == nil { //nolint:gosec // a name of the caller's choice
		return path, nil
	}
	return "", fmt.Errorf("%s of Debian's %s: %w", name, debianPackage, ErrMissing)
}

func (d *Daemon) start(ctx context.Context, program, driver string) error {
	port, err := freePort(ctx)
	if err != nil {
		return err
	}
	if d.folder, err = os.MkdirTemp("", "pcscd"); err != nil {
		return err
	}
	d.Socket = filepath.Join(d.folder, "comm")
	d.Address = fmt.Sprintf("127.0.0.1:%d", port)
	conf := filepath.Join(d.folder, "conf")
	reader := fmt.Sprintf("FRIENDLYNAME \"Virtual PCD\"\nDEVICENAME /dev/null:0x%04X\nLIBPATH %s\nCHANNELID 0x%04X\n", port, driver, port)
	err = errors.Join(os.Mkdir(conf, 0o700), os.WriteFile(filepath.Join(conf, "vpcd"), []byte(reader), 0o600), d.launch(program, conf))
	if err != nil {
		return err
	}
	return d.ready(ctx)
}

// launch hands the listening socket over as file 3. The shell is there because the daemon wants to see its own process number in
// LISTEN_PID (sd_listen_fds).
func (d *Daemon) launch(program, conf string) error {
	var err error
	if d.listen, err = net.ListenUnix("unix", &net.UnixAddr{Name: d.Socket, Net: "unix"}); err != nil {
		return err
	}
	file, err := d.listen.File()
	if err != nil {
		return err
	}
	defer file.Close() //nolint:errcheck // a duplicate
	d.cmd = exec.Command("/bin/sh", "-c", `LISTEN_FDS=1 LISTEN_PID=$$ exec "$0" "$@"`,
		program, "--foreground", "--auto-exit", "--config", conf) //nolint:gosec // found by Tool
	d.cmd.ExtraFiles = []*os.File{file}
	d.cmd.Stdout, d.cmd.Stderr = d.output, d.output
	if err := d.cmd.Start(); err != nil {
		d.cmd = nil
		return err
	}
	go func() {
		_ = d.cmd.Wait()
		_ = d.listen.Close() // whoever waits in the socket is sent away
		close(d.done)
	}()
	d.guard, err = newGuard(d.cmd.Process.Pid, d.folder)
	return err
}

// ready connects and sees that the reader is there. The connection is kept, for the daemon ends without one.
func (d *Daemon) ready(ctx context.Context) error {
	d.client = pcsc.New(pcsc.Options{Socket: d.Socket, Timeout: startWithin})
	readers, err := d.client.Readers(ctx)
	if err == nil && len(readers) == 0 {
		err = errors.New("the virtual reader did not come up")
	}
	if err != nil {
		if _, gone := os.Stat(runFolder); gone != nil && os.Geteuid() != 0 {
			return fmt.Errorf("it needs %s, which only root can make: run as root, or once: install -d -o $(id -un) %[1]s: %w", runFolder, err)
		}
		return fmt.Errorf("%w; pcscd says: %s", err, d.output.last())
	}
	d.Reader = readers[0].Name
	return nil
}

// Client is a client of the daemon's; it ends with the daemon.
func (d *Daemon) Client() *pcsc.Client { return d.client }

// Environment is the environment of this process with the variable that brings PC/SC programs to this daemon.
func (d *Daemon) Environment() []string {
	return append(os.Environ(), pcsc.SocketEnvironment+"="+d.Socket)
}

// Stop ends the daemon and removes what it left. It may be called again.
func (d *Daemon) Stop() {
	d.stop.Do(func() {
		if d.client != nil {
			d.client.Close()
		}
		if d.cmd != nil {
			_ = d.cmd.Process.Signal(syscall.SIGTERM) // it may have ended already
			t := time.AfterFunc(startWithin, func() { _ = d.cmd.Process.Kill() })
			<-d.done
			t.Stop()
		} else if d.listen != nil {
			_ = d.listen.Close()
		}
		if d.folder != "" {
			_ = os.RemoveAll(d.folder)
		}
		_ = os.Remove(runFolder) // fails while another daemon has its file there
		d.guard.end()
	})
}

// freePort finds two ports side by side, as vpcd wants them, outside the range that outgoing connections use.
func freePort(ctx context.Context) (int, error) {
	for range 50 {
		l, err := new(net.ListenConfig).Listen(ctx, "tcp", ":0") //nolint:gosec // vpcd listens on all addresses too
		if err != nil {
			return 0, err
		}
		port := l.Addr().(*net.TCPAddr).Port //nolint:forcetypeassert // a TCP listener
		_ = l.Close()
		port = 10240 + port%20480
		if free(ctx, port) && free(ctx, port+1) {
			return port, nil
		}
	}
	return 0, errors.New("no two free ports side by side")
}

func free(ctx context.Context, port int) bool {
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", fmt.Sprintf(":%d", port))
	if err != nil {
		return false
	}
	return l.Close() == nil
}

// output keeps what the daemon wrote.
type output struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (o *output) Write(b []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.text.Len() < 1<<20 {
		o.text.Write(b)
	}
	return len(b), nil
}

// last is the last line.
func (o *output) last() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	lines := strings.Split(strings.TrimSpace(o.text.String()), "\n")
	return lines[len(lines)-1]
}
