package corpus

import (
	"bytes"
	"compress/flate"
	"crypto"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/binary"
	"math/big"
)

var (
	ecdsaSHA1   = asn1.ObjectIdentifier{1, 2, 840, 10045, 4, 1}
	ecdsaSHA256 = asn1.ObjectIdentifier{1, 2, 840, 10045, 4, 3, 2}
	ecdsaSHA384 = asn1.ObjectIdentifier{1, 2, 840, 10045, 4, 3, 3}
	rsaSHA256   = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 1, 11}
	rsaKey      = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 1, 1}
	ecPublicKey = asn1.ObjectIdentifier{1, 2, 840, 10045, 2, 1}
	brainpool   = asn1.ObjectIdentifier{1, 3, 36, 3, 3, 2, 8, 1, 1, 7}
	secp256k1   = asn1.ObjectIdentifier{1, 3, 132, 0, 10}
)

// body is RFC 5280, 4.1 TBSCertificate with each part as DER, to write what the Go library refuses to write.
type body struct {
	Version    int `asn1:"explicit,tag:0"`
	Serial     *big.Int
	Signature  pkix.AlgorithmIdentifier
	Issuer     asn1.RawValue
	Validity   asn1.RawValue
	Subject    asn1.RawValue
	SPKI       asn1.RawValue
	Extensions []pkix.Extension `asn1:"optional,explicit,tag:3"`
}

// rewritten takes a certificate apart, lets it be changed, and signs it again with key.
func rewritten(der []byte, key crypto.Signer, change func(*body)) []byte {
	c := must(x509.ParseCertificate(der))
	var b body
	_ = must(asn1.Unmarshal(c.RawTBSCertificate, &b))
	change(&b)
	return sealed(must(asn1.Marshal(b)), b.Signature, key)
}

// sealed signs a TBSCertificate under any algorithm identifier, with ECDSA whatever it says.
func sealed(tbs []byte, algorithm pkix.AlgorithmIdentifier, key crypto.Signer) []byte {
	digest, hash := sha256.Sum256(tbs), crypto.SHA256
	sum := digest[:]
	if algorithm.Algorithm.Equal(ecdsaSHA1) {
		short := sha1.Sum(tbs)
		sum, hash = short[:], crypto.SHA1
	}
	signature := must(key.Sign(nil, sum, hash))
	return must(asn1.Marshal(struct {
		TBS       asn1.RawValue
		Algorithm pkix.AlgorithmIdentifier
		Signature asn1.BitString
	}{asn1.RawValue{FullBytes: tbs}, algorithm, asn1.BitString{Bytes: signature, BitLength: 8 * len(signature)}}))
}

func subjectKey(algorithm, curve asn1.ObjectIdentifier, key []byte) asn1.RawValue {
	parameters := asn1.RawValue{Tag: asn1.TagNull}
	if curve != nil {
		parameters = asn1.RawValue{FullBytes: must(asn1.Marshal(curve))}
	}
	return asn1.RawValue{FullBytes: must(asn1.Marshal(struct {
		Algorithm pkix.AlgorithmIdentifier
		Key       asn1.BitString
	}{pkix.AlgorithmIdentifier{Algorithm: algorithm, Parameters: parameters}, asn1.BitString{Bytes: key, BitLength: 8 * len(key)}}))}
}

// rsaSubject is an RSA key whose modulus is a drawn number: nobody checks with it.
func rsaSubject(bits int) asn1.RawValue {
	n := draw("rsa modulus", bits/8)
	n[0] |= 0x80
	n[len(n)-1] |= 1
	return subjectKey(rsaKey, nil, must(asn1.Marshal(struct {
		N *big.Int
		E int
	}{new(big.Int).SetBytes(n), 65537})))
}

func foreignSubject(curve asn1.ObjectIdentifier) asn1.RawValue {
	return subjectKey(ecPublicKey, curve, append([]byte{4}, draw("foreign point", 64)...))
}

func nameOf(commonName string) []byte {
	return must(asn1.Marshal(pkix.Name{Country: []string{country}, Province: []string{state}, CommonName: commonName}.ToRDNSequence()))
}

// bomb is a zlib stream (RFC 1950) of size zero bytes. One block is compressed and written again and again.
func bomb(size int) []byte {
	const block = 1 << 20
	var b bytes.Buffer
	w := must(flate.NewWriter(&b, flate.BestCompression))
	write := func(n int) []byte {
		b.Reset()
		_ = must(w.Write(make([]byte, n)))
		_ = must(0, w.Flush())
		return bytes.Clone(b.Bytes())
	}
	out := []byte{0x78, 0xda}
	first := size % block
	if first == 0 {
		first = block
	}
	out = append(out, write(first)...)
	again := write(block)
	for range (size - first) / block {
		out = append(out, again...)
	}
	out = append(out, 0x03, 0x00) // an empty last block
	return binary.BigEndian.AppendUint32(out, uint32(size%65521)<<16|1)
}
