package manager

import (
	"context"
	"crypto/sha256"
	"fmt"

	"mobileid/mdoc/apdu"
	"mobileid/tsm/gp"
	"mobileid/tsm/scp03"
)

// Install sends one INSTALL of any form and gives the receipt, if the card makes receipts.
func (s *Session) Install(ctx context.Context, i gp.Installation) (*gp.Receipt, error) {
	c, err := i.Command()
	if err != nil {
		return nil, err
	}
	return s.confirmed(ctx, "INSTALL", c)
}

// Delete sends one DELETE and gives the receipt, if the card makes receipts. Deleting the key set of the session is
// allowed where the card allows it; the session goes on.
func (s *Session) Delete(ctx context.Context, d gp.Deletion) (*gp.Receipt, error) {
	c, err := d.Command()
	if err != nil {
		return nil, err
	}
	return s.confirmed(ctx, "DELETE", c)
}

// confirmed sends a command whose answer is a confirmation. An answer that is none is told as such: the operation was
// carried out.
func (s *Session) confirmed(ctx context.Context, name string, c apdu.Command) (*gp.Receipt, error) {
	r, err := s.do(ctx, name, c)
	if err != nil {
		return nil, err
	}
	receipt, err := gp.ParseConfirmation(r.Data)
	if err != nil {
		return nil, fmt.Errorf("%s was carried out, its receipt cannot be read: %w", name, err)
	}
	return receipt, nil
}

// Load loads a load file data block: INSTALL [for load] with its SHA-256, then LOAD in blocks of the size the card takes.
func (s *Session) Load(ctx context.Context, file []byte) (gp.Package, *gp.Receipt, error) {
	p, err := gp.ParsePackage(file)
	if err != nil {
		return gp.Package{}, nil, err
	}
	blocks, err := gp.Load(gp.LoadFileData{File: file}.Bytes(), s.blockSize())
	if err != nil {
		return gp.Package{}, nil, err
	}
	hash := sha256.Sum256(file)
	if _, err := s.Install(ctx, gp.InstallLoad{LoadFile: p.AID, Domain: s.fci.AID, Hash: hash[:]}); err != nil {
		return gp.Package{}, nil, err
	}
	last := len(blocks) - 1
	for i, c := range blocks[:last] {
		if _, err := s.do(ctx, fmt.Sprintf("LOAD block %d of %d", i+1, len(blocks)), c); err != nil {
			return gp.Package{}, nil, err
		}
	}
	receipt, err := s.confirmed(ctx, "LOAD", blocks[last])
	return p, receipt, err
}

// Store gives a stream of BER-TLV objects to an application by INSTALL [for personalization] and STORE DATA, or with
// the empty AID to the security domain itself. The answer is that to the last block.
func (s *Session) Store(ctx context.Context, application gp.AID, stream []byte, answer bool) ([]byte, error) {
	blocks, err := gp.StoreData(stream, s.blockSize(), answer)
	if err != nil {
		return nil, err
	}
	if application != "" {
		if _, err := s.Install(ctx, gp.Personalize{Instance: application}); err != nil {
			return nil, err
		}
	}
	var r apdu.Response
	for i, c := range blocks {
		if r, err = s.do(ctx, fmt.Sprintf("STORE DATA block %d of %d", i+1, len(blocks)), c); err != nil {
			return nil, err
		}
	}
	return r.Data, nil
}

// PutKeys puts a whole SCP03 key set, in place of the set of version replace or, with 0, as a new one. Weak keys are
// refused with scp03.ErrWeakKeys before anything is sent. The answer of the card is compared with what was sent.
//
// A lost answer can be made good by a session with the new keys: it opens if they are there.
func (s *Session) PutKeys(ctx context.Context, replace byte, keys scp03.Keys) error {
	if err := keys.Validate(); err != nil {
		return fmt.Errorf("PUT KEY: %w", err)
	}
	p, err := gp.PutKeySet(s.dek, replace, keys.Version, keys.ENC, keys.MAC, keys.DEK)
	if err != nil {
		return err
	}
	c, err := p.Command()
	if err != nil {
		return err
	}
	r, err := s.do(ctx, "PUT KEY", c)
	if err != nil {
		return err
	}
	return p.CheckConfirmation(r.Data)
}

// SetStatus sends one SET STATUS.
func (s *Session) SetStatus(ctx context.Context, set gp.SetStatus) error {
	c, err := set.Command()
	if err != nil {
		return err
	}
	_, err = s.do(ctx, "SET STATUS", c)
	return err
}

// Lock locks an application or supplementary security domain: it cannot be selected until Unlock.
func (s *Session) Lock(ctx context.Context, aid gp.AID) error {
	return s.SetStatus(ctx, gp.SetStatus{Scope: gp.StatusOfApplication, State: byte(gp.StateLocked), AID: aid})
}

// Unlock brings back the state before the lock.
func (s *Session) Unlock(ctx context.Context, aid gp.AID) error {
	return s.SetStatus(ctx, gp.SetStatus{Scope: gp.StatusOfApplication, AID: aid})
}

// LockCard locks the whole card: until UnlockCard it answers with its security domain alone.
func (s *Session) LockCard(ctx context.Context) error {
	return s.SetStatus(ctx, gp.SetStatus{Scope: gp.StatusOfCard, State: byte(gp.CardLocked)})
}

// UnlockCard brings a locked card back to SECURED.
func (s *Session) UnlockCard(ctx context.Context) error {
	return s.SetStatus(ctx, gp.SetStatus{Scope: gp.StatusOfCard, State: byte(gp.CardSecured)})
}
