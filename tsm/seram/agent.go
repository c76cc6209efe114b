package seram

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"mobileid/mdoc/apdu"
	"mobileid/schemas/problem"
)

// Bounds of a conversation, so that no server can hold a phone for ever.
const (
	MaxRounds     = 64        // orders taken in one session
	MaxCommands   = 1024      // APDUs in one order
	MaxOrderBytes = 512 << 10 // an order's JSON
	MaxDelay      = 30 * time.Second
)

// ErrElement says that the secure element could not be reached; the manager
// was told so.
var ErrElement = errors.New("secure element did not answer")

// Agent is the Local Agent: it lets a manager talk to one secure element.
type Agent struct {
	// Client makes the requests; its Timeout should be about 40 s, the time the
	// specification gives an answer. Must be set.
	Client *http.Client
	// BaseURL is the manager's address without path.
	BaseURL string
	// Element is named to the manager; SE is where the APDUs go.
	Element SecureElement
	SE      apdu.Transmitter
	// Notify receives notifications for the app; may be nil. The text is the
	// manager's.
	Notify func(text string)
}

// Result counts what a session took.
type Result struct {
	RoundTrips int // HTTP requests answered
	Managed    int // those of remote management among them, which carry scripts and answers
	APDUs      int // commands the element answered
}

// Run holds one session until the manager says stop. A lost connection ends it
// with an error; running again resumes the manager's jobs where they were.
func (a *Agent) Run(ctx context.Context) (Result, error) {
	var res Result
	var session SessionAnswer
	elements := []SecureElement{a.Element}
	if err := a.post(ctx, &res, PathOrder, "", SessionRequest{SecureElements: elements}, &session); err != nil {
		return res, err
	}
	hello := HandshakeCommand{
		SecureElements:              elements,
		SupportedTransportProtocols: []string{TransportHTTPS},
		SupportedDataFormats:        []string{FormatJSON},
		SupportedVersions:           []string{Version200},
	}
	var chosen HandshakeResponse
	if err := a.post(ctx, &res, PathHandshake, session.SessionID, hello, &chosen); err != nil {
		return res, err
	}
	return res, a.manage(ctx, &res, session.SessionID)
}

// manage reports and carries out orders until stop.
func (a *Agent) manage(ctx context.Context, res *Result, session string) error {
	report := Report{LocalAgentStatus: LocalAgentStatus{Status: Polling}}
	var failed error
	for range MaxRounds {
		var order Order
		if err := a.post(ctx, res, PathRemoteManagement, session, report, &order); err != nil {
			return errors.Join(failed, err)
		}
		if failed != nil {
			return failed
		}
		next, stop, err := a.carryOut(ctx, res, order)
		if stop {
			return nil
		}
		failed = err
		report = next
		if err := wait(ctx, order.Delay); err != nil {
			return err
		}
	}
	return fmt.Errorf("remote management: no stop after %d orders", MaxRounds)
}

// carryOut executes the commands of an order one by one.
func (a *Agent) carryOut(ctx context.Context, res *Result, order Order) (report Report, stop bool, err error) {
	report.LocalAgentStatus.Status = Polling
	for _, c := range order.RAMCommands {
		switch c.Type {
		case TypeStop, typeStopMapped:
			return report, true, nil
		case TypeStart, typeStartMapped:
		case TypeNotification:
			if a.Notify != nil {
				a.Notify(c.Notification)
			}
		case TypeSERAM:
			answers, failed := a.execute(ctx, res, c.ListOfCAPDU)
			report.RAMResponses = append(report.RAMResponses, Response{Type: TypeResponse, ListOfRAPDU: answers})
			if failed != nil {
				report.LocalAgentStatus.Status = UnavailableSE
				return report, false, failed
			}
			report.LocalAgentStatus.Status = Processed
			report.LocalAgentStatus.ExecutedSERAMCommands++
		default:
			report.LocalAgentStatus.Status = UnknownFailure
			return report, false, errors.New("remote management: order holds a command of unknown type")
		}
	}
	return report, false, nil
}

// execute sends a list to the element. An error status word is an answer like
// any other; after a failed exchange the rest is filled with empty answers.
func (a *Agent) execute(ctx context.Context, res *Result, list []APDU) ([]APDU, error) {
	if len(list) > MaxCommands {
		return nil, errors.New("remote management: too many commands in one order")
	}
	answers := make([]APDU, len(list))
	for i, command := range list {
		answer, err := a.SE.Transmit(ctx, command)
		if err != nil {
			return answers, fmt.Errorf("remote management: %w: %w", ErrElement, err)
		}
		res.APDUs++
		answers[i] = answer
	}
	return answers, nil
}

// post sends one message and reads the answer into out.
func (a *Agent) post(ctx context.Context, res *Result, path, session string, in, out any) error {
	message, err := encode(in)
	if err != nil {
		return fmt.Errorf("encoding message: %w", err)
	}
	address := strings.TrimSuffix(a.BaseURL, "/") + path
	if session != "" {
		address += "?" + url.Values{QuerySession: {session}}.Encode()
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, address, bytes.NewReader(message))
	if err != nil {
		return fmt.Errorf("making request: %w", withoutURL(err))
	}
	req.Header.Set("Content-Type", FormatJSON)
	resp, err := a.Client.Do(req)
	if err != nil {
		return fmt.Errorf("reaching service manager: %w", withoutURL(err))
	}
	defer resp.Body.Close()
	res.RoundTrips++
	if path == PathRemoteManagement {
		res.Managed++
	}
	var body bytes.Buffer
	body.Grow(int(min(max(resp.ContentLength, 0), MaxOrderBytes)) + bytes.MinRead)
	if _, err := body.ReadFrom(io.LimitReader(resp.Body, MaxOrderBytes+1)); err != nil {
		return fmt.Errorf("reading answer of service manager: %w", err)
	}
	answer := body.Bytes()
	if resp.StatusCode/100 != 2 {
		if p, err := problem.Parse(answer); err == nil {
			return fmt.Errorf("service manager refused: %w", p)
		}
		return fmt.Errorf("service manager refused: status %d", resp.StatusCode)
	}
	if len(answer) > MaxOrderBytes {
		return errors.New("reading answer of service manager: too long")
	}
	if err := json.Unmarshal(answer, out); err != nil {
		return errors.New("reading answer of service manager: not the JSON expected")
	}
	return nil
}

func encode(message any) ([]byte, error) {
	if m, ok := message.(interface{ Bytes() ([]byte, error) }); ok {
		return m.Bytes()
	}
	return json.Marshal(message)
}

// withoutURL keeps the session id, which the query holds, out of error texts.
func withoutURL(err error) error {
	if e, ok := errors.AsType[*url.Error](err); ok {
		return e.Err
	}
	return err
}

// wait holds the delay an order asked for, at most MaxDelay.
func wait(ctx context.Context, milliseconds *int) error {
	d := DefaultDelay * time.Millisecond
	if milliseconds != nil {
		d = time.Duration(min(max(*milliseconds, 0), int(MaxDelay/time.Millisecond))) * time.Millisecond
	}
	if d <= 0 {
		return ctx.Err()
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}
