package corpus

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/ecdh"
	"crypto/elliptic"
	"encoding/binary"
	"errors"
	"fmt"

	"mobileid/mdoc/engagement"
	"mobileid/mdoc/session"
	"mobileid/mdoc/transcript"
	"mobileid/mdoc/verdict"
)

// exchange is one end of a session and what it receives. The end answers with a message of its own after each one it took.
type exchange struct {
	session transcript.Transcript
	device  *ecdh.PrivateKey
	reader  *ecdh.PrivateKey
}

func newExchange() *exchange {
	e := &exchange{device: agreementKey("device ephemeral first"), reader: agreementKey("reader ephemeral")}
	e.session = qrSession("first", e.reader)
	return e
}

// sealing is how one message is encrypted; the zero value of each field is the good one.
type sealing struct {
	info    string // SKReader or SKDevice
	from    byte
	counter uint32
	extra   []byte // additional data
	session transcript.Transcript
	text    string
}

func (e *exchange) seal(s sealing) []byte {
	if s.session.IsZero() {
		s.session = e.session
	}
	if s.text == "" {
		s.text = "message"
	}
	key := must(transcript.DeriveKey(must(transcript.Agree(e.device, e.reader.PublicKey())), s.session.Salt(), s.info))
	iv := make([]byte, 12)
	iv[7] = s.from
	binary.BigEndian.PutUint32(iv[8:], s.counter)
	return must(cipher.NewGCM(must(aes.NewCipher(key)))).Seal(nil, iv, []byte(s.text), s.extra)
}

func (e *exchange) request(counter uint32) []byte {
	return e.seal(sealing{info: "SKReader", counter: counter})
}

func (e *exchange) answer(counter uint32) []byte {
	return e.seal(sealing{info: "SKDevice", from: 1, counter: counter})
}

func (e *exchange) establishment(data []byte) *node {
	return mapOf("eReaderKey", embed(keyNode(e.reader.PublicKey())), "data", bstr(data))
}

func data(ciphertext []byte) *node { return mapOf("data", bstr(ciphertext)) }

type sessionRow struct {
	label
	side     string
	messages []*node
}

func sessionCases(*authority) []Case {
	e := newExchange()
	var out []Case
	for _, rows := range [][]sessionRow{goodSessionRows(e), establishmentRows(e), deviceSideRows(e), readerSideRows(e)} {
		for _, r := range rows {
			c := r.of(SessionMessages, "base-"+r.side)
			c.Side = r.side
			c.add("engagement", encode(goodEngagement()))
			if r.side == "device" {
				c.add("device_key", e.device.Bytes())
			} else {
				c.add("reader_key", e.reader.Bytes())
			}
			for _, m := range r.messages {
				c.add("message", encode(m))
			}
			out = append(out, c)
		}
	}
	return out
}

func goodSessionRows(e *exchange) []sessionRow {
	first := e.establishment(e.request(1))
	return []sessionRow{
		{label{name: "base-device", reason: "two requests to the device"}, "device", []*node{first, data(e.request(2))}},
		{label{name: "base-reader", reason: "two answers to the reader"}, "reader", []*node{data(e.answer(1)), data(e.answer(2))}},
		{label{name: "base-reader-end", reason: "an answer that ends the session"}, "reader", []*node{mapOf("data", bstr(e.answer(1)), "status", uinteger(20))}},
		{label{name: "base-unknown-members", reason: "members that are not known"}, "device", []*node{func() *node {
			n := e.establishment(e.request(1))
			n.set("example", null())
			return n
		}()}},
	}
}

