package tsm

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"time"

	"mobileid/mdoc/apdu"
	"mobileid/tsm/gp"
	"mobileid/tsm/seram"
	"mobileid/tsm/store"
)

// Why an element cannot be brought to another key set.
var (
	// ErrNoNewKeys says that there is one master key only, so none to go to.
	ErrNoNewKeys = errors.New("no master key of another version")
	// errKeySet says that an element shows key sets other than it should have.
	errKeySet = errors.New("secure element lists other key sets")
)

// rekeyLife is how long a rekey waits for its phone.
const rekeyLife = 2 * 365 * 24 * time.Hour

// Rekey orders that an element be brought to the key set of the current version,
// whichever it has now, and gives the order's id. It is an operator's order, not
// the issuer's. Asked again while the job is open, or done and the element was last
// spoken to under that set, it gives the same id.
//
// The element is never without a set this manager can use: the new one is put
// beside the former (PUT KEY with P1 = 00), a session is opened under it, and only
// behind that session's MAC is the former deleted.
func (s *Service) Rekey(ctx context.Context, seID []byte) (orderID string, err error) {
	if len(seID) != seram.SEIDSize {
		return "", fmt.Errorf("ordering rekey: %w", ErrNoElement)
	}
	version := s.cfg.Keys.Current()
	if version == 0 {
		return "", fmt.Errorf("ordering rekey: %w", ErrNoNewKeys)
	}
	job := store.Job{Kind: store.Rekey, SEID: hex.EncodeToString(seID), KeyVersion: version, NotAfter: s.cfg.Now().Add(rekeyLife)}
	taken, err := s.takeRekey(ctx, job, seID)
	if err != nil {
		return "", fmt.Errorf("ordering rekey: %w", err)
	}
	s.cfg.Log.InfoContext(ctx, "rekey taken", jobAttrs(taken)...)
	return taken.OrderID, nil
}

// maxRekeys bounds how often a rekey to one version can be ordered anew, after it
// expired or was gone back from, before the closed jobs are forgotten.
const maxRekeys = 16

