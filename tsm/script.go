package tsm

import (
	"bytes"
	"context"
	"crypto/aes"
	"errors"
	"fmt"
	"slices"

	"mobileid/mdoc/apdu"
	"mobileid/tsm/gp"
	"mobileid/tsm/scp03"
	"mobileid/tsm/store"
)

// Why an attempt ends. The job stays queued; the cursor says from where.
var (
	errLost       = errors.New("answer missing")
	errNotAnAPDU  = errors.New("answer is no response APDU")
	errNotElement = errors.New("another secure element answered")
	errFailedAuth = errors.New("secure channel failed")
	errRefusal    = errors.New("secure element refused")
)

// challenge waits for the answers to SELECT and INITIALIZE UPDATE.
type challenge struct {
	job     store.Job
	host    *scp03.Host
	seID    []byte
	version byte   // asked for now
	untried []byte // to be asked for when the element has no such set
	noted   byte   // the version the element had last, 0 for none
	block   int    // most plain data of a STORE DATA command
	// selected tells that the security domain is, so that INITIALIZE UPDATE goes
	// alone. It changes with each version tried: two reports that read the same are
	// taken as one report sent twice, and two refusals do read the same.
	selected bool
}

func (c *challenge) expected() int { return len(c.commands()) }

// close erases the element's static keys.
func (c *challenge) close() {
	if c.host != nil {
		c.host.Erase()
	}
}

func (c *challenge) commands() []apdu.Command {
	if c.selected {
		return []apdu.Command{c.host.InitializeUpdate()}
	}
	return []apdu.Command{gp.Select(gp.ISD), c.host.InitializeUpdate()}
}

// proceed checks that the right element proves the keys, and starts the job's
// script behind EXTERNAL AUTHENTICATE.
func (c *challenge) proceed(ctx context.Context, s *Service, sess *session, answers [][]byte) (step, []apdu.Command, error) {
	if !c.selected {
		if err := c.domain(answers[0]); err != nil {
			return nil, nil, err
		}
	}
	update, err := parse(answers[len(answers)-1])
	if err == nil && update.SW == apdu.ReferenceNotFound {
		c.selected = !c.selected
		if err = s.draw(ctx, c); err == nil {
			return c, c.commands(), nil
		}
	}
	if err == nil {
		err = update.Err()
	}
	if err != nil {
		return nil, nil, fmt.Errorf("answer to INITIALIZE UPDATE: %w", err)
	}
	if !bytes.HasPrefix(update.Data, c.seID) {
		return nil, nil, errNotElement // before its keys are tried
	}
	external, channel, err := c.host.Authenticate(update, scp03.Full)
	if errors.Is(err, scp03.ErrCryptogram) {
		return nil, nil, s.failedAuth(ctx, sess.seID, err)
	}
	if err != nil {
		return nil, nil, err
	}
	sc := &script{job: c.job, channel: channel, seID: c.seID, version: c.version, noted: c.noted, block: c.block}
	sc.open(external)
	if err := s.plan(ctx, sc); err != nil {
		channel.Close()
		return nil, nil, err
	}
	return sc, sc.commands, nil
}

// domain takes the answer to SELECT. A locked card still has its security domain.
func (c *challenge) domain(raw []byte) error {
	r, err := parse(raw)
	if err == nil && r.SW != apdu.WarnCardLocked {
		err = r.Err()
	}
	if err != nil {
		return fmt.Errorf("answer to SELECT: %w", err)
	}
	c.block = blockSize(r.Data)
	return nil
}

// script is a list of commands sent at once, of which each was wrapped before
// any was answered.
type script struct {
	job     store.Job
	channel *scp03.HostSession
	seID    []byte
	version byte // of the key set the channel stands on
	noted   byte // the version the store has for the element
	block   int  // most plain data of a STORE DATA command
	opening bool // the first command is EXTERNAL AUTHENTICATE

	commands []apdu.Command
	items    []item
	room     []byte // where wrapped data goes, one behind the other
	// finish takes the checked answers of the items and what cut them short, if
	// anything did.
	finish func(ctx context.Context, sc *script, answers []apdu.Response, cut error) (*script, error)
}

// item is a wrapped command: what it is for, and whether it may be refused.
type item struct {
	name   string
	ticket scp03.Ticket
	may    func(apdu.SW) bool // nil: 9000 only
}

func (sc *script) expected() int { return len(sc.commands) }
func (sc *script) close()        { sc.channel.Close() }

func (sc *script) open(external apdu.Command) {
	sc.opening = true
	sc.commands = append(sc.commands, external)
}

// add wraps one more command.
func (sc *script) add(name string, c apdu.Command, may func(apdu.SW) bool) error {
	wrapped, ticket, err := sc.channel.AppendWrap(sc.room, c)
	if err != nil {
		return fmt.Errorf("wrapping %s: %w", name, err)
	}
	if n := len(sc.room) + len(wrapped.Data); n <= cap(sc.room) {
		sc.room = sc.room[:n]
	}
	sc.commands = append(sc.commands, wrapped)
	sc.items = append(sc.items, item{name, ticket, may})
	return nil
}