func establishmentRows(e *exchange) []sessionRow {
	row := func(name, fails, reason, covers string, edit func(*node)) sessionRow {
		n := e.establishment(e.request(1))
		edit(n)
		return sessionRow{label{name, fails, reason, covers}, "device", []*node{n}}
	}
	shape := func(name, reason string, edit func(*node)) sessionRow {
		return row("first-"+name, "session.establishment", reason, "M1", edit)
	}
	key := func(name, reason string, edit func(*node)) sessionRow {
		return row("reader-key-"+name, "session.reader_key", reason, "P4", func(n *node) { n.get("eReaderKey").within(edit) })
	}
	sealedAs := func(name, reason, covers string, ciphertext []byte) sessionRow {
		return row("first-"+name, "session.message", reason, covers, set(bstr(ciphertext), "data"))
	}
	good := e.request(1)
	flipped := append([]byte{}, good...)
	flipped[0] ^= 1
	return []sessionRow{
		shape("key-missing", "no eReaderKey", remove("eReaderKey")),
		shape("data-missing", "no data", remove("data")),
		shape("data-text", "data as text", set(text("data"), "data")),
		shape("data-null", "data is null", set(null(), "data")),
		shape("key-bare", "eReaderKey without tag 24", func(n *node) { n.set("eReaderKey", keyNode(e.reader.PublicKey())) }),
		shape("key-bstr", "eReaderKey as a byte string", func(n *node) { n.set("eReaderKey", n.get("eReaderKey").items[0]) }),
		shape("key-tag-23", "eReaderKey under another tag", func(n *node) { n.get("eReaderKey").arg = 23 }),
		shape("key-twice", "eReaderKey stands twice", double("eReaderKey")),
		shape("key-case", "EReaderKey in place of eReaderKey", rename(text("EReaderKey"), "eReaderKey")),
		shape("key-empty-map", "a key without members", func(n *node) { n.get("eReaderKey").within(func(k *node) { k.become(mapOf()) }) }),
		shape("key-crv-missing", "a key without its curve", func(n *node) { n.get("eReaderKey").within(remove(-1)) }),
		shape("session-data", "SessionData in its place", func(n *node) { n.become(data(good)) }),
		shape("array", "an array", func(n *node) { n.become(array()) }),
		shape("trailing", "a byte after it", func(n *node) { n.become(verbatim(append(encode(n), 0)...)) }),
		shape("empty", "no bytes", func(n *node) { n.become(&node{raw: []byte{}}) }),
		shape("too-long", "more than a MiB", set(bstr(make([]byte, 1<<20)), "data")),
		key("compressed", "a compressed key", func(k *node) { k.set(-3, boolean(k.get(-3).str[31]&1 == 1)) }),
		key("off-curve", "a point off its curve", flip(9, -2)),
		key("infinity", "the point at infinity", func(k *node) { k.set(-2, bstr(nil)); k.set(-3, bstr(nil)) }),
		key("zero", "coordinates of zero", func(k *node) { k.set(-2, bstr(make([]byte, 32))); k.set(-3, bstr(make([]byte, 32))) }),
		key("x-33", "x of 33 bytes", func(k *node) { k.get(-2).str = append([]byte{0}, k.get(-2).str...) }),
		key("y-missing", "no y", remove(-3)),
		key("p384", "a key on P-384", func(k *node) { k.become(keyNode(ecKey(elliptic.P384(), "reader ephemeral").Public())) }),
		key("p521", "a key on P-521", func(k *node) { k.become(keyNode(ecKey(elliptic.P521(), "reader ephemeral").Public())) }),
		key("x25519", "a key on X25519", func(k *node) { k.become(mapOf(1, uinteger(1), -1, uinteger(4), -2, bstr(draw("x25519", 32)))) }),
		key("ed25519", "an Ed25519 key", func(k *node) { k.become(mapOf(1, uinteger(1), -1, uinteger(6), -2, bstr(draw("ed", 32)))) }),
		key("brainpool", "a key on brainpoolP256r1", set(integer(256), -1)),
		key("curve-unknown", "an unknown curve", set(integer(77), -1)),
		sealedAs("counter-2", "the first message under counter 2", "P3", e.request(2)),
		sealedAs("counter-0", "the first message under counter 0", "P3", e.request(0)),
		sealedAs("counter-largest", "the first message under the largest counter", "P3", e.request(1<<32-1)),
		sealedAs("device-identifier", "the identifier of the device", "P3 P4", e.seal(sealing{info: "SKReader", from: 1, counter: 1})),
		sealedAs("device-key", "encrypted under SKDevice", "P4", e.seal(sealing{info: "SKDevice", counter: 1})),
		sealedAs("device-message", "a message of the device", "P4", e.answer(1)),
		sealedAs("other-session", "the keys of another engagement", "P3 P5", e.seal(sealing{info: "SKReader", counter: 1, session: qrSession("second", e.reader)})),
		sealedAs("additional-data", "encrypted with additional data", "P6", e.seal(sealing{info: "SKReader", counter: 1, extra: []byte("x")})),
		sealedAs("bit", "one bit of the ciphertext", "P1", flipped),
		sealedAs("cut", "the tag is cut by a byte", "P1", good[:len(good)-1]),
		sealedAs("tag-only", "less than a tag", "P1", good[:8]),
		sealedAs("nothing", "an empty ciphertext", "P1", []byte{}),
		sealedAs("key-replaced", "the reader's key replaced under another's ciphertext", "P4 P5", func() []byte {
			other := &exchange{device: e.device, reader: agreementKey("other reader")}
			other.session = qrSession("first", other.reader)
			return other.request(1)
		}()),
	}
}

