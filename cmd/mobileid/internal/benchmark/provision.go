package benchmark

import (
	"context"
	"crypto"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"mobileid/cmd/internal/serve"
	"mobileid/mdoc/apdu"
	"mobileid/mdoc/cose"
	"mobileid/tsm/gp"
	"mobileid/tsm/scp03"
)

// extendedData is the command data of an element that takes extended length: it holds blocks of 4 KiB.
const extendedData = 4 << 10

// provisionExchanges counts what one provisioning takes, with short and with extended commands.
func provisionExchanges(ctx context.Context, _ harness, w *world, p *printer) (err error) {
	m, err := newManager(ctx, w, 1)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, m.close()) }()
	for _, form := range []struct {
		name string
		data int
	}{{"short", 0}, {"extended", extendedData}} {
		e, err := m.newElement(m.dir, form.data)
		if err != nil {
			return err
		}
		order, err := m.order(e)
		if err != nil {
			return errors.Join(err, e.Close())
		}
		res, err := m.provision(ctx, e, order)
		if err := errors.Join(err, m.committed(ctx, order), e.Close()); err != nil {
			return err
		}
		p.count("provision_exchanges_"+form.name, res.APDUs)
		if form.data == 0 {
			n := int(m.sealed.Load())
			p.comment("%d bytes sealed: 2 + %d blocks + 8 = %d exchanges; %d HTTP requests", n, (n+238)/239, 2+(n+238)/239+8, res.RoundTrips)
			p.count("provision_round_trips", res.Managed)
		}
	}
	return nil
}

// channelCost compares what SCP03 costs a provisioning at both ends with one signature: the handshake, a document's bytes in
// short commands, wrapped, unwrapped and answered, and each answer checked. The figure is of AES-128 keys, as others give theirs;
// the sets that the manager derives are AES-256 always, whose cost a comment tells.
func channelCost(ctx context.Context, h harness, w *world, p *printer) error {
	for _, size := range []int{32, 16} {
		m, commands, err := channelOf(ctx, h, w, size)
		if err != nil {
			return err
		}
		p.comment("SCP03 with AES-%d of %d bytes in %d commands at both ends %s, one RFC 6979 signature %s: %.3f", 8*size, provisionedBytes, commands, m.function, m.floor, m.ratio)
		if size == 16 {
			p.ratio("provision_cpu_over_sign", m.ratio)
		}
	}
	return nil
}

func channelOf(ctx context.Context, h harness, w *world, size int) (m measured, commands int, err error) {
	keys := scp03.Keys{ENC: make([]byte, size), MAC: make([]byte, size), DEK: make([]byte, size), Version: keyVersion}
	for _, k := range [][]byte{keys.ENC, keys.MAC, keys.DEK} {
		_, _ = rand.Read(k)
	}
	card, err := scp03.NewCard(scp03.CardConfig{Keys: &keySet{keys: keys}, KDD: make([]byte, 10), Option: scp03.OptionPseudoRandom})
	if err != nil {
		return m, 0, err
	}
	blocks, err := gp.StoreData(make([]byte, provisionedBytes), gp.BlockSize, true)
	if err != nil {
		return m, 0, err
	}
	digest := sha256.Sum256([]byte("a digest"))
	signer := cose.Deterministic(w.signer.key)
	sign := func() error { _, err := signer.Sign(nil, digest[:], crypto.SHA256); return err }
	script := make([]byte, 0, provisionedBytes+len(blocks)*wrapping)
	m, err = h.compare(ctx, func() error { return throughChannel(card, keys, blocks, script) }, sign)
	return m, len(blocks), err
}

// provisionedBytes is the size of a sealed document for channelCost.
const provisionedBytes = 27_000

// wrapping is the most that padding and MAC add to a command.
const wrapping = 32

// throughChannel opens a session and carries the commands over it as a script: all are wrapped, into the memory given, before the
// first is sent.
func throughChannel(card *scp03.Card, keys scp03.Keys, commands []apdu.Command, script []byte) error {
	host, err := scp03.NewHostWith(keys, scp03.HostConfig{AID: []byte(gp.ISD)})
	if err != nil {
		return err
	}
	external, hostEnd, err := host.Authenticate(card.InitializeUpdate(host.InitializeUpdate(), []byte(gp.ISD)), scp03.Full)
	if err != nil {
		return err
	}
	opened, cardEnd := card.ExternalAuthenticate(external)
	if err := hostEnd.Opened(opened); err != nil {
		return err
	}
	wrapped, tickets := make([]apdu.Command, len(commands)), make([]scp03.Ticket, len(commands))
	for i, c := range commands {
		if wrapped[i], tickets[i], err = hostEnd.AppendWrap(script, c); err != nil {
			return err
		}
		script = script[:len(script)+len(wrapped[i].Data)]
	}
	answers := make([]byte, 0, 256)
	for i, c := range wrapped {
		plain, err := cardEnd.AppendUnwrap(c.Data[:0], c)
		if err != nil {
			return err
		}
		answer := apdu.Response{SW: apdu.OK}
		if i == len(wrapped)-1 {
			answer.Data = plain.Data[:min(len(plain.Data), 191)] // the size of a receipt
		}
		answer = cardEnd.AppendWrap(answers, answer)
		if _, err := hostEnd.AppendUnwrap(answer.Data[:0], tickets[i], answer); err != nil {
			return err
		}
	}
	hostEnd.Close()
	return nil
}

