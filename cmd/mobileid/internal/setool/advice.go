package setool

import (
	"errors"

	"mobileid/cmd/internal/serve"
	"mobileid/cmd/internal/usage"
	"mobileid/cmd/mobileid/internal/inspect"
	"mobileid/mdoc/apdu"
	"mobileid/mdoc/apdu/pcsc"
	"mobileid/tsm/gp"
	"mobileid/tsm/gp/manager"
	"mobileid/tsm/scp03"
	"mobileid/tsm/se"
)

type advice struct {
	target error
	hint   string
}

// advices say what to do next; the first that fits counts.
func advices() []advice {
	const look = "mobileid se list shows what the card has now, and what was done is done"
	return []advice{
		{scp03.ErrCryptogram, "these are not the keys of this card. Do not try others by guess: cards block a key set after some failures. mobileid se info shows the card's number and key versions"},
		{manager.ErrHostRefused, "the card proved the keys and refused ours: something between changes what is sent. Do not repeat it"},
		{manager.ErrBlocked, "nothing opens this key set again; mobileid se keys shows whether the card has another"},
		{manager.ErrNoKeySet, "mobileid se keys shows the versions the card has"},
		{errVersionTaken, "mobileid se keys shows the versions there are: give the new set a version of its own, or name the set it takes the place of with --replace"},
		{manager.ErrNoDomain, "this is no GlobalPlatform card, or one that is terminated; --domain names another security domain"},
		{manager.ErrOtherDomain, "--domain names the security domain, by its whole AID; if it does, something between changes what is selected"},
		{scp03.ErrChallenge, "another security domain answered than the one that SELECT told: something between selects another. Do not go on with it"},
		{manager.ErrNoKDD, "a master key needs the card's number: make the card's own keys with it elsewhere, and give them with --keys"},
		{scp03.ErrWeakKeys, "published and patterned keys open nothing here; draw keys at random"},
		{gp.ErrPutKey, "open a session with the new keys: if it opens they are in place"},
		{serve.ErrOpenSecret, "chmod 600 the file"},
		{se.ErrTestElement, "an element with published keys is for other people's tools: mobileid-wallet se --test-keys shows it in a reader"},
		{se.ErrInUse, "another program has the file open; wait for it to end"},
		{pcsc.ErrNoResponse, look}, {pcsc.RemovedCard, look}, {pcsc.NotTransacted, look}, {pcsc.ResetCard, look},
		{scp03.ErrResponse, "an answer was not the card's: something between changes what is sent. " + look},
		{apdu.ErrSecurityStatus, "the key set has no right to that: the security domain lacks the privilege, or the security level is too low"},
		{apdu.ErrConditions, "the card's state does not allow it; mobileid se list shows the states, and --related deletes what depends on a load file"},
		{apdu.ErrNotFound, "mobileid se list shows what is there"},
	}
}

// explain adds advice to an error.
func explain(err error) error {
	if err == nil || usage.Is(err) {
		return err
	}
	if status, ok := errors.AsType[*apdu.StatusError](err); ok && status.SW == apdu.NoSpace {
		return &inspect.Problem{Err: err, Hint: "the card is full; mobileid se info shows the memory left"}
	}
	for _, a := range advices() {
		if errors.Is(err, a.target) {
			return &inspect.Problem{Err: err, Hint: a.hint}
		}
	}
	return err
}
