package card

import (
	"crypto/sha256"

	"mobileid/mdoc/cbor"
)

// statementContext keeps the signature from meaning anything else than card evidence for this project.
const statementContext = "MobileIDEvidence-1"

// maxFileHead is the most that the encoding adds to the content of a file: heads of an array, a number and a byte string.
const maxFileHead = 1 + 9 + 9

// Statement is what the card's signature key signs, by SHA-256 (version 1 of this project, docs/profile.md):
//
//	statement = ["MobileIDEvidence-1", challenge: bstr, binding: bstr, files-digest: bstr .size 32]
//	files-digest = SHA-256 of the encoding of [* [id: uint, content: bstr]], files in rising order of id
//
// Both ends call it. The encoding is deterministic (RFC 8949, 4.2.1).
func Statement(challenge, binding []byte, files []File) []byte {
	size := 0
	for _, f := range files {
		size += len(f.Content) + maxFileHead
	}
	list := cbor.AppendArrayHead(make([]byte, 0, size+maxFileHead), len(files))
	for _, f := range files {
		list = cbor.AppendArrayHead(list, 2)
		list = cbor.AppendUint(list, uint64(f.ID))
		list = cbor.AppendBytes(list, f.Content)
	}
	digest := sha256.Sum256(list)
	b := cbor.AppendArrayHead(nil, 4)
	b = cbor.AppendText(b, statementContext)
	b = cbor.AppendBytes(b, challenge)
	b = cbor.AppendBytes(b, binding)
	return cbor.AppendBytes(b, digest[:])
}

// digestInfoSHA256 is the DER DigestInfo of RFC 8017, 9.2 for SHA-256, up to the digest.
const digestInfoSHA256 = "\x30\x31\x30\x0D\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x01\x05\x00\x04\x20"

// digestInfo is what the card is given to sign: it puts PKCS#1 v1.5 padding round it and does not look inside.
func digestInfo(message []byte) []byte {
	d := sha256.Sum256(message)
	return append([]byte(digestInfoSHA256), d[:]...)
}
