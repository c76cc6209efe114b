package manager_test

import (
	"bytes"
	"context"
	"errors"
	"testing"

	"mobileid/mdoc/apdu"
	"mobileid/tsm/gp"
	"mobileid/tsm/gp/manager"
	"mobileid/tsm/scp03"
)

// hostile puts one answer in place of the card's nth.
type hostile struct {
	*fieldCard
	at     int
	answer []byte
}

func (h *hostile) Transmit(ctx context.Context, c []byte) ([]byte, error) {
	answer, err := h.fieldCard.Transmit(ctx, c)
	if h.commands == h.at {
		return bytes.Clone(h.answer), nil
	}
	return answer, err
}

// errAny stands for an error that has no name.
var errAny = errors.New("any error")

// listed says what 9000 9000 … of a length at the nth command of a session with a list must end in: nil is a list.
//
// An odd length ends in 0090, which is no status word; 0, 1 and what is over 65538 bytes is no answer.
func listed(length, at int) error {
	none := length < 2 || length > apdu.MaxResponse || length%2 == 1
	switch {
	case none:
		return errAny
	case at == 1: // no FCI: the domain is asked for by name, and answers
		return nil
	case at == 2:
		return scp03.ErrInitializeUpdate
	case at == 3 && length == 2: // what the card said
		return nil
	default:
		return scp03.ErrResponse
	}
}

// looked says the same of a look without keys: the error, and the object that cannot be read.
func looked(length, at int) (unread uint16, err error) {
	switch none := length < 2 || length > apdu.MaxResponse || length%2 == 1; {
	case none:
		return 0, errAny
	case at == 1 || length == 2: // the domain by name; an object that is not there
		return 0, nil
	default:
		return [...]uint16{gp.DataCPLC, gp.DataIIN, gp.DataCardImage, gp.DataDiversification, gp.DataSequenceCounter}[at-2], nil
	}
}

// Answers of every length, and garbage, inside and outside a session: each gives what it must, and a session that ends stays so.
func TestHostileAnswers(t *testing.T) {
	const commands = 6
	lengths := []int{0, 1, 2, 3, 9, 10, 11, 29, 30, 31, 32, 33, 34, 48, 50, 255, 256, 257, 258, 4096, 65536, 65537, 65538, 65539, 65540, 70000}
	lists, errs, infos, unreadable := 0, 0, 0, 0
	for _, length := range lengths {
		for at := 1; at <= commands; at++ {
			c := newFieldCard(t, func(apdu.Command) apdu.Response { return apdu.Response{SW: apdu.ReferenceNotFound} })
			h := &hostile{fieldCard: c, at: at, answer: bytes.Repeat([]byte{0x90, 0x00}, length/2+1)[:length]}
			s, err := manager.Connect(t.Context(), h, manager.Static(c.keys), manager.Options{})
			if (err == nil) != (s != nil) || (err == nil) != (at > 3 || listed(length, at) == nil) {
				t.Errorf("%d bytes at command %d: connected %v, %v", length, at, s != nil, err)
			}
			if err == nil {
				_, err = s.List(t.Context())
			}
			want := listed(length, at)
			if (err == nil) != (want == nil) || want != nil && !errors.Is(want, errAny) && !errors.Is(err, want) {
				t.Errorf("%d bytes at command %d: %v, want %v", length, at, err, want)
			}
			if err == nil {
				lists++
			} else if errs++; s != nil {
				if _, again := s.Transmit(t.Context(), gp.GetData(gp.DataCPLC)); !errors.Is(again, scp03.ErrClosed) {
					t.Errorf("%d bytes at command %d: the session goes on: %v", length, at, again)
				}
			}

			h.commands = 0
			info, err := manager.Look(t.Context(), h)
			tag, want := looked(length, at)
			if (err == nil) != (want == nil) {
				t.Errorf("%d bytes at command %d of a look: %v, want %v", length, at, err, want)
			}
			if err != nil {
				errs++
				continue
			}
			infos++
			unreadable += len(info.Unread)
			if info.FCI.AID != gp.ISD || info.CPLC != nil || info.IIN != nil || info.Image != nil || info.KDD != nil || info.Counter != nil ||
				(tag == 0) != (len(info.Unread) == 0) || tag != 0 && info.Unread[tag] == nil {
				t.Errorf("%d bytes at command %d of a look: %+v", length, at, info)
			}
		}
	}
	t.Logf("E8: %d hostile answers of %d lengths: %d errors, %d lists and %d looks, in which %d objects are named as not to be read",
		2*commands*len(lengths), len(lengths), errs, lists, infos, unreadable)
	const readable = 12 // lengths that end in a status word
	if lists != readable+1 || infos != 6*readable || unreadable != 5*(readable-1) || errs+lists+infos != 2*commands*len(lengths) {
		t.Error("some answers are not accounted for")
	}
}
