package scp03_test

import (
	"context"
	"fmt"

	"mobileid/mdoc/apdu"
	"mobileid/tsm/diversify"
	"mobileid/tsm/scp03"
)

// keySet is a card's storage for one key set.
type keySet struct {
	keys  scp03.Keys
	state scp03.SetState
}

func (k *keySet) KeySet(version byte) (scp03.Keys, error) {
	if version != 0 && version != k.keys.Version {
		return scp03.Keys{}, scp03.ErrNoKeySet
	}
	return k.keys, nil
}
func (k *keySet) SetState(byte) (scp03.SetState, error)        { return k.state, nil }
func (k *keySet) StoreSetState(_ byte, s scp03.SetState) error { k.state = s; return nil }
func show(step string, sw apdu.SW, err error)                  { fmt.Println(step, sw, err) }
func example(master, kdd []byte) (keys scp03.Keys, card *scp03.Card, err error) {
	if keys, err = diversify.KDF3(context.Background(), diversify.Memory(master), kdd, len(master), 0x30); err != nil {
		return keys, nil, err
	}
	card, err = scp03.NewCard(scp03.CardConfig{Keys: &keySet{keys: keys}, KDD: kdd})
	return keys, card, err
}

// A server opens a channel to a card, sends two commands at once and reads their
// answers after.
func Example() {
	keys, card, err := example([]byte("a master key of thirty-two bytes"), []byte("ten bytes!"))
	if err != nil {
		fmt.Println(err)
		return
	}
	aid := []byte{0xA0, 0x00, 0x00, 0x01, 0x51, 0x00, 0x00, 0x00}

	host, err := scp03.NewHost(keys, nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	answer := card.InitializeUpdate(host.InitializeUpdate(), aid)
	external, session, err := host.Authenticate(answer, scp03.Full)
	show("INITIALIZE UPDATE:", answer.SW, err)
	answer, onCard := card.ExternalAuthenticate(external)
	show("EXTERNAL AUTHENTICATE:", answer.SW, session.Opened(answer))

	first, t1, _ := session.Wrap(apdu.Command{CLA: 0x80, INS: 0xE2, Data: []byte("one")})
	second, t2, _ := session.Wrap(apdu.Command{CLA: 0x80, INS: 0xE2, P1: 0x80, P2: 1, Data: []byte("two")})
	var answers []apdu.Response
	for _, c := range []apdu.Command{first, second} {
		plain, err := onCard.Unwrap(c)
		if err != nil {
			fmt.Println(err)
			return
		}
		answers = append(answers, onCard.Wrap(apdu.Response{Data: append(plain.Data, '!'), SW: apdu.OK}))
	}
	for i, t := range []scp03.Ticket{t1, t2} {
		r, err := session.Unwrap(t, answers[i])
		fmt.Printf("%s %v\n", r.Data, err)
	}
	fmt.Println(keys, session)
	// Output:
	// INITIALIZE UPDATE: 9000 success <nil>
	// EXTERNAL AUTHENTICATE: 9000 success <nil>
	// one! <nil>
	// two! <nil>
	// [redacted] [redacted]
}
