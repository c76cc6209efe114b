package tsm

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"

	"mobileid/mdoc/apdu"
	"mobileid/tsm/applet/stream"
	"mobileid/tsm/gp"
	"mobileid/tsm/store"
)

// Pages of an attestation asked for at once. Four pages hold a chain of one
// certificate; a longer one costs a further round trip, until the service has seen
// how long they are with the elements of this maker.
const (
	firstPages     = 4
	mostFirstPages = 12
	furtherPages   = 8
	maxAttestation = 16 << 10
)

// planProvision fills the first script of a provisioning.
//
// A resumed job or a renewal finds the instance there already. INSTALL is sent
// all the same and may then be refused: that saves the round trip of asking,
// and that the instance exists is proved by INSTALL [for personalization], whose
// success carries an R-MAC.
func (s *Service) planProvision(sc *script) error {
	if sc.job.Cursor == store.Ordered {
		if err := sc.install(sc.job.Slot); err != nil {
			return err
		}
	}
	if err := sc.personalize(gp.Instance(sc.job.Slot)); err != nil {
		return err
	}
	if sc.job.Cursor == store.Sealed {
		return s.planDelivery(sc)
	}
	return s.planGeneration(sc)
}

// install makes the instance of a place. It may be refused: what follows shows whether the instance is there.
func (sc *script) install(place byte) error {
	loadFile, module := gp.ProgramOf(place)
	c, err := gp.Install{LoadFile: loadFile, Module: module, Instance: gp.Instance(place)}.Command()
	if err != nil {
		return err
	}
	return sc.add("INSTALL", c, func(apdu.SW) bool { return true })
}

// personalize directs the STORE DATA commands that follow to an instance.
func (sc *script) personalize(instance gp.AID) error {
	c, err := gp.Personalize{Instance: instance}.Command()
	if err != nil {
		return err
	}
	return sc.add("INSTALL for personalization", c, nil)
}

// planGeneration asks for the keys and their attestation.
func (s *Service) planGeneration(sc *script) error {
	orderID, err := hex.DecodeString(sc.job.OrderID)
	if err != nil {
		return fmt.Errorf("reading job: %w", err)
	}
	generate, err := stream.Generate{
		OrderID: orderID, Slot: slotOf(sc.job.Slot), Purpose: sc.job.Purpose, Challenge: sc.job.Challenge,
	}.Object()
	if err != nil {
		return err
	}
	before := len(sc.items)
	objects := [][]byte{generate}
	for i := 1; i < int(s.pages.Load()); i++ {
		objects = append(objects, stream.Page(uint16(i*stream.PageSize)))
	}
	if err := sc.storeEach("DF01 generate", objects); err != nil {
		return err
	}
	sc.finish = func(ctx context.Context, sc *script, answers []apdu.Response, cut error) (*script, error) {
		if cut != nil {
			return nil, cut
		}
		return s.collect(ctx, sc, nil, answers[before:])
	}
	return nil
}

// storeEach sends each object as a sequence of its own, so that each has its
// answer.
func (sc *script) storeEach(name string, objects [][]byte) error {
	for _, o := range objects {
		if err := sc.store(name, o); err != nil {
			return err
		}
	}
	return nil
}

// store sends whole objects as one sequence of blocks; the last block is
// answered with what the last object gives.
func (sc *script) store(name string, objects []byte) error {
	blocks, err := gp.StoreData(objects, sc.block, true)
	if err != nil {
		return err
	}
	sc.makeRoom(len(blocks), len(objects))
	for _, c := range blocks {
		if err := sc.add(name, c, nil); err != nil {
			return err
		}
	}
	return nil
}

