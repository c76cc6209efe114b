package se

import (
	"bytes"
	"errors"
	"slices"

	"mobileid/mdoc/apdu"
	"mobileid/tsm/gp"
	"mobileid/tsm/scp03"
)

// keyOrder is a set of keys to be put in place, out of PUT KEY or of key data groups.
type keyOrder struct {
	domain           gp.AID
	replace, version byte // replace 0 adds
	ids              []byte
	wrapped          []gp.WrappedKey
}

// putKey answers PUT KEY, GlobalPlatform Card Specification 2.3.1, 11.8: the keys of the session's domain, wrapped under
// the Key-DEK the session was opened with.
func (ch *channel) putKey(c apdu.Command) apdu.Response {
	ch.endPersonalization()
	ch.loading = nil
	p, err := gp.ParsePutKey(c)
	if err != nil {
		return refused(err)
	}
	o := keyOrder{domain: ch.domain, replace: p.Replace, version: p.Version, wrapped: p.Keys}
	for i := range p.Keys {
		o.ids = append(o.ids, p.FirstID+byte(i))
	}
	if sw := ch.storeKeys(o); sw != apdu.OK {
		return status(sw)
	}
	return apdu.Response{Data: p.Confirmation(), SW: apdu.OK}
}

// storeKeys checks everything before it changes anything. Keys that are there already are no change, so that a lost answer
// can be repeated without setting the sequence counter back.
func (ch *channel) storeKeys(o keyOrder) apdu.SW {
	return withKeys(ch.dek, o.wrapped, func(keys [][]byte) apdu.SW {
		sets := ch.se.keySets(o.domain)
		switch {
		case o.version >= firstVersion && o.version <= lastVersion:
			return ch.storeSet(sets, o, keys)
		case (o.version == tokenVersion || o.version == receiptVersion) && o.domain == gp.ISD:
			return ch.storeSingle(sets, o, keys)
		}
		return apdu.WrongData
	})
}

// withKeys lends what was unwrapped and erases it when do returns.
func withKeys(dek []byte, wrapped []gp.WrappedKey, do func(keys [][]byte) apdu.SW) apdu.SW {
	keys, sw := unwrap(dek, wrapped)
	defer eraseAll(keys)
	if sw != apdu.OK {
		return sw
	}
	return do(keys)
}

// unwrap deciphers AES keys and checks their check values: 9485 when one differs, 9484 for other kinds.
func unwrap(dek []byte, wrapped []gp.WrappedKey) ([][]byte, apdu.SW) {
	var out [][]byte
	for _, w := range wrapped {
		if w.Type != gp.KeyAES {
			return out, apdu.AlgorithmUnknown
		}
		key, err := w.Unwrap(dek)
		if err != nil {
			return out, refused(err).SW
		}
		out = append(out, key)
	}
	return out, apdu.OK
}

func eraseAll(keys [][]byte) {
	for _, k := range keys {
		clear(k)
	}
}

// storeSet puts an SCP03 key set in place, all three keys at once, with its counters at zero.
func (ch *channel) storeSet(sets keySets, o keyOrder, keys [][]byte) apdu.SW {
	if !bytes.Equal(o.ids, []byte{1, 2, 3}) {
		return apdu.WrongData
	}
	set := scp03.Keys{ENC: keys[0], MAC: keys[1], DEK: keys[2], Version: o.version}
	if err := set.Validate(); err != nil && (!errors.Is(err, scp03.ErrWeakKeys) || ch.se.testSet().IsZero()) {
		return apdu.WrongData
	}
	versions := sets.versions()
	exists := slices.Contains(versions, o.version)
	switch {
	case o.replace != 0 && !slices.Contains(versions, o.replace):
		return apdu.ReferenceNotFound
	case exists && (o.replace == 0 || o.replace == o.version) && sets.holds(set):
		return apdu.OK
	case exists && o.replace != o.version:
		return apdu.Conditions
	}
	u := ch.se.update()
	if o.replace != 0 {
		u.destroySet(sets, o.replace)
		u.after = append(u.after, func() { ch.forget(sets, o.replace) })
	}
	u.putSet(sets, set)
	u.after = append(u.after, func() { ch.takeOver(sets, o.domain) })
	if e, ok := ch.se.registry[o.domain]; ok && e.state == gp.StateSelectable {
		e.state = gp.StatePersonalized
		u.put(e)
	}
	return StatusOf(u.commit())
}

// takeOver ends what others still do with a domain that has keys of its own now: sessions on other channels under the keys
// of the domain above, and personalization through it.
func (ch *channel) takeOver(sets keySets, domain gp.AID) {
	for _, other := range ch.se.channels {
		if other != ch && other.open && other.domain == domain && other.keys != sets {
			other.endSession()
		}
	}
	ch.se.endPersonalizationOf(domain)
}

// holds tells whether these very keys are stored.
func (k keySets) holds(set scp03.Keys) bool {
	stored, err := k.KeySet(set.Version)
	defer stored.Erase()
	return err == nil && bytes.Equal(stored.ENC, set.ENC) && bytes.Equal(stored.MAC, set.MAC) && bytes.Equal(stored.DEK, set.DEK)
}

// putSet stores a key set that was never used.
func (u *update) putSet(k keySets, set scp03.Keys) {
	u.set(k.name(setName, set.Version), slices.Concat(set.ENC, set.MAC, set.DEK))
	u.erase(k.name(sequenceName, set.Version))
	u.erase(k.name(failuresName, set.Version))
}

// destroySet destroys a key set.
func (u *update) destroySet(k keySets, version byte) {
	u.set(k.name(setName, version), nil)
	u.erase(k.name(sequenceName, version))
	u.erase(k.name(failuresName, version))
}

// storeSingle puts the token or the receipt key in place.
func (ch *channel) storeSingle(sets keySets, o keyOrder, keys [][]byte) apdu.SW {
	stored, exists := sets.single(o.version)
	defer clear(stored)
	_, weak := scp03.WeakKey(keys[0])
	switch {
	case !bytes.Equal(o.ids, []byte{1}), weak && ch.se.testSet().IsZero():
		return apdu.WrongData
	case o.replace != 0 && (o.replace != o.version || !exists):
		return apdu.ReferenceNotFound
	case exists && bytes.Equal(stored, keys[0]):
		return apdu.OK
	case exists && o.replace == 0:
		return apdu.Conditions
	}
	u := ch.se.update()
	if exists {
		u.set(sets.name(singleName, o.version), nil)
	}
	u.set(sets.name(singleName, o.version), keys[0])
	return StatusOf(u.commit())
}
