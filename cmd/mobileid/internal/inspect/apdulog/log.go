package apdulog

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"regexp"
	"strings"

	"mobileid/cmd/mobileid/internal/inspect/annotate"
	"mobileid/mdoc/apdu"
)

// logLine is one line of an APDU log: who, which way, hex. It takes what `mobileid demo --out` writes ("card > 00A4…"), arrows
// (">> 00A4…", "-> …", "=> …"), and names ("C-APDU: …", "Command: …"). Asterisks stand for bytes that were masked.
var logLine = regexp.MustCompile(`^\s*(?:\[[^\]]*\]\s*)?(?:([A-Za-z][\w.-]*)\s+)?(?i:(>>?|->|=>|C-APDU|command|tx|<<?|<-|<=|R-APDU|response|rx)\s*:?)\s*([0-9A-Fa-f* \t]*)$`)

// maxLine bounds a line: the longest extended command or response (65,545 bytes) as hex with a space after each byte, and its mark. The pattern
// is slow on a file that is one line of hex.
const maxLine = 1 << 18

// Is reports whether the first line of a text that is not empty or a comment is one of a log.
func Is(text string) bool {
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); line != "" && line[0] != '#' {
			if len(line) > maxLine {
				return false
			}
			m := logLine.FindStringSubmatch(line)
			return m != nil && m[3] != ""
		}
	}
	return false
}

func isCommand(mark string) bool {
	switch strings.ToLower(mark) {
	case ">", ">>", "->", "=>", "c-apdu", "command", "tx":
		return true
	}
	return false
}

// maxExchanges bounds a log.
const maxExchanges = 1 << 14

// Read shows a log: each command and response named, what was carried in pieces joined. open gives the tree of what was carried, or nil if it is not
// recognised.
func Read(text []byte, open func(message []byte) *annotate.Node) (*annotate.Node, *annotate.Fault) {
	root := &annotate.Node{Type: "APDULog", Length: len(text), Clause: "ISO/IEC 7816-4", Meaning: "commands and responses; offsets are those of the text"}
	l := &logReader{root: root, open: open, chips: map[string]*chip{}}
	at, number := 0, 0
	for line := range strings.Lines(string(text)) {
		number++
		if err := l.line(line, at, number); err != nil {
			return root, err
		}
		at += len(line)
	}
	if len(root.Children) == 0 {
		return root, annotate.Faultf(0, "an APDU log without a command")
	}
	return root, nil
}

type logReader struct {
	root  *annotate.Node
	chips map[string]*chip
	open  func(message []byte) *annotate.Node
}

func (l *logReader) line(line string, at, number int) *annotate.Fault {
	trimmed := strings.TrimSpace(line)
	if trimmed == "" || trimmed[0] == '#' {
		return nil
	}
	if len(l.root.Children) >= maxExchanges {
		return annotate.Faultf(at, "line %d: more than %d commands", number, maxExchanges)
	}
	if len(line) > maxLine {
		return annotate.Faultf(at, "line %d is longer than any command or response", number)
	}
	m := logLine.FindStringSubmatch(strings.TrimRight(line, "\r\n"))
	if m == nil {
		return annotate.Faultf(at, "line %d is neither a command nor a response", number)
	}
	digits := strings.Join(strings.Fields(m[3]), "")
	c := l.chips[m[1]]
	if c == nil {
		c = &chip{name: m[1], log: l}
		l.chips[m[1]] = c
	}
	masked := strings.Contains(digits, "*")
	raw, err := hex.DecodeString(strings.Split(digits, "*")[0])
	if err != nil {
		return annotate.Faultf(at, "line %d: hex with an odd number of digits", number)
	}
	if isCommand(m[2]) {
		return c.command(raw, masked, at, number)
	}
	return c.response(raw, at, number)
}

// chip follows one conversation: what is selected, and what was carried so far.
type chip struct {
	name    string
	log     *logReader
	node    *annotate.Node // the command waiting for its response
	last    apdu.Command
	file    string // name of the selected file
	sent    pieces // data of a command chain
	got     pieces // data of a response in pieces
	read    []byte // content of the selected file as far as it was read
	written []byte // and as far as it was written
}

// pieces is a message that comes in several commands or responses.
type pieces struct {
	data  []byte
	count int
}

func (p *pieces) add(b []byte) {
	p.data, p.count = append(p.data, b...), p.count+1
}

