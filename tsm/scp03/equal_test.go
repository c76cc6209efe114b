package scp03

import (
	"bytes"
	"crypto/cipher"
	"fmt"
	"testing"

	"mobileid/mdoc/apdu"
	"mobileid/tsm/cmac"
)

// counted counts the blocks a cipher object works on.
type counted struct {
	cipher.BlockMode
	blocks int
}

func (c *counted) CryptBlocks(dst, src []byte) {
	c.blocks += len(src) / blockSize
	c.BlockMode.CryptBlocks(dst, src)
}

// work is what a card did for one command besides its MAC.
type work struct{ encrypted, decrypted, searched int }

// A wrong MAC costs the card what wrong padding behind a right MAC costs, counted in blocks of the cipher and bytes gone over:
// for every length, level and mode.
func TestE1FaultsCostAlike(t *testing.T) {
	keys, pairs := goodKeys(t, 16), 0
	everySession(t, func(t *testing.T, o Option, l Level) {
		for _, n := range []int{1, 15, 16, 17, 31, 32, 47, 48, 160, 224, 239, 240, 1008, 4000} {
			cost := func(c apdu.Command, spoil func(mac []byte)) (work, bool) {
				_, cs := openDrawn(t, keys, o, l, bytes.NewReader(run(0x20, 16)))
				c.Data = bytes.Clone(c.Data)
				if whole := n / blockSize * blockSize; whole > 0 && l.Has(CommandEncryption) {
					copy(c.Data, encryptRaw(cs, 1, c.Data[:whole])) // 55 throughout: no padding
				}
				c = forge(t, cs, c)
				spoil(c.Data[n:])
				encrypter, decrypter := &counted{BlockMode: cs.ch.encrypter}, &counted{BlockMode: cs.ch.decrypter}
				cs.ch.encrypter, cs.ch.decrypter, cs.ch.searched = encrypter, decrypter, 0
				_, ok := cs.unwrap(nil, c)
				return work{encrypter.blocks, decrypter.blocks, cs.ch.searched}, ok
			}
			c := apdu.Command{CLA: 0x84, INS: 0xE2, Data: bytes.Repeat([]byte{0x55}, n), Extended: n > 239}
			right, taken := cost(c, func([]byte) {})
			wrong, ok := cost(c, func(mac []byte) { mac[0] ^= 1 })
			want := work{}
			if blocks := n / blockSize; blocks > 0 && l.Has(CommandEncryption) {
				want = work{1, blocks, blockSize + blocks*blockSize}
			}
			if ok || taken == l.Has(CommandEncryption) {
				t.Errorf("%d bytes: taken %v and %v", n, taken, ok)
			}
			if wrong != want || right != want {
				t.Errorf("%d bytes: a wrong MAC costs %+v, wrong padding %+v, want %+v", n, wrong, right, want)
			}
			pairs++
		}
	})
	t.Logf("E1: %d pairs of a wrong MAC and wrong padding cost the same blocks and bytes", pairs)
	if pairs != 140 {
		t.Error("some variants are not accounted for")
	}
}

// EXTERNAL AUTHENTICATE with a right MAC over a class that announces no secure messaging, or another kind, opens nothing.
func TestE1ExternalAuthenticateClass(t *testing.T) {
	keys := goodKeys(t, 16)
	for _, tc := range []struct {
		class byte
		want  apdu.SW
	}{{0x84, apdu.OK}, {0x85, apdu.OK}, {0x80, apdu.SecurityStatus}, {0x8C, apdu.SecurityStatus}, {0x88, apdu.SecurityStatus}} {
		t.Run(fmt.Sprintf("%02X", tc.class), func(t *testing.T) {
			store := &memorySet{keys: keys}
			card := newTestCard(t, store)
			h, err := NewHost(keys, nil)
			if err != nil {
				t.Fatal(err)
			}
			external, hs, err := h.Authenticate(card.InitializeUpdate(h.InitializeUpdate(), testAID), Full)
			if err != nil {
				t.Fatal(err)
			}
			external.CLA, hs.ch.mcv = tc.class, [blockSize]byte{}
			mac := hs.ch.commandMAC(external, external.Data[:S8])
			copy(external.Data[S8:], mac[:S8])
			r, s := card.ExternalAuthenticate(external)
			if r.SW != tc.want || (s != nil) != (tc.want == apdu.OK) || (store.state.Failures == 0) != (tc.want == apdu.OK) {
				t.Errorf("%v, %d failures", r.SW, store.state.Failures)
			}
		})
	}
}

// The end of a session leaves nothing of its keys in the objects that had them, on either side.
func TestKeysErasedAtTheEnd(t *testing.T) {
	for name, end := range map[string]func(hs *HostSession, cs *CardSession){
		"closed": func(hs *HostSession, cs *CardSession) { hs.Close(); cs.Close() },
		"a fault": func(hs *HostSession, cs *CardSession) {
			_, ticket, err := hs.Wrap(storeData)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := hs.Unwrap(ticket, apdu.Response{SW: apdu.OK}); err == nil {
				t.Fatal("an answer without R-MAC was taken")
			}
			if _, err := cs.Unwrap(apdu.Command{CLA: 0x80}); err == nil {
				t.Fatal("a plain command was taken")
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			hs, cs := openAt(t, goodKeys(t, 16), OptionPseudoRandom, Full)
			macs := []*cmac.MAC{hs.ch.mac, hs.ch.rmac, cs.ch.mac, cs.ch.rmac}
			end(hs, cs)
			for i, m := range macs {
				if *m != (cmac.MAC{}) {
					t.Errorf("MAC key %d of 4 is still there", i+1)
				}
			}
		})
	}
}