// dataRows are what both ends must refuse after a good first message. good is the next message that would be taken.
func dataRows(side string, first []*node, good []byte) []sessionRow {
	row := func(name, fails, reason, covers string, n *node) sessionRow {
		return sessionRow{label{side + "-" + name, fails, reason, covers}, side, append(append([]*node{}, first...), n)}
	}
	shape := func(name, reason string, n *node) sessionRow { return row(name, "session.data", reason, "M1", n) }
	flipped := append([]byte{}, good...)
	flipped[len(flipped)-1] ^= 1
	return []sessionRow{
		shape("nothing-in-it", "neither data nor status", mapOf()),
		shape("data-text", "data as text", mapOf("data", text("x"))),
		shape("data-null", "data is null", mapOf("data", null())),
		shape("data-empty", "data is empty", mapOf("data", bstr(nil))),
		shape("status-null", "status is null", mapOf("data", bstr(good), "status", null())),
		shape("status-text", "status as text", mapOf("data", bstr(good), "status", text("20"))),
		shape("status-negative", "a negative status", mapOf("status", integer(-20))),
		shape("status-10-with-data", "status 10 with data", mapOf("data", bstr(good), "status", uinteger(10))),
		shape("status-11-with-data", "status 11 with data", mapOf("data", bstr(good), "status", uinteger(11))),
		shape("status-99-with-data", "a reserved status with data", mapOf("data", bstr(good), "status", uinteger(99))),
		shape("data-twice", "data stands twice", mapOf("data", bstr(good), "data", bstr(good))),
		shape("data-case", "Data in place of data", mapOf("Data", bstr(good))),
		shape("array", "an array", array(bstr(good))),
		shape("trailing", "a byte after it", verbatim(append(encode(data(good)), 0)...)),
		shape("indefinite", "a map of indefinite length", verbatim(append(append([]byte{0xbf}, encode(data(good))[1:]...), 0xff)...)),
		shape("too-long", "more than a MiB", mapOf("data", bstr(make([]byte, 1<<20)))),
		row("bit", "session.message", "one bit of the tag", "P1", data(flipped)),
		row("cut", "session.message", "cut by a byte", "P1", data(good[:len(good)-1])),
		row("status-10", "session.end", "status 10: the other end could not decrypt", "P3", mapOf("status", uinteger(10))),
		row("status-11", "session.end", "status 11: the other end could not decode", "P3", mapOf("status", uinteger(11))),
		row("status-20", "session.end", "status 20: the other end is done", "P3", mapOf("status", uinteger(20))),
		row("status-99", "session.end", "a reserved status", "P3", mapOf("status", uinteger(99))),
	}
}

func deviceSideRows(e *exchange) []sessionRow {
	first := []*node{e.establishment(e.request(1))}
	row := func(name, reason string, covers string, messages ...*node) sessionRow {
		return sessionRow{label{"device-" + name, "session.message", reason, covers}, "device", append(append([]*node{}, first...), messages...)}
	}
	many := []*node{}
	for n := range uint32(session.MaxMessages) {
		many = append(many, data(e.request(2+n)))
	}
	return append(dataRows("device", first, e.request(2)),
		row("too-many", "the 65th request", "M1", many...),
		row("counter-repeated", "the first request again", "P3", data(e.request(1))),
		row("counter-skipped", "a counter is skipped", "P3", data(e.request(3))),
		row("counter-reset", "counter 0", "P3", data(e.request(0))),
		row("reflected", "the device's own answer comes back", "P4", data(e.answer(1))),
		row("reflected-next", "the device's key under the next counter", "P4", data(e.answer(2))),
		row("role-swap", "the reader's key with the device's identifier", "P4", data(e.seal(sealing{info: "SKReader", from: 1, counter: 2}))),
		row("replayed-later", "the second request again", "P3", data(e.request(2)), data(e.request(2))),
		row("other-session", "a request of another session", "P3 P5", data(e.seal(sealing{info: "SKReader", counter: 2, session: qrSession("second", e.reader)}))),
	)
}