func (c *chip) command(raw []byte, masked bool, at, number int) *annotate.Fault {
	node := &annotate.Node{Type: "command", Name: c.name, Offset: at, Length: len(raw), Clause: "ISO/IEC 7816-4, 5.2", Value: ">> " + strings.ToUpper(hex.EncodeToString(raw))}
	c.node = node
	c.log.root.Add(node)
	if masked {
		node.Say(instruction(apdu.Command{CLA: raw0(raw, 0), INS: raw0(raw, 1)}) + ", data masked")
		c.last = apdu.Command{}
		return nil
	}
	cmd, err := apdu.ParseCommand(raw)
	if err != nil {
		return annotate.Faultf(at, "line %d: a command whose lengths disagree", number)
	}
	c.last = cmd
	node.Value = fmt.Sprintf(">> %02X %02X %02X %02X", cmd.CLA, cmd.INS, cmd.P1, cmd.P2)
	node.Say(describeCommand(cmd))
	if len(cmd.Data) > 0 {
		node.Add(annotate.Bytes("data", "data", at, cmd.Data))
	}
	c.follow(cmd)
	return nil
}

func raw0(b []byte, i int) byte {
	if i < len(b) {
		return b[i]
	}
	return 0
}

// follow keeps track of the selected file and of chained data.
func (c *chip) follow(cmd apdu.Command) {
	switch cmd.INS {
	case insSelect:
		c.file, c.read, c.written = describeSelect(cmd), nil, nil
	case insUpdateBinary:
		c.written = place(c.written, int(cmd.P1&0x7f)<<8|int(cmd.P2), cmd.Data)
		c.ndef(c.written, "written")
	case insEnvelope:
		if c.sent.add(cmd.Data); !cmd.Chained() {
			c.joined(c.sent, "command")
			c.sent = pieces{}
		}
	}
}

// place writes b at off, if that is inside or at the end of what is there.
func place(buf []byte, off int, b []byte) []byte {
	if off > len(buf) {
		return buf
	}
	return append(buf[:off:off], append(append([]byte{}, b...), buf[min(off+len(b), len(buf)):]...)...)
}

func (c *chip) response(raw []byte, at, number int) *annotate.Fault {
	r, err := apdu.ParseResponse(raw)
	if err != nil {
		return annotate.Faultf(at, "line %d: a response without a status word", number)
	}
	node := &annotate.Node{Type: "response", Name: c.name, Offset: at, Length: len(raw), Clause: "ISO/IEC 7816-4, 5.6", Value: fmt.Sprintf("<< %04X", uint16(r.SW)),
		Meaning: describeStatus(r.SW)}
	if c.node == nil {
		c.log.root.Add(node)
		node.Say("without a command")
	} else {
		c.node.Add(node)
	}
	if len(r.Data) > 0 {
		node.Add(annotate.Bytes("data", "data", at, r.Data))
	}
	c.collect(r)
	return nil
}

// collect joins responses in pieces and the parts of a file.
func (c *chip) collect(r apdu.Response) {
	switch c.last.INS {
	case insReadBinary:
		if c.last.P1&0x80 == 0 {
			c.read = place(c.read, int(c.last.P1)<<8|int(c.last.P2), r.Data)
			c.whole(c.read)
		}
	case insEnvelope, insGetResponse:
		if len(r.Data) == 0 {
			return
		}
		if c.got.add(r.Data); r.SW.SW1() != 0x61 {
			c.joined(c.got, "response")
			c.got = pieces{}
		}
	}
}

// whole shows a file once it was read whole.
func (c *chip) whole(content []byte) {
	if c.ndef(content, "read") {
		return
	}
	if t, rest, err := apdu.ParseTLV(content); err == nil && len(rest) < 256 && t.Tag == 0x30 {
		c.show(content[:len(content)-len(rest)], "file read", 1)
	}
}

// ndef shows the message of an NDEF file: two bytes of length, then the message.
func (c *chip) ndef(content []byte, how string) bool {
	if !strings.Contains(c.file, "NDEF file") || len(content) < 2 {
		return false
	}
	n := int(binary.BigEndian.Uint16(content))
	if n > 0 && len(content) >= 2+n {
		c.show(content[2:2+n], "NDEF message "+how, 1)
	}
	return true
}

// joined shows what was carried, without the data object 53 of ISO/IEC 18013-5 around it.
func (c *chip) joined(p pieces, what string) {
	message := p.data
	if t, rest, err := apdu.ParseTLV(message); err == nil && t.Tag == 0x53 && len(rest) == 0 {
		message = t.Value
		what += ", data object 53"
	}
	c.show(message, what, p.count)
}

// show adds what a message is, if it is recognised, to the command it came with.
func (c *chip) show(message []byte, what string, count int) {
	node := c.log.open(message)
	if node == nil || c.node == nil {
		return
	}
	part := &annotate.Node{Type: "joined", Length: len(message), Meaning: fmt.Sprintf("%s, %d bytes%s", what, len(message), inPieces(count))}
	part.Add(node)
	c.node.Add(part.Join())
}

func inPieces(n int) string {
	if n < 2 {
		return ""
	}
	return fmt.Sprintf(", joined from %d pieces", n)
}
