package setool

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"

	"mobileid/cmd/internal/serve"
	"mobileid/cmd/internal/usage"
	"mobileid/mdoc/apdu"
	"mobileid/tsm/gp"
	"mobileid/tsm/gp/manager"
	"mobileid/tsm/scp03"
)

// maxCAP bounds a CAP file; a card takes 60 kB of it at most.
const maxCAP = 1 << 20

// Load loads a CAP file, the ZIP that compilers make or its components in a row.
func (t *Tool) Load(ctx context.Context, path string) error {
	b, err := serve.ReadRegular(path, maxCAP)
	if err != nil {
		return fmt.Errorf("reading the load file: %w", err)
	}
	file, err := manager.ReadCAP(b)
	if err != nil {
		file = b
	}
	p, err := gp.ParsePackage(file)
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return t.change(ctx, "loaded", p.AID, func(s *manager.Session) (*gp.Receipt, error) {
		_, receipt, err := s.Load(ctx, file)
		return receipt, err
	})
}

// An Installing names what is installed: AIDs, parameters and privileges in hex.
type Installing struct{ LoadFile, Module, Instance, Parameters, Privileges string }

// Install installs an application and makes it selectable.
func (t *Tool) Install(ctx context.Context, i Installing) error {
	var g gp.Install
	var err error
	for _, x := range []struct {
		text string
		to   *gp.AID
	}{{i.LoadFile, &g.LoadFile}, {i.Module, &g.Module}, {i.Instance, &g.Instance}} {
		if *x.to, err = parseAID(x.text); err != nil {
			return err
		}
	}
	if g.Parameters, err = hex.DecodeString(i.Parameters); err != nil {
		return usage.Errorf("--parameters is not hex")
	}
	privileges, err := hex.DecodeString(i.Privileges)
	if err == nil {
		g.Privileges, err = gp.ParsePrivileges(privileges)
	}
	if err != nil {
		return usage.Errorf("--privileges is not one to three bytes in hex")
	}
	return t.change(ctx, "installed", g.Instance, func(s *manager.Session) (*gp.Receipt, error) { return s.Install(ctx, g) })
}

// Delete deletes an application or a load file, with related a load file's applications too.
func (t *Tool) Delete(ctx context.Context, text string, related bool) error {
	aid, err := parseAID(text)
	if err != nil {
		return err
	}
	return t.change(ctx, "deleted", aid, func(s *manager.Session) (*gp.Receipt, error) {
		return s.Delete(ctx, gp.Delete{AID: aid, Related: related})
	})
}

// DeleteKeys deletes a key set.
func (t *Tool) DeleteKeys(ctx context.Context, version string) error {
	v, err := parseByte("key version", version)
	if err != nil {
		return err
	}
	return t.change(ctx, fmt.Sprintf("deleted key set %02X", v), "", func(s *manager.Session) (*gp.Receipt, error) {
		if s.Card().Version == v {
			return nil, errors.New("this is the key set that opened the session: open one with the other keys, then delete this")
		}
		receipt, err := s.Delete(ctx, gp.DeleteKeys{Version: v})
		if errors.Is(err, apdu.ErrNotFound) {
			err = fmt.Errorf("%w: %w", manager.ErrNoKeySet, err)
		}
		return receipt, err
	})
}

// Lock locks an application, or the whole card where no AID is given.
func (t *Tool) Lock(ctx context.Context, text string) error {
	return t.setStatus(ctx, "locked", text, (*manager.Session).Lock, (*manager.Session).LockCard)
}

// Unlock is the way back.
func (t *Tool) Unlock(ctx context.Context, text string) error {
	return t.setStatus(ctx, "unlocked", text, (*manager.Session).Unlock, (*manager.Session).UnlockCard)
}

func (t *Tool) setStatus(
	ctx context.Context, what, text string, application func(*manager.Session, context.Context, gp.AID) error,
	card func(*manager.Session, context.Context) error,
) error {
	if text == "" {
		return t.change(ctx, what+" the card", "", func(s *manager.Session) (*gp.Receipt, error) { return nil, card(s, ctx) })
	}
	aid, err := parseAID(text)
	if err != nil {
		return err
	}
	return t.change(ctx, what, aid, func(s *manager.Session) (*gp.Receipt, error) { return nil, application(s, ctx, aid) })
}

// A Putting says which keys come in: a file with a key set, or with a master key and the version to make of it.
type Putting struct{ Keys, Master, Version, Replace string }

// PutKeys puts a key set, in place of another or beside it.
func (t *Tool) PutKeys(ctx context.Context, p Putting) error {
	if (p.Keys == "") == (p.Master == "") {
		return usage.Errorf("which keys to put: --new FILE with a key set, or --new-master FILE with a master key")
	}
	from, err := t.keys(p.Keys, p.Master, p.Version)
	if err != nil {
		return err
	}
	defer from.erase()
	if from.version == 0 {
		return errors.New("the new keys need a version, such as 31")
	}
	replace := byte(0)
	if p.Replace != "" {
		if replace, err = parseByte("--replace", p.Replace); err != nil {
			return err
		}
	}
	return t.change(ctx, fmt.Sprintf("put key set %02X", from.version), "", func(s *manager.Session) (*gp.Receipt, error) {
		keys, err := from.keys(ctx, func() ([]byte, error) { return s.Card().KDD, nil })
		if err != nil {
			return nil, err
		}
		defer keys.Erase()
		return nil, put(ctx, s, replace, keys)
	})
}

// errVersionTaken is what 6985 to PUT KEY means.
var errVersionTaken = errors.New("the card does not take a key set of this version beside or in place of those it has")

// put names what the status words of PUT KEY mean.
func put(ctx context.Context, s *manager.Session, replace byte, keys scp03.Keys) error {
	err := s.PutKeys(ctx, replace, keys)
	switch {
	case errors.Is(err, apdu.ErrConditions):
		return fmt.Errorf("%w: %w", errVersionTaken, err)
	case errors.Is(err, apdu.ErrNotFound):
		return fmt.Errorf("%w: %w", manager.ErrNoKeySet, err)
	}
	return err
}
