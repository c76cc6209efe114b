package benchmark

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"time"

	"mobileid/mdoc"
	"mobileid/mdoc/doctype"
	"mobileid/mdoc/holder"
	"mobileid/mdoc/pki"
)

// The two answers that are judged: an age alone, and an age with the portrait.
func ageAlone() []asked { return []asked{{doctype.NameSpaceISO, "age_over_20"}} }

func ageAndPortrait() []asked { return append(ageAlone(), asked{doctype.NameSpaceJP, "portrait"}) }

// verifySignature judges an answer with a portrait, proved by signature, the document signer being known from the calls
// before, over two verifications and the hash of the portrait.
func verifySignature(ctx context.Context, h harness, w *world, p *printer) error {
	in, err := w.answer(ctx, w.workload(), holder.BySignature, ageAndPortrait()...)
	if err != nil {
		return err
	}
	return judged(ctx, h, w, p, "verify_sig_over_floor", in, floor{verifications: 2, portrait: true})
}

// verifyAge judges an answer of one age, over two verifications.
func verifyAge(ctx context.Context, h harness, w *world, p *printer) error {
	in, err := w.answer(ctx, w.workload(), holder.BySignature, ageAlone()...)
	if err != nil {
		return err
	}
	return judged(ctx, h, w, p, "verify_age_over_floor", in, floor{verifications: 2})
}

// verifyMAC judges an answer with a portrait, proved by MAC, over one verification, one key agreement and the hash of the
// portrait.
func verifyMAC(ctx context.Context, h harness, w *world, p *printer) error {
	in, err := w.answer(ctx, w.workload(), holder.ByMAC, ageAndPortrait()...)
	if err != nil {
		return err
	}
	return judged(ctx, h, w, p, "verify_mac_over_floor", in, floor{verifications: 1, agreements: 1, portrait: true})
}

// verifyChain judges an answer with a portrait, the document signer being new each time, over three verifications and the
// hash of the portrait. The anchors are read anew outside the measured time.
func verifyChain(ctx context.Context, h harness, w *world, p *printer) error {
	in, err := w.answer(ctx, w.workload(), holder.BySignature, ageAndPortrait()...)
	if err != nil {
		return err
	}
	h = h.withAside()
	roots := w.iacas.Certificates()
	var fresh [sideBySide]*pki.Anchors
	read := func() (err error) {
		for i := range fresh {
			if fresh[i], err = pki.NewAnchors(roots[0].Raw); err != nil {
				return err
			}
		}
		return nil
	}
	all := func() error {
		if err := h.without(read); err != nil {
			return err
		}
		for i := range fresh {
			first := in
			first.Anchors = fresh[i]
			if err := accept(first); err != nil {
				return err
			}
		}
		return nil
	}
	return overFloor(ctx, h, w, p, "verify_chain_over_floor", in, all, floor{verifications: 3, portrait: true, times: sideBySide})
}

func judged(ctx context.Context, h harness, w *world, p *printer, name string, in mdoc.Verification, f floor) error {
	return overFloor(ctx, h, w, p, name, in, func() error { return accept(in) }, f)
}

func overFloor(ctx context.Context, h harness, w *world, p *printer, name string, in mdoc.Verification, one func() error, f floor) error {
	if err := proveJudgement(in); err != nil {
		return err
	}
	least, err := f.of(w, in)
	if err != nil {
		return err
	}
	m, err := h.compare(ctx, one, least)
	if err != nil {
		return err
	}
	each := time.Duration(max(1, f.times))
	p.comment("%s: %d bytes %s, floor %s", name, len(in.Response), m.function/each, m.floor/each)
	p.ratio(name, m.ratio)
	return nil
}

// accept verifies with every check.
func accept(in mdoc.Verification) error {
	r, err := mdoc.Verify(in)
	if err != nil {
		return err
	}
	if !r.OK() {
		return errors.New("the answer was refused: " + r.String())
	}
	return nil
}

// changes is in how many places an answer is changed before it is timed.
const changes = 257

// proveJudgement shows that what is timed does judge: the answer is accepted, and refused when a byte of it is changed or
// when it meets another session, another time or a revoked status.
func proveJudgement(in mdoc.Verification) error {
	if err := accept(in); err != nil {
		return err
	}
	minor := bytes.Index(in.Response, []byte("1.0")) + 2 // a reader tolerates another minor version
	for i := range changes {
		at := i * (len(in.Response) - 1) / (changes - 1)
		if at == minor {
			continue
		}
		changed := in
		changed.Response = bytes.Clone(in.Response)
		changed.Response[at] ^= 1
		if accept(changed) == nil {
			return fmt.Errorf("an answer changed at offset %d was accepted", at)
		}
	}
	late, early, revoked := in, in, in
	late.At, early.At, revoked.Status = in.At.AddDate(0, 3, 0), in.At.AddDate(0, -3, 0), nil
	for _, wrong := range []mdoc.Verification{late, early, revoked} {
		if accept(wrong) == nil {
			return errors.New("an answer was accepted at a wrong time or without its status")
		}
	}
	return nil
}

// answerBytes counts the answer to age_over_20 alone, from a document of the elements an issuer signs.
func answerBytes(ctx context.Context, _ harness, w *world, p *printer) error {
	in, err := w.answer(ctx, w.issued, holder.BySignature, ageAlone()...)
	if err == nil {
		err = accept(in)
	}
	if err != nil {
		return err
	}
	p.comment("answer from a document of %d elements", len(w.issued))
	p.count("answer_bytes", len(in.Response))
	return nil
}
