package se

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"strings"

	"mobileid/tsm/gp"
	"mobileid/tsm/se/nvm"
)

// Names of the element's objects.
const (
	keyID          = "se/id"
	keyAttestation = "se/attestation-key"
	keyChain       = "se/attestation-chain"
	keyAnchors     = "se/issuer-anchors"
	keyReceipts    = "se/receipts"

	keyCertificateAnchors = "se/certificate-anchors"

	prefixKeySet   = "isd/keys/"
	prefixSequence = "isd/sequence/"
	prefixFailures = "isd/failures/"
	prefixRegistry = "registry/"
	prefixObjects  = "object/"
)

func registryKey(aid []byte) string { return prefixRegistry + hex.EncodeToString(aid) }

func objectKey(aid []byte, name string) string {
	return prefixObjects + hex.EncodeToString(aid) + "/" + name
}

// entry is an application in the registry, stored as state ‖ lock ‖ module AID.
type entry struct {
	aid    []byte
	module []byte
	state  gp.State // without the lock
	locked bool
}

func (e entry) encode() []byte {
	lock := byte(0)
	if e.locked {
		lock = byte(gp.StateLocked)
	}
	return append([]byte{byte(e.state), lock}, e.module...)
}

// lifeCycle is the state byte GET STATUS shows.
func (e entry) lifeCycle() gp.State {
	if e.locked {
		return e.state | gp.StateLocked
	}
	return e.state
}

// entry looks an application up.
func (s *SE) entry(aid []byte) (entry, bool) {
	v, ok := s.mem.Load(registryKey(aid))
	if !ok || len(v) < 2 {
		return entry{}, false
	}
	return entry{aid: aid, state: gp.State(v[0]), locked: v[1] != 0, module: v[2:]}, true
}

// entries lists the applications by AID.
func (s *SE) entries() []entry {
	var out []entry
	for _, key := range s.mem.Keys(prefixRegistry) {
		aid, err := hex.DecodeString(strings.TrimPrefix(key, prefixRegistry))
		if err != nil {
			continue
		}
		if e, ok := s.entry(aid); ok {
			out = append(out, e)
		}
	}
	return out
}

// instance is the running program of an application.
type instance struct {
	aid    []byte
	applet Applet
}

// kindOf finds the program of a module.
func (s *SE) kindOf(module []byte) (Kind, bool) {
	for _, k := range s.cfg.Applets {
		if bytes.Equal(k.Module(), module) {
			return k, true
		}
	}
	return nil, false
}

// start makes the programs of all registered applications anew, as power-on does.
func (s *SE) start() error {
	s.instances = map[string]*instance{}
	for _, e := range s.entries() {
		k, ok := s.kindOf(e.module)
		if !ok {
			return fmt.Errorf("starting instance %X: no applet kind for module %X", e.aid, e.module)
		}
		s.run(k, e.aid)
	}
	return nil
}

func (s *SE) run(k Kind, aid []byte) {
	s.instances[string(aid)] = &instance{aid: aid, applet: k.New(&Platform{se: s, aid: aid})}
}

// remove erases an application and everything it stored, keys destroyed.
func (s *SE) remove(aid []byte) error {
	changes := []nvm.Change{{Key: registryKey(aid)}}
	for _, key := range s.mem.Keys(objectKey(aid, "")) {
		changes = append(changes, nvm.Change{Key: key, Scrub: true})
	}
	if err := s.mem.Commit(changes...); err != nil {
		return err
	}
	delete(s.instances, string(aid))
	return nil
}