// collect joins the pages of an attestation and asks for more while the last
// one is full.
func (s *Service) collect(ctx context.Context, sc *script, got []byte, pages []apdu.Response) (*script, error) {
	for _, p := range pages {
		got = append(got, p.Data...)
		if len(p.Data) < stream.PageSize {
			return s.attested(ctx, sc, got)
		}
	}
	if len(got) > maxAttestation {
		return nil, fmt.Errorf("attestation longer than %d bytes: %w", maxAttestation, errRefusal)
	}
	next := sc.more(sc.job)
	objects := make([][]byte, furtherPages)
	for i := range objects {
		objects[i] = stream.Page(uint16(len(got) + i*stream.PageSize))
	}
	if err := next.storeEach("DF02 page", objects); err != nil {
		return nil, err
	}
	next.finish = func(ctx context.Context, sc *script, answers []apdu.Response, cut error) (*script, error) {
		if cut != nil {
			return nil, cut
		}
		return s.collect(ctx, sc, got, answers)
	}
	return next, nil
}

// attested keeps the attestation, asks the issuer with it, and sends what came
// back. The attestation is on disk before the issuer hears of it, so that after
// a crash the issuer is asked with the same bytes and answers with the same
// credential.
func (s *Service) attested(ctx context.Context, sc *script, attestation []byte) (*script, error) {
	if len(attestation) == 0 {
		return nil, fmt.Errorf("empty attestation: %w", errRefusal)
	}
	s.pages.Store(int32(min(len(attestation)/stream.PageSize+1, mostFirstPages)))
	job := sc.job
	job.Cursor, job.Attestation = store.Attested, attestation
	job, err := s.advance(ctx, job)
	if err != nil {
		return nil, err
	}
	if job, err = s.seal(ctx, job); err != nil {
		return nil, err
	}
	next := sc.more(job)
	return next, s.planDelivery(next)
}

// seal gets the sealed bytes for an attested job and keeps them. A phone that
// hangs up meanwhile does not stop it.
func (s *Service) seal(ctx context.Context, job store.Job) (store.Job, error) {
	ctx = context.WithoutCancel(ctx)
	asking, cancel := context.WithTimeout(ctx, s.cfg.IssuerTimeout)
	defer cancel()
	sealed, err := s.cfg.Issuer.Attested(asking, job.Attestation)
	if err == nil && (len(sealed) == 0 || len(sealed) > stream.MaxSealed) {
		err = fmt.Errorf("%d sealed bytes: %w", len(sealed), ErrIssuerRefused)
	}
	if errors.Is(err, ErrIssuerRefused) {
		job.State, job.Reason = store.Refused, "attestation_refused"
		job, err2 := s.advance(ctx, job)
		return job, errors.Join(err, err2)
	}
	if err != nil {
		return job, fmt.Errorf("asking issuer for sealed credential: %w", err)
	}
	job.Cursor, job.Sealed = store.Sealed, sealed
	return s.advance(ctx, job)
}

// maxSequence is how many sealed bytes travel in one sequence of 256 blocks,
// with room for DF10, DF1F and the header of DF15.
const maxSequence = 60_000

// planDelivery sends the sealed bytes and the commit. What passes the 256 blocks
// of a sequence goes on in a further one.
func (s *Service) planDelivery(sc *script) error {
	orderID, err := hex.DecodeString(sc.job.OrderID)
	if err != nil {
		return fmt.Errorf("reading job: %w", err)
	}
	sealed := sc.job.Sealed
	digest := sha256.Sum256(sealed)
	objects, err := stream.Begin{OrderID: orderID, Length: uint64(len(sealed)), SHA256: digest[:]}.Object()
	if err != nil {
		return err
	}
	commit, err := stream.Commit{OrderID: orderID, SHA256: digest[:]}.Object()
	if err != nil {
		return err
	}
	for len(sealed) > maxSequence {
		objects = apdu.AppendTLV(objects, stream.TagSealed, sealed[:maxSequence])
		if err := sc.store("DF15 sealed", objects); err != nil {
			return err
		}
		objects, sealed = nil, sealed[maxSequence:]
	}
	objects = append(apdu.AppendTLV(objects, stream.TagSealed, sealed), commit...)
	sc.finish = s.committed
	return sc.store("DF15 sealed, DF1F commit", objects)
}
