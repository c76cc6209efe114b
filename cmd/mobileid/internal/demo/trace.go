package demo

import (
	"bytes"
	"context"
	"encoding/hex"
	"fmt"
	"strings"
	"sync"

	"mobileid/mdoc/cbor"
	"mobileid/mdoc/transport"
)

// maxShown bounds how much of a message a trace prints.
const maxShown = 4 << 10

// recorder sees what crosses and keeps the APDU log.
type recorder struct {
	p       *printer
	on      bool
	mu      sync.Mutex // guards the rest
	log     bytes.Buffer
	counted map[string]int
}

func newRecorder(p *printer, on bool) *recorder {
	return &recorder{p: p, on: on, counted: map[string]int{}}
}

// watchedConn shows the messages of the proximity session at the phone's end.
type watchedConn struct {
	transport.Conn
	rec   *recorder
	begun bool
}

const clauseSession = "ISO/IEC 18013-5:2021, 9.1.1.4"

func (c *watchedConn) Receive(ctx context.Context) ([]byte, error) {
	message, err := c.Conn.Receive(ctx)
	if err == nil {
		name := "SessionData from the till"
		if !c.begun {
			name, c.begun = "SessionEstablishment from the till", true
		}
		c.rec.cbor(name, clauseSession, message)
	}
	return message, err
}

func (c *watchedConn) Send(ctx context.Context, message []byte) error {
	c.rec.cbor("SessionData from the phone", clauseSession, message)
	return c.Conn.Send(ctx, message)
}

// apdu records one exchange. The data of VERIFY and of a change of a secret is never shown: it is a PIN.
func (r *recorder) apdu(chip string, command, response []byte) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.counted[chip]++
	line := fmt.Sprintf("%s > %s\n%s < %s\n", chip, maskSecret(command), chip, strings.ToUpper(hex.EncodeToString(response)))
	r.log.WriteString(line)
	if r.on {
		r.p.write("%s", indent(clip(line)))
	}
}

func (r *recorder) count(chip string) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.counted[chip]
}

// maskSecret writes a command in hex, length and data of VERIFY (20) and CHANGE REFERENCE DATA (24) as asterisks. Commands under secure
// messaging are shown whole: their data is enciphered.
func maskSecret(command []byte) string {
	const header = 5
	text := strings.ToUpper(hex.EncodeToString(command))
	if len(command) <= header || command[0]&0x0c != 0 || command[1] != 0x20 && command[1] != 0x24 {
		return text
	}
	return text[:2*header-2] + "** ********"
}

// cbor prints one message in diagnostic notation with the clause it comes from.
func (r *recorder) cbor(name, clause string, message []byte) {
	if !r.on {
		return
	}
	text, err := cbor.Diagnose(message)
	if err != nil {
		text = strings.ToUpper(hex.EncodeToString(message))
	}
	r.p.write("%s", indent(clip(fmt.Sprintf("%s, %s, %d bytes\n%s\n", name, clause, len(message), text))))
}

func clip(s string) string {
	if len(s) <= maxShown {
		return s
	}
	return fmt.Sprintf("%s… (%d characters more)\n", strings.ToValidUTF8(s[:maxShown], ""), len(s)-maxShown)
}

func indent(s string) string {
	return "        | " + strings.ReplaceAll(strings.TrimSuffix(s, "\n"), "\n", "\n        | ") + "\n"
}
