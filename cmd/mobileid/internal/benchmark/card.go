package benchmark

import (
	"context"
	"errors"
	"time"

	"mobileid/issuer/card/cardsim"
)

// cardReads counts how many READ BINARY of 256 bytes the modelled card answers in a second, in process.
func cardReads(ctx context.Context, h harness, _ *world, p *printer) error {
	keys, err := cardsim.MakeKeys(1, cardsim.NewKeys(nil))
	if err != nil {
		return err
	}
	source := cardsim.SharedKeys(keys...)
	now := h.clock()
	a, err := cardsim.NewAuthority(cardsim.AuthorityConfig{Now: func() time.Time { return now }, Keys: source})
	if err != nil {
		return err
	}
	k, err := cardsim.New(cardsim.People(now)[0], a, cardsim.Options{Keys: source})
	if err != nil {
		return err
	}
	const wholeAnswer = 258
	for _, command := range []string{"\x00\xA4\x04\x0C\x0A\xD3\x92\xF0\x00\x26\x01\x00\x00\x00\x01", "\x00\xA4\x02\x0C\x02\x00\x0A"} {
		if _, err := k.Transmit(ctx, []byte(command)); err != nil {
			return err
		}
	}
	command := []byte{0x00, 0xB0, 0x01, 0x00, 0x00}
	read := func() error {
		answer, err := k.Transmit(ctx, command)
		if err == nil && len(answer) != wholeAnswer {
			err = errors.New("the card gives another answer")
		}
		return err
	}
	h = h.withAside()
	calls, err := h.calls(read)
	if err != nil {
		return err
	}
	times := make([]time.Duration, 0, h.rounds)
	for range h.rounds {
		each, err := h.time(read, calls)
		if err != nil {
			return err
		}
		times = append(times, each)
	}
	p.count("card_model_reads_per_s", int(time.Second/max(1, median(times))))
	return nil
}
