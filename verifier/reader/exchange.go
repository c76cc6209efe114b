package reader

import (
	"crypto/ecdh"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"sync"
	"time"

	"mobileid/mdoc"
	"mobileid/mdoc/cbor"
	"mobileid/mdoc/session"
	"mobileid/mdoc/transcript"
	"mobileid/mdoc/verdict"
	"mobileid/verifier/policy"
)

// Check ids of this package.
const (
	CheckMessage = "session.message" // the response opened under the next counter
	CheckEnd     = "session.end"     // the device sent a response and not only a status
)

const clauseSession = "ISO/IEC 18013-5:2021, 9.1.1"

// ErrFinished is returned when a response is given to an exchange a second time.
var ErrFinished = errors.New("this check has had its response")

// Exchange is one check between its request and its response. It takes one message, good or bad.
type Exchange struct {
	reader     *Reader
	request    *mdoc.DeviceRequest
	transcript transcript.Transcript
	session    *session.ReaderSession
	started    time.Time

	mu  sync.Mutex // guards key
	key *ecdh.PrivateKey
}

// Report is what one exchange found.
type Report struct {
	Verdict verdict.Verdict
	// Portrait is there only when the verdict is OK and the profile has staff compare faces. Wipe overwrites it.
	Portrait Portrait
	// Started and Finished are readings of the reader's clock.
	Started, Finished time.Time
	// BytesReceived is the size of the response as it came over the radio.
	BytesReceived int
}

// Wipe overwrites the portrait.
func (r *Report) Wipe() {
	clear(r.Portrait)
	r.Portrait = nil
}

// Portrait is a picture of a person, JPEG or JPEG 2000. It keeps itself out of logs and formatted text.
type Portrait []byte

// LogValue keeps the picture out of logs.
func (Portrait) LogValue() slog.Value { return slog.StringValue("[redacted]") }

// Format keeps the picture out of formatted text.
func (Portrait) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte("[redacted]")) }

// Finish judges the device's message and returns the message that ends the session, which is to be sent whatever the
// report says; it is nil when the device has ended the session itself. A second call gives [ErrFinished]; any other error
// is the reader's own fault.
func (x *Exchange) Finish(message []byte) (*Report, []byte, error) {
	x.mu.Lock()
	key := x.key
	x.key = nil
	x.mu.Unlock()
	if key == nil {
		return nil, nil, fmt.Errorf("finishing check: %w", ErrFinished)
	}
	report := &Report{Started: x.started, BytesReceived: len(message)}
	response, status, err := x.session.Decrypt(message)
	defer clear(response)
	reply := x.reply(err)
	if recordMessage(&report.Verdict, len(response), status, err) {
		if err := x.judge(report, response, key); err != nil {
			return nil, nil, fmt.Errorf("finishing check: %w", err)
		}
	}
	report.Finished = x.reader.config.Now()
	return report, reply, nil
}

// Abandon forgets the keys of an exchange that will get no response and returns the message that ends the session, nil
// when it has ended already.
func (x *Exchange) Abandon() []byte {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.key = nil
	message, err := x.session.Terminate()
	if err != nil {
		return nil
	}
	return message
}

// reply is what the device is told: nothing when it ended the session, the error code when its message was refused, else
// the end.
func (x *Exchange) reply(err error) []byte {
	if refusal, ok := errors.AsType[*session.Error](err); ok {
		message, _ := session.StatusMessage(refusal.Status) // it never fails
		return message
	}
	return x.Abandon()
}

// recordMessage lists what became of the message and tells whether there is a response to judge.
func recordMessage(v *verdict.Verdict, size int, status *session.Status, err error) bool {
	if err != nil {
		v.Fail(CheckMessage, clauseSession, err.Error())
		return false
	}
	if size == 0 && status != nil {
		v.Fail(CheckEnd, clauseSession, "the device ended the session without a response, status "+status.String())
		return false
	}
	v.Pass(CheckMessage, clauseSession, "opened under the next counter, "+strconv.Itoa(size)+" bytes")
	return true
}

// judge runs the document's checks and the profile's, and keeps the portrait of a response that passed all of them.
func (x *Exchange) judge(report *Report, response []byte, key *ecdh.PrivateKey) error {
	c := &x.reader.config
	result, err := mdoc.Verify(mdoc.Verification{
		Response: response, Transcript: x.transcript, Request: x.request, EReaderKey: key,
		Anchors: c.Anchors, Status: c.Status, Revocation: c.Revocation, At: c.Now(), Skew: c.Skew,
	})
	if err != nil {
		return err
	}
	report.Verdict.Append(result.Verdict)
	report.Verdict.Append(c.Profile.Evaluate(result.Documents))
	if c.Profile.Portrait == nil || !report.Verdict.OK() {
		return nil
	}
	report.Portrait, err = portraitOf(result.Documents, *c.Profile.Portrait)
	if err != nil {
		report.Verdict.Fail(policy.CheckRequested, "policy profile", "the portrait is not a byte string")
	}
	return nil
}

// portraitOf copies the picture, since the response it stands in is overwritten.
func portraitOf(documents []mdoc.VerifiedDocument, ref policy.ElementRef) (Portrait, error) {
	for _, d := range documents {
		if value, ok := d.Element(ref.NameSpace, ref.Identifier); ok {
			var picture []byte
			if err := cbor.Unmarshal(value, &picture); err != nil {
				return nil, err
			}
			return Portrait(append([]byte(nil), picture...)), nil
		}
	}
	return nil, errors.New("no portrait")
}
