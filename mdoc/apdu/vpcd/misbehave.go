package vpcd

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"mobileid/mdoc/apdu"
)

// ErrPulled is the error of a card that took itself out of the reader.
var ErrPulled = errors.New("the card was taken out of the reader")

// A Misbehaviour changes how a card answers; what it does not change goes to the card.
type Misbehaviour func(Card) Card

// Misbehave applies the behaviours, the last one outermost. Nil ones are left out.
func Misbehave(card Card, behaviours ...Misbehaviour) Card {
	for _, b := range behaviours {
		if b != nil {
			card = b(card)
		}
	}
	return card
}

// Slow answers every command after d.
func Slow(d time.Duration) Misbehaviour {
	return func(c Card) Card {
		return altered{c, func(ctx context.Context, command []byte) ([]byte, error) {
			if !pause(ctx, d) {
				return nil, ctx.Err()
			}
			return c.Transmit(ctx, command)
		}}
	}
}

// RemoveAfter takes the card out whenever n commands have been answered: the next finds no card.
func RemoveAfter(n int) Misbehaviour {
	return func(c Card) Card {
		done := 0
		return altered{c, func(ctx context.Context, command []byte) ([]byte, error) {
			if done >= n {
				done = 0
				return nil, fmt.Errorf("after %d commands: %w", n, ErrPulled)
			}
			done++
			return c.Transmit(ctx, command)
		}}
	}
}

// Flaky spoils one command in 16 on average, as random says: two bytes of it for each command, so that a run can be repeated. What
// happens is one of: the card is taken out; the answer is 6F00; it is cut after one byte; it has one bit turned; it is followed by
// itself. The command has reached the card in all cases but the first two. When random ends the card behaves.
func Flaky(random io.Reader) Misbehaviour {
	return func(c Card) Card {
		return altered{c, func(ctx context.Context, command []byte) ([]byte, error) {
			var dice [2]byte
			if _, err := io.ReadFull(random, dice[:]); err != nil || dice[0] >= 16 {
				return c.Transmit(ctx, command)
			}
			switch dice[1] % 5 {
			case 0:
				return nil, ErrPulled
			case 1:
				return apdu.Response{SW: apdu.Unknown}.Bytes(), nil
			}
			response, err := c.Transmit(ctx, command)
			if err != nil || len(response) == 0 {
				return response, err
			}
			switch dice[1] % 5 {
			case 2:
				return response[:1:1], nil
			case 3:
				turned := append([]byte{}, response...)
				turned[int(dice[1])%len(turned)] ^= 1
				return turned, nil
			default:
				return append(response[:len(response):len(response)], response...), nil
			}
		}}
	}
}

// altered is a card with another Transmit.
type altered struct {
	Card
	transmit func(context.Context, []byte) ([]byte, error)
}

func (a altered) Transmit(ctx context.Context, command []byte) ([]byte, error) {
	return a.transmit(ctx, command)
}
