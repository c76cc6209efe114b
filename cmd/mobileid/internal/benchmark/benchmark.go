// Package benchmark measures what must stay fast, each function against the floor of cryptography below which no program can
// go. Absolute times depend on the machine and on its neighbours, so a figure is a ratio: the function and its floor run in
// turn in short batches, and the median of the ratios of the rounds counts. Sizes are counted on a document of the elements
// that an issuer signs. The keys, certificates and persons are made up for the run. Start at [Run].
package benchmark

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"runtime"

	"mobileid/mdoc"
	"mobileid/mdoc/cose"
	"mobileid/mdoc/doctype"
)

// workloadItems and portraitSize are the document of the two ratios: 43 items, one of them a portrait of 20 KiB.
const (
	workloadItems = 43
	portraitSize  = 20 << 10
)

// Run measures and prints one line "figure NAME VALUE" for each figure, and lines that begin with # for people. It takes a
// few seconds. What is measured is checked: a document that is not accepted is an error.
func Run(ctx context.Context, out io.Writer) error {
	return run(ctx, out, harness{rounds: rounds, batch: batch})
}

func run(ctx context.Context, out io.Writer, h harness) error {
	w, err := newWorld(h.clock())
	if err != nil {
		return fmt.Errorf("preparing the measurement: %w", err)
	}
	p := &printer{out: out}
	p.comment("%d processors, median of %d rounds, %s a batch", runtime.GOMAXPROCS(0), h.rounds, h.batch)
	for _, measure := range []func(context.Context, harness, *world, *printer) error{issueOverSign, verifyOverFloor, answerBytes} {
		if err := measure(ctx, h, w, p); err != nil {
			return err
		}
	}
	return p.err
}

// issueOverSign compares one issue with one signature by the same signer.
func issueOverSign(ctx context.Context, h harness, w *world, p *printer) error {
	draft, err := w.draft(workload())
	if err != nil {
		return fmt.Errorf("measuring the issue: %w", err)
	}
	signer := cose.Deterministic(w.signer.key)
	issue := func() error { _, err := w.issue(draft, signer); return err }
	digest := sha256.Sum256([]byte("a digest"))
	sign := func() error { _, err := signer.Sign(nil, digest[:], crypto.SHA256); return err }
	m, err := h.compare(ctx, issue, sign)
	if err != nil {
		return fmt.Errorf("measuring the issue: %w", err)
	}
	p.comment("issue of %d items %s, one RFC 6979 signature %s", workloadItems, m.function, m.floor)
	p.ratio("issue_over_sign", m.ratio)
	return nil
}

// verifyOverFloor compares the judgement of an answer with its two signature checks and the hash of the portrait.
func verifyOverFloor(ctx context.Context, h harness, w *world, p *printer) error {
	in, err := w.answer(ctx, workload(), asked{doctype.NameSpaceISO, "age_over_20"}, asked{doctype.NameSpaceJP, "portrait"})
	if err != nil {
		return fmt.Errorf("measuring the verification: %w", err)
	}
	floor, err := verifyFloor(w, in)
	if err != nil {
		return fmt.Errorf("measuring the verification: %w", err)
	}
	m, err := h.compare(ctx, func() error { return accept(in) }, floor)
	if err != nil {
		return fmt.Errorf("measuring the verification: %w", err)
	}
	p.comment("verification of %d bytes %s, two ES256 checks and the hash of the portrait %s", len(in.Response), m.function, m.floor)
	p.ratio("verify_sig_over_floor", m.ratio)
	return nil
}

// accept verifies, the document signer being known from the calls before.
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

func verifyFloor(w *world, in mdoc.Verification) (func() error, error) {
	response, err := mdoc.ParseDeviceResponse(in.Response)
	if err != nil {
		return nil, err
	}
	item, ok := response.Documents[0].IssuerSigned.Item(doctype.NameSpaceJP, "portrait")
	if !ok {
		return nil, errors.New("the answer holds no portrait")
	}
	digest := sha256.Sum256(item.Bytes())
	signature, err := cose.Deterministic(w.signer.key).Sign(nil, digest[:], crypto.SHA256)
	if err != nil {
		return nil, err
	}
	return func() error {
		sum := sha256.Sum256(item.Bytes())
		for range 2 {
			if !ecdsa.VerifyASN1(&w.signer.key.PublicKey, sum[:], signature) {
				return errors.New("the signature of the floor does not verify")
			}
		}
		return nil
	}, nil
}

// answerBytes counts the answer to age_over_20 alone, from a document of the elements an issuer signs.
func answerBytes(ctx context.Context, _ harness, w *world, p *printer) error {
	in, err := w.answer(ctx, issuedElements(), asked{doctype.NameSpaceISO, "age_over_20"})
	if err == nil {
		err = accept(in)
	}
	if err != nil {
		return fmt.Errorf("measuring the answer: %w", err)
	}
	p.comment("answer from a document of %d elements", len(issuedElements()))
	p.count("answer_bytes", len(in.Response))
	return nil
}