func readerSideRows(e *exchange) []sessionRow {
	row := func(name, reason, covers string, messages ...*node) sessionRow {
		return sessionRow{label{"reader-" + name, "session.message", reason, covers}, "reader", messages}
	}
	return append(dataRows("reader", nil, e.answer(1)),
		row("counter-2", "the first answer under counter 2", "P3", data(e.answer(2))),
		row("counter-0", "the first answer under counter 0", "P3", data(e.answer(0))),
		row("counter-repeated", "the first answer again", "P3", data(e.answer(1)), data(e.answer(1))),
		row("counter-skipped", "a counter is skipped", "P3", data(e.answer(1)), data(e.answer(3))),
		row("reflected", "the reader's own request comes back", "P4", data(e.request(1))),
		row("role-swap", "the device's key with the reader's identifier", "P4", data(e.seal(sealing{info: "SKDevice", counter: 1}))),
		row("request-key", "the reader's key with the device's identifier", "P4", data(e.seal(sealing{info: "SKReader", from: 1, counter: 1}))),
		row("other-session", "an answer of another session", "P3 P5", data(e.seal(sealing{info: "SKDevice", from: 1, counter: 1, session: qrSession("second", e.reader)}))),
	)
}

func judgeSession(c *Case) (verdict.Verdict, error) {
	eng, err := engagement.Parse(c.file("engagement"))
	if err != nil {
		return verdict.Verdict{}, err
	}
	if c.Side == "device" {
		return judgeDeviceSide(c, eng)
	}
	return judgeReaderSide(c, eng)
}

// receiver is either end of an established session.
type receiver interface {
	Decrypt(message []byte) (data []byte, status *session.Status, err error)
}

func judgeDeviceSide(c *Case, eng *engagement.DeviceEngagement) (verdict.Verdict, error) {
	key, err := ecdh.P256().NewPrivateKey(c.file("device_key"))
	if err != nil {
		return verdict.Verdict{}, err
	}
	device, err := session.DeviceWithKey(eng, key)
	if err != nil {
		return verdict.Verdict{}, err
	}
	messages := c.files("message")
	_, s, err := device.Accept(messages[0])
	if id := refusal(err, "session.establishment"); err != nil {
		return stage(c.Kind, id, err), nil
	}
	v := stage(c.Kind, "session.establishment", nil)
	for _, m := range messages[1:] {
		if _, err := s.Encrypt([]byte("answer"), false); err != nil {
			return verdict.Verdict{}, err
		}
		receive(c.Kind, &v, s, m)
	}
	return v, nil
}

func judgeReaderSide(c *Case, eng *engagement.DeviceEngagement) (verdict.Verdict, error) {
	key, err := ecdh.P256().NewPrivateKey(c.file("reader_key"))
	if err != nil {
		return verdict.Verdict{}, err
	}
	reader, err := session.ReaderWithKey(eng, key)
	if err != nil {
		return verdict.Verdict{}, err
	}
	_, s, err := reader.Establish([]byte("request"))
	if err != nil {
		return verdict.Verdict{}, err
	}
	var v verdict.Verdict
	for i, m := range c.files("message") {
		if i > 0 {
			if _, err := s.Encrypt([]byte("request")); err != nil {
				return verdict.Verdict{}, err
			}
		}
		receive(c.Kind, &v, s, m)
	}
	return v, nil
}

// receive opens one message. A status without data is an end and no message.
func receive(kind Kind, v *verdict.Verdict, s receiver, message []byte) {
	data, status, err := s.Decrypt(message)
	if err != nil {
		id := refusal(err, "session.data")
		v.Fail(id, clauseOf(kind, id), err.Error())
		return
	}
	measured := fmt.Sprintf("%d bytes", len(data))
	if status != nil {
		measured = "status " + status.String()
	}
	v.Pass("session.message", clauseOf(kind, "session.message"), measured)
	v.Record("session.end", clauseOf(kind, "session.end"), data != nil, measured)
}

// refusal gives the id of the stage that an end refused a message at.
func refusal(err error, shape string) string {
	refused, ok := errors.AsType[*session.Error](err)
	switch {
	case !ok || refused.Status == session.StatusDecodingError:
		return shape
	case errors.Is(err, session.ErrMalformed):
		return "session.reader_key"
	}
	return "session.message"
}