// keySet is one key set in memory.
type keySet struct {
	keys  scp03.Keys
	state scp03.SetState
}

func (k *keySet) KeySet(byte) (scp03.Keys, error) { return k.keys.Clone(), nil }

func (k *keySet) SetState(byte) (scp03.SetState, error) { return k.state, nil }

// StoreSetState counts on, and begins again before the counter ends.
func (k *keySet) StoreSetState(_ byte, s scp03.SetState) error {
	k.state = s
	k.state.Counter %= scp03.MaxCounter - 1
	return nil
}

// The rate is taken over many phones at once, each with an element of its own whose slot is renewed again and again. The first
// provisioning of each, which installs, has a rate of its own.
const (
	ratePhones   = 32
	ratePerRound = 16 // provisionings for each round of the harness
)

// provisionRate counts the renewals of a second: order in, job, scripts, issuer, receipt, with the manager's store and
// the elements' files on disk. As in the manager's program, there is room for syncs.
func provisionRate(ctx context.Context, h harness, w *world, p *printer) error {
	defer serve.RoomForSyncs()()
	onDisk, first, err := rateWith(ctx, h, w, "")
	if err != nil {
		return err
	}
	p.comment("%d phones, GOMAXPROCS %d on %d cores, renewals in place with blocks of 4 KiB and AES-256; the first provisioning of each, which installs: %.0f a second",
		ratePhones, runtime.GOMAXPROCS(0), runtime.NumCPU(), first)
	if memory, err := os.MkdirTemp("/dev/shm", "mobileid-bench-"); err == nil {
		inMemory, firstInMemory, err := rateWith(ctx, h, w, memory)
		if err := errors.Join(err, os.RemoveAll(memory)); err != nil {
			return err
		}
		p.comment("with the elements' files in memory, the manager's store on disk: %.0f renewals a second, %.0f first provisionings", inMemory, firstInMemory)
	}
	p.count("provisionings_per_s", int(onDisk))
	return nil
}

// rateWith measures renewals and first provisionings with the elements' files in a folder, or beside the manager's store.
func rateWith(ctx context.Context, h harness, w *world, folder string) (renewals, firsts float64, err error) {
	m, err := newManager(ctx, w, ratePhones)
	if err != nil {
		return 0, 0, err
	}
	defer func() { err = errors.Join(err, m.close()) }()
	if folder == "" {
		folder = m.dir
	}
	phones := min(ratePhones, h.rounds*ratePerRound)
	elements := make([]element, phones)
	for i := range elements {
		if elements[i], err = m.newElement(folder, extendedData); err != nil {
			return 0, 0, err
		}
		defer func() { err = errors.Join(err, elements[i].Close()) }()
	}
	each := max(1, h.rounds*ratePerRound/phones)
	orders := make([][][]byte, phones)
	for i := range orders {
		for range each + 1 {
			order, err := m.order(elements[i])
			if err != nil {
				return 0, 0, err
			}
			orders[i] = append(orders[i], order)
		}
	}
	perSecond := func(first, last int) (float64, error) {
		runtime.GC()
		begun := time.Now()
		err := m.together(ctx, elements, orders, first, last)
		return float64(phones*(last-first)) / time.Since(begun).Seconds(), err
	}
	if firsts, err = perSecond(0, 1); err != nil {
		return 0, 0, err
	}
	renewals, err = perSecond(1, each+1)
	return renewals, firsts, err
}

// together lets all phones come by at once, each for its orders from the first up to the last.
func (m *manager) together(ctx context.Context, elements []element, orders [][][]byte, first, last int) error {
	var running sync.WaitGroup
	var failed atomic.Pointer[error]
	for i, e := range elements {
		running.Go(func() {
			for _, order := range orders[i][first:last] {
				_, err := m.provision(ctx, e, order)
				if err := errors.Join(err, m.committed(ctx, order)); err != nil {
					failed.CompareAndSwap(nil, &err)
					return
				}
			}
		})
	}
	running.Wait()
	if err := failed.Load(); err != nil {
		return fmt.Errorf("provisioning: %w", *err)
	}
	return nil
}