// takeRekey finds the rekey that stands, or takes one in under the first free id. Two
// calls at once take the same id, and so the same job.
func (s *Service) takeRekey(ctx context.Context, job store.Job, seID []byte) (store.Job, error) {
	var latest, free store.Job
	for n := range maxRekeys {
		digest := sha256.Sum256(append([]byte{'r', 'e', 'k', 'e', 'y', job.KeyVersion, byte(n)}, seID...))
		job.OrderID, job.Digest = hex.EncodeToString(digest[:16]), hex.EncodeToString(digest[:])
		switch old, err := s.cfg.Store.Job(ctx, job.OrderID); {
		case errors.Is(err, store.ErrNotFound):
			if free.OrderID == "" {
				free = job
			}
		case err != nil:
			return store.Job{}, fmt.Errorf("%w: %w", ErrUnavailable, err)
		case old.State.Open() || old.Position > latest.Position:
			latest = old
		}
		if latest.State.Open() {
			return latest, nil
		}
	}
	stands, err := s.stands(ctx, latest)
	switch {
	case err != nil:
		return store.Job{}, fmt.Errorf("%w: %w", ErrUnavailable, err)
	case stands:
		return latest, nil
	case free.OrderID == "":
		return store.Job{}, fmt.Errorf("%d orders came to nothing: %w", maxRekeys, ErrOrderConflict)
	}
	taken, err := s.cfg.Store.Enqueue(ctx, free)
	if err != nil {
		return store.Job{}, fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	return taken, nil
}

// stands tells whether a rekey was carried out and what it led to is still so. An
// element whose version was never noted has been at the first one throughout.
func (s *Service) stands(ctx context.Context, job store.Job) (bool, error) {
	if job.State != store.Done {
		return false, nil
	}
	noted, err := s.cfg.Store.KeyVersion(ctx, job.SEID)
	return noted == 0 || noted == job.KeyVersion, err
}

// planRekey goes on from the set the channel stands on.
func (s *Service) planRekey(ctx context.Context, sc *script) error {
	if sc.version == sc.job.KeyVersion {
		return s.planKeySets(sc, s.retire)
	}
	return s.planPutKey(ctx, sc)
}

// planPutKey puts the new set beside the former. That it may be there is on disk
// before it can be, so that the next contact asks for it first. An element that has
// these very keys already takes them again.
func (s *Service) planPutKey(ctx context.Context, sc *script) error {
	again := sc.job.Cursor != store.Ordered
	if !again {
		job := sc.job
		job.Cursor = store.KeySent
		job, err := s.advance(ctx, job)
		if err != nil {
			return err
		}
		sc.job = job
	}
	put, err := s.putKey(ctx, sc)
	if err != nil {
		return err
	}
	c, err := put.Command()
	if err != nil {
		return err
	}
	sc.finish = func(ctx context.Context, sc *script, answers []apdu.Response, cut error) (*script, error) {
		switch {
		case cut != nil:
			return nil, cut
		case put.CheckConfirmation(answers[0].Data) != nil:
			_, err := s.countAttempt(ctx, sc.job, "key_check")
			return nil, errors.Join(fmt.Errorf("PUT KEY: %w: %w", gp.ErrPutKey, errRefusal), err)
		case again: // it was put before, and still no session under it stood
			if _, err := s.countAttempt(ctx, sc.job, "new_keys_unused"); err != nil {
				return nil, err
			}
		}
		return nil, errNextJob // which is this one, in a session under the new set
	}
	return sc.add("PUT KEY", c, nil)
}

// putKey wraps the new set under the Key-DEK of the one in use.
func (s *Service) putKey(ctx context.Context, sc *script) (gp.PutKey, error) {
	former, err := s.cfg.Keys.Derive(ctx, sc.seID, sc.version)
	if err != nil {
		return gp.PutKey{}, err
	}
	defer former.Erase()
	next, err := s.cfg.Keys.Derive(ctx, sc.seID, sc.job.KeyVersion)
	if err != nil {
		return gp.PutKey{}, err
	}
	defer next.Erase()
	return gp.PutKeySet(former.DEK, 0, next.Version, next.ENC, next.MAC, next.DEK)
}

// planKeySets asks which key sets there are, behind what is in the script already.
func (s *Service) planKeySets(sc *script, then func(ctx context.Context, sc *script, others []byte) (*script, error)) error {
	sc.finish = func(ctx context.Context, sc *script, answers []apdu.Response, cut error) (*script, error) {
		if cut != nil {
			return nil, cut
		}
		others, err := otherSets(answers[len(answers)-1].Data, sc.job.KeyVersion)
		if err != nil {
			_, err2 := s.countAttempt(ctx, sc.job, "key_sets")
			return nil, errors.Join(err, err2)
		}
		return then(ctx, sc, others)
	}
	return sc.add("GET DATA 00E0", gp.GetData(gp.DataKeyInformation), nil)
}

// otherSets reads the key information template: the SCP03 sets beside the one of
// version, which must be there, and a factory's initial set (version FF).
func otherSets(template []byte, version byte) (others []byte, err error) {
	keys, err := gp.ParseKeyInformation(template)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errRefusal, err)
	}
	found := false
	for _, k := range keys {
		switch {
		case k.Version == version:
			found = true
		case k.Version >= firstKeyVersion && k.Version <= lastKeyVersion || k.Version == 0xFF:
			others = append(others, k.Version)
		}
	}
	if !found {
		return nil, fmt.Errorf("no set %02X: %w: %w", version, errKeySet, errRefusal)
	}
	return unique(others), nil
}

// retire notes that the new set is in use and deletes the others.
func (s *Service) retire(ctx context.Context, sc *script, others []byte) (*script, error) {
	job := sc.job
	if len(others) == 0 {
		return nil, s.rekeyed(ctx, job)
	}
	if job.Cursor < store.KeyOpened {
		job.Cursor = store.KeyOpened
		var err error
		if job, err = s.advance(ctx, job); err != nil {
			return nil, err
		}
	}
	next := sc.more(job)
	for _, version := range others {
		c, err := gp.DeleteKeys{Version: version}.Command()
		if err != nil {
			return nil, err
		}
		if err := next.add("DELETE key set", c, nil); err != nil {
			return nil, err
		}
	}
	return next, s.planKeySets(next, s.retired)
}

// retired checks that nothing but the new set is left.
func (s *Service) retired(ctx context.Context, sc *script, others []byte) (*script, error) {
	if len(others) > 0 {
		_, err := s.countAttempt(ctx, sc.job, "not_retired")
		return nil, errors.Join(fmt.Errorf("%d former sets listed after DELETE: %w: %w", len(others), errKeySet, errRefusal), err)
	}
	return nil, s.rekeyed(ctx, sc.job)
}

func (s *Service) rekeyed(ctx context.Context, job store.Job) error {
	job.Cursor = store.Rekeyed
	if _, err := s.file(ctx, job); err != nil {
		return err
	}
	return errNextJob
}