// makeRoom prepares for n commands that carry some bytes in all, so that they share
// one allocation.
func (sc *script) makeRoom(n, bytes int) {
	sc.room = make([]byte, 0, bytes+n*maxWrapping)
	sc.commands, sc.items = slices.Grow(sc.commands, n), slices.Grow(sc.items, n)
}

// maxWrapping is the most that padding and MAC add to a command.
const maxWrapping = 32

// more is an empty script on the same channel.
func (sc *script) more(job store.Job) *script {
	return &script{job: job, channel: sc.channel, seID: sc.seID, version: sc.version, noted: sc.noted, block: sc.block}
}

// maxBlock bounds a block, so that a list of commands can be resumed at little cost
// and a phone need not hold more.
const maxBlock = 4 << 10

// blockSize is how much plain data a command takes that an element says it does:
// its FCI tells the longest command data field (9F65), the secure channel adds up
// to 16 bytes of padding and 8 of MAC. The FCI is under no MAC; a phone that
// changes it changes the number of commands.
func blockSize(fci []byte) int {
	f, err := gp.ParseFCI(fci)
	if err != nil || f.MaxData <= apdu.MaxShortLc {
		return gp.BlockSize
	}
	const mac = 8
	whole := (min(f.MaxData, maxBlock) - mac) / aes.BlockSize * aes.BlockSize
	return max(whole-1, gp.BlockSize)
}

// proceed checks the answers in order up to the first bad one, and lets finish
// judge what they say.
func (sc *script) proceed(ctx context.Context, s *Service, sess *session, answers [][]byte) (step, []apdu.Command, error) {
	good, cut := sc.check(answers)
	if sc.channel.Proved() { // an R-MAC was right: the keys are. That an answer was taken says nothing, error words have no R-MAC
		sess.proved = true
		if err := s.proved(ctx, sess.seID, sc); err != nil {
			return nil, nil, err
		}
	}
	if errors.Is(cut, errFailedAuth) && !sc.channel.Proved() { // else the answer was changed on its way, as good as lost
		return nil, nil, s.failedAuth(ctx, sess.seID, cut)
	}
	if errors.Is(cut, errRefusal) {
		job, err := s.countAttempt(ctx, sc.job, "element_refused")
		if err != nil {
			return nil, nil, errors.Join(cut, err)
		}
		sc.job = job
	}
	next, err := sc.finish(ctx, sc, good, cut)
	if errors.Is(err, errPassed) {
		sess.passed = append(sess.passed, sc.job.OrderID)
	}
	if err != nil {
		return nil, nil, fmt.Errorf("order %s: %w", sc.job.OrderID, err)
	}
	return next, next.commands, nil
}

// check unwraps answers until one is missing, not authentic or a refusal that
// its item does not allow.
func (sc *script) check(answers [][]byte) (good []apdu.Response, cut error) {
	if sc.opening {
		r, err := parse(answers[0])
		if err != nil {
			return nil, fmt.Errorf("EXTERNAL AUTHENTICATE: %w", err)
		}
		if err := sc.channel.Opened(r); err != nil {
			return nil, fmt.Errorf("EXTERNAL AUTHENTICATE: %w: %w", errFailedAuth, err)
		}
		answers = answers[1:]
	}
	for i, it := range sc.items {
		r, err := parse(answers[i])
		if err != nil {
			return good, fmt.Errorf("%s: %w", it.name, err)
		}
		if r, err = sc.channel.Unwrap(it.ticket, r); err != nil {
			return good, fmt.Errorf("%s: %w: %w", it.name, errFailedAuth, err)
		}
		if r.SW != apdu.OK && (it.may == nil || !it.may(r.SW)) {
			return good, fmt.Errorf("%s: %w: %w", it.name, errRefusal, r.Err())
		}
		good = append(good, r)
	}
	return good, nil
}

// parse reads one answer; the empty one is a missing one.
func parse(raw []byte) (apdu.Response, error) {
	if len(raw) == 0 {
		return apdu.Response{}, errLost
	}
	r, err := apdu.ParseResponse(raw)
	if err != nil {
		return apdu.Response{}, fmt.Errorf("%w: %w", errNotAnAPDU, err)
	}
	return r, nil
}

// plan fills the first script of a job from its cursor, unless the job moved
// while the phone was away: it may have been cancelled.
func (s *Service) plan(ctx context.Context, sc *script) error {
	now, err := s.cfg.Store.Job(ctx, sc.job.OrderID)
	if err != nil {
		return err
	}
	if now.Revision != sc.job.Revision {
		return store.ErrRevision
	}
	switch sc.job.Kind {
	case store.Provision:
		return s.planProvision(sc)
	case store.Wipe:
		return s.planListing(sc, true, s.empty)
	case store.Lock, store.Unlock:
		return s.planSwitch(sc)
	case store.Rekey:
		return s.planRekey(ctx, sc)
	default:
		return fmt.Errorf("job of unknown kind %d", sc.job.Kind)
	}
}
