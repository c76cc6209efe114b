package ledger

import (
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/elliptic"

	"mobileid/mdoc/cbor"
	"mobileid/tsm/se"
)

// Record reads a CBOR object of the instance; nil when there is none.
func Record[T any](p *se.Platform, name string) *T {
	raw, ok := p.Load(name)
	if !ok {
		return nil
	}
	v := new(T)
	if err := cbor.Unmarshal(raw, v); err != nil {
		return nil
	}
	return v
}

// Born makes a P-256 key and puts it into a transaction, where it destroys the former one of that name.
func Born(p *se.Platform, tx *se.Tx, name string) (*ecdsa.PrivateKey, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), p.Rand())
	if err != nil {
		return nil, err
	}
	scalar, err := key.Bytes()
	if err != nil {
		return nil, err
	}
	defer clear(scalar)
	tx.Replace(name, scalar)
	return key, nil
}

// SigningKey reads a key that [Born] made; nil when there is none.
func SigningKey(p *se.Platform, name string) *ecdsa.PrivateKey {
	return key(p, name, func(raw []byte) (*ecdsa.PrivateKey, error) { return ecdsa.ParseRawPrivateKey(elliptic.P256(), raw) })
}

// AgreementKey reads a key that [Born] made, for key agreement; nil when there is none.
func AgreementKey(p *se.Platform, name string) *ecdh.PrivateKey {
	return key(p, name, ecdh.P256().NewPrivateKey)
}

func key[K any](p *se.Platform, name string, parse func([]byte) (*K, error)) *K {
	raw, ok := p.Load(name)
	if !ok {
		return nil
	}
	defer clear(raw)
	k, err := parse(raw)
	if err != nil {
		return nil
	}
	return k
}
