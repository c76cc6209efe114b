package cardsim

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rsa"
	"crypto/sha512"
	"errors"
	"fmt"
	"io"
	"math/big"
	"sync"
)

// SeededRand is a stream that the seed alone determines (AES-256 in counter mode, key and first counter being its SHA-384), safe for concurrent use. Cards and
// authorities made from it can be made again by whoever knows the seed: it is for test cards that two sides make for themselves.
func SeededRand(seed string) io.Reader {
	d := sha512.Sum384([]byte("mobileid modelled card " + seed))
	block, err := aes.NewCipher(d[:32])
	if err != nil {
		panic("cardsim: internal error: " + err.Error()) // 32 bytes are a key
	}
	return &stream{ctr: cipher.NewCTR(block, d[32:])}
}

type stream struct {
	mu  sync.Mutex // guards ctr
	ctr cipher.Stream
}

func (s *stream) Read(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(p)
	s.ctr.XORKeyStream(p, p)
	return len(p), nil
}

// SeededKeys makes RSA-2048 keys out of a stream, the same keys for the same stream. The standard library does not: its keys take their
// randomness from the system. It takes some 0.3 s a key.
func SeededKeys(random io.Reader) KeySource {
	var mu sync.Mutex // one key after the other, or their order would not hold
	return func() (*rsa.PrivateKey, error) {
		mu.Lock()
		defer mu.Unlock()
		for range 16 {
			key, err := seededKey(random)
			if err != nil {
				return nil, err
			}
			if key.N.BitLen() == 2048 && key.Validate() == nil {
				key.Precompute()
				return key, nil
			}
		}
		return nil, errors.New("cardsim: the stream gives no RSA key")
	}
}

func seededKey(random io.Reader) (*rsa.PrivateKey, error) {
	const exponent = 65537
	e, one := big.NewInt(exponent), big.NewInt(1)
	phi, n := big.NewInt(1), big.NewInt(1)
	key := &rsa.PrivateKey{PublicKey: rsa.PublicKey{E: exponent}}
	for range 2 {
		p, err := seededPrime(random, e)
		if err != nil {
			return nil, err
		}
		key.Primes = append(key.Primes, p)
		n.Mul(n, p)
		phi.Mul(phi, new(big.Int).Sub(p, one))
	}
	key.N, key.D = n, new(big.Int).ModInverse(e, phi)
	if key.D == nil {
		return nil, errors.New("cardsim: the exponent divides p-1")
	}
	return key, nil
}

// seededPrime is the first prime of 1024 bits at or after what the stream gives, with its two highest bits set and e no divisor of p-1.
func seededPrime(random io.Reader, e *big.Int) (*big.Int, error) {
	b := make([]byte, 128)
	if _, err := io.ReadFull(random, b); err != nil {
		return nil, fmt.Errorf("drawing a prime: %w", err)
	}
	b[0] |= 0xC0
	b[len(b)-1] |= 1
	start, p, rest := new(big.Int).SetBytes(b), new(big.Int), new(big.Int)
	divisible := sieve(start)
	for step := int64(0); ; step += 2 {
		if divisible(step) {
			continue
		}
		p.Add(start, big.NewInt(step))
		switch {
		case p.BitLen() != 1024:
			return nil, errors.New("cardsim: no prime before 2^1024")
		case rest.Mod(p, e).Cmp(big.NewInt(1)) != 0 && p.ProbablyPrime(20):
			return p, nil
		}
	}
}

// sieve tells whether start+step has an odd divisor below 2048, which halves the search.
func sieve(start *big.Int) func(step int64) bool {
	const limit = 2048
	type divisor struct{ prime, rest int64 }
	var divisors []divisor
	var composite [limit]bool
	for q := int64(3); q < limit; q += 2 {
		if composite[q] {
			continue
		}
		for m := q * q; m < limit; m += q {
			composite[m] = true
		}
		divisors = append(divisors, divisor{q, new(big.Int).Mod(start, big.NewInt(q)).Int64()})
	}
	return func(step int64) bool {
		for _, d := range divisors {
			if (d.rest+step)%d.prime == 0 {
				return true
			}
		}
		return false
	}
}
