package tsm

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"

	"mobileid/mdoc/apdu"
	"mobileid/tsm/seram"
	"mobileid/tsm/store"
)

// A step is what the manager waits for: the answers to the commands it ordered.
type step interface {
	// proceed takes the answers, one per command (a missing one is empty), and
	// gives the next step and its commands; a nil step ends the attempt.
	proceed(ctx context.Context, s *Service, sess *session, answers [][]byte) (next step, commands []apdu.Command, err error)
	// expected is how many answers there are.
	expected() int
	// close drops the secure channel.
	close()
}

// Report takes what a phone reports and gives what it is to do next. The same
// report twice in a row gets the same order twice.
//
// The errors are of a report that cannot be taken (ErrUnknownSession, ErrBusy,
// ErrPhase, ErrReport). What goes wrong with the job, the element or the issuer
// is no error for the phone: it is told to stop, and the job says why.
func (s *Service) Report(ctx context.Context, sessionID string, report seram.Report) (seram.Order, error) {
	sess, err := s.take(sessionID)
	if err != nil {
		return seram.Order{}, fmt.Errorf("remote management: %w", err)
	}
	defer sess.mu.Unlock()
	if !sess.agreed {
		return seram.Order{}, fmt.Errorf("remote management before handshake: %w", ErrPhase)
	}
	digest := digestOf(report)
	if sess.lastOrder != nil && digest == sess.lastReport {
		return *sess.lastOrder, nil
	}
	commands, err := s.react(ctx, sess, report)
	if err != nil {
		sess.drop()
		return seram.Order{}, fmt.Errorf("remote management: %w", err)
	}
	order, err := sess.order(commands)
	if err != nil {
		sess.drop()
		return seram.Order{}, fmt.Errorf("remote management: %w", err)
	}
	sess.lastReport, sess.lastOrder = digest, &order
	return order, nil
}

// react gives the commands to order; none means stop.
func (s *Service) react(ctx context.Context, sess *session, report seram.Report) ([]apdu.Command, error) {
	if sess.ended {
		return nil, nil
	}
	switch report.LocalAgentStatus.Status {
	case seram.Polling: // nothing was executed: whatever was ordered is void
		sess.drop()
		return s.begin(ctx, sess)
	case seram.Processed:
		return s.proceed(ctx, sess, report.Answers())
	case seram.UnavailableSE, seram.UngrantedAccess, seram.UnknownFailure:
		s.cfg.Log.WarnContext(ctx, "phone cannot reach its secure element", "se", short(sess.seID), "status", string(report.LocalAgentStatus.Status))
		sess.drop()
		return nil, nil
	default:
		return nil, fmt.Errorf("unknown status: %w", ErrReport)
	}
}

// proceed hands the answers to the step that waits for them. Fewer answers than
// commands are taken as a list that broke off (the specification and its schema
// differ on that); more are no answers to what was ordered.
func (s *Service) proceed(ctx context.Context, sess *session, answers [][]byte) ([]apdu.Command, error) {
	now := sess.waiting
	if now == nil {
		return nil, fmt.Errorf("answers to nothing: %w", ErrPhase)
	}
	if len(answers) > now.expected() {
		return nil, fmt.Errorf("%d answers to %d commands: %w", len(answers), now.expected(), ErrReport)
	}
	answers = append(answers, make([][]byte, now.expected()-len(answers))...)
	sess.waiting = nil // the step is spent, whatever comes of it
	next, commands, err := now.proceed(ctx, s, sess, answers)
	switch {
	case errors.Is(err, errNextJob), errors.Is(err, store.ErrRevision): // a wipe may have overtaken it
		now.close()
		return s.begin(ctx, sess)
	case err != nil:
		now.close()
		s.cfg.Log.WarnContext(ctx, "attempt ended", "se", short(sess.seID), "error", err)
		return nil, nil
	}
	sess.waiting = next
	return commands, nil
}

// errNextJob says that a step's job needs its element no longer.
var errNextJob = errors.New("job done with its element")

// begin starts the next job of the session's element; no commands when there is
// none or it cannot be started now.
func (s *Service) begin(ctx context.Context, sess *session) ([]apdu.Command, error) {
	job, err := s.next(ctx, sess.seID, sess.passed)
	if errors.Is(err, store.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		s.cfg.Log.ErrorContext(ctx, "job not started", "se", short(sess.seID), "error", err)
		return nil, nil
	}
	c, err := s.challenge(ctx, sess, job)
	if err != nil {
		s.cfg.Log.ErrorContext(ctx, "job not started", append(jobAttrs(job), "error", err)...)
		return nil, nil
	}
	sess.waiting = c
	return c.commands(), nil
}

// order is what the phone gets: a script, or stop.
func (sess *session) order(commands []apdu.Command) (seram.Order, error) {
	now := 0
	out := seram.Order{Delay: &now}
	if !sess.started {
		sess.started = true
		out.RAMCommands = append(out.RAMCommands, seram.Command{Type: seram.TypeStart})
	}
	if len(commands) == 0 {
		sess.ended = true
		out.RAMCommands = append(out.RAMCommands, seram.Command{Type: seram.TypeStop})
		return out, nil
	}
	script := seram.Command{Type: seram.TypeSERAM, ListOfCAPDU: make([]seram.APDU, len(commands))}
	for i, c := range commands {
		raw, err := c.Bytes()
		if err != nil {
			return seram.Order{}, fmt.Errorf("encoding script: %w: %w", ErrUnavailable, err)
		}
		script.ListOfCAPDU[i] = raw
	}
	out.ChosenSecureElement = &sess.element
	out.RAMCommands = append(out.RAMCommands, script)
	return out, nil
}

// digestOf identifies what a report says, apart from counts and texts nobody
// reads.
func digestOf(report seram.Report) [sha256.Size]byte {
	h := sha256.New()
	h.Write([]byte(report.LocalAgentStatus.Status))
	for _, a := range report.Answers() {
		h.Write(binary.BigEndian.AppendUint32([]byte{0}, uint32(len(a))))
		h.Write(a)
	}
	return [sha256.Size]byte(h.Sum(nil))
}
