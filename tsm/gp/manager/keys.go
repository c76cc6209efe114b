package manager

import (
	"context"
	"errors"
	"fmt"

	"mobileid/tsm/diversify"
	"mobileid/tsm/scp03"
)

// ErrNoKDD says that keys are made for each card, and this one does not tell its diversification data (00CF).
var ErrNoKDD = errors.New("card does not tell its key diversification data")

// Keys gives the key set of the card at hand. kdd asks the card for its key diversification data, 10 bytes, and fails
// with ErrNoKDD; who does not need it does not call it. The session erases what it gets.
type Keys func(ctx context.Context, kdd func() ([]byte, error)) (scp03.Keys, error)

// Static is one key set, whatever the card. It is copied.
func Static(keys scp03.Keys) Keys {
	keys = keys.Clone()
	return func(context.Context, func() ([]byte, error)) (scp03.Keys, error) { return keys.Clone(), nil }
}

// Diversified makes key sets of the size and version given out of a master key by KDF3.
func Diversified(master diversify.CMACer, size int, version byte) Keys {
	return func(ctx context.Context, kdd func() ([]byte, error)) (scp03.Keys, error) {
		data, err := kdd()
		if err != nil {
			return scp03.Keys{}, fmt.Errorf("making the card's keys: %w", err)
		}
		return diversify.KDF3(ctx, master, data, size, version)
	}
}
