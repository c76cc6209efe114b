package tsm

import (
	"context"
	"errors"
	"fmt"

	"mobileid/tsm/gp"
	"mobileid/tsm/scp03"
	"mobileid/tsm/store"
)

// The key versions of SCP03 (Amendment D, 7.1); 00 stands for an element's first set.
const (
	firstKeyVersion = 0x30
	lastKeyVersion  = 0x3F
)

// errNoKeySet says that the element answered for none of the versions there are
// master keys for.
var errNoKeySet = errors.New("secure element holds no known key set")

// versions are the key versions to try on an element for a job, in order. Which of
// them the element has is found out by INITIALIZE UPDATE, which names the version:
// an absent one is answered with 6A88 and costs the element none of its tries, as a
// failed authentication would.
//
// The version noted last comes first, so that nearly every contact needs one
// question. A rekey asks for the former set first while the new one cannot be
// there, and for the new one as soon as it may be.
func (s *Service) versions(job store.Job, noted byte) []byte {
	current := s.cfg.Keys.Current()
	var out []byte
	add := func(v byte) {
		if v != 0 && (job.Kind != store.Rekey || v != job.KeyVersion) {
			out = append(out, v)
		}
	}
	add(noted)
	add(current)
	for v := byte(firstKeyVersion); v <= lastKeyVersion; v++ {
		add(v)
	}
	switch {
	case job.Kind != store.Rekey && current == 0:
		out = append([]byte{0}, out...)
	case job.Kind == store.Rekey && job.Cursor == store.Ordered:
		out = append(out, job.KeyVersion)
	case job.Kind == store.Rekey:
		out = append([]byte{job.KeyVersion}, out...)
	}
	return unique(out)
}

func unique(in []byte) []byte {
	var seen [256]bool
	out := in[:0]
	for _, v := range in {
		if !seen[v] {
			seen[v] = true
			out = append(out, v)
		}
	}
	return out
}

// challenge draws the host challenge for a job.
func (s *Service) challenge(ctx context.Context, sess *session, job store.Job) (*challenge, error) {
	seID, err := sess.element.ID()
	if err != nil {
		return nil, err
	}
	noted, err := s.cfg.Store.KeyVersion(ctx, sess.seID)
	if err != nil {
		return nil, err
	}
	c := &challenge{job: job, seID: seID, noted: noted, untried: s.versions(job, noted)}
	return c, s.draw(ctx, c)
}

// draw takes the next version there is a master key for.
func (s *Service) draw(ctx context.Context, c *challenge) error {
	for len(c.untried) > 0 {
		c.version, c.untried = c.untried[0], c.untried[1:]
		keys, err := s.cfg.Keys.Derive(ctx, c.seID, c.version)
		if errors.Is(err, ErrKeyVersion) {
			continue
		}
		if err != nil {
			return err
		}
		defer keys.Erase() // the host has its own copy
		c.close()          // the version before
		// The challenge shows that it is the issuer security domain: SELECT is under no MAC, and a new domain has the same keys.
		c.host, err = scp03.NewHostWith(keys, scp03.HostConfig{AID: []byte(gp.ISD), Rand: s.cfg.Rand})
		return err
	}
	return errNoKeySet
}

// proved notes what the first authentic answer of an element shows: the keys of
// this version are right.
func (s *Service) proved(ctx context.Context, seID string, sc *script) error {
	if err := s.cfg.Store.ClearFailedAuth(ctx, seID); err != nil {
		return err
	}
	if sc.version == sc.noted || sc.noted == 0 && sc.version == s.cfg.Keys.Current() {
		return nil
	}
	if err := s.cfg.Store.SetKeyVersion(ctx, seID, sc.version); err != nil {
		return fmt.Errorf("noting key version: %w", err)
	}
	sc.noted = sc.version
	return nil
}
