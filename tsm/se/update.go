package se

import "mobileid/tsm/se/nvm"

// update collects the changes of one command; they hold together or not at all.
type update struct {
	se      *SE
	changes []nvm.Change
	after   []func()
}

func (s *SE) update() *update { return &update{se: s} }

// set stores an object of the element; nil erases and destroys it.
func (u *update) set(key string, value []byte) {
	u.changes = append(u.changes, nvm.Change{Key: key, Value: value, Scrub: value == nil})
}

// erase forgets an object that is no secret.
func (u *update) erase(key string) { u.changes = append(u.changes, nvm.Change{Key: key}) }

// put stores an entry.
func (u *update) put(e entry) {
	u.changes = append(u.changes, nvm.Change{Key: registryKey(e.aid), Value: e.encode()})
	u.after = append(u.after, func() { u.se.registry[e.aid] = e })
}

// destroy erases every object whose name begins with prefix.
func (u *update) destroy(prefix string) {
	for _, key := range u.se.mem.Keys(prefix) {
		u.set(key, nil)
	}
}

func (u *update) commit() error {
	if err := u.se.mem.Commit(u.changes...); err != nil {
		return err
	}
	for _, do := range u.after {
		do()
	}
	return nil
}
