package card

import (
	"crypto/sha256"

	"mobileid/mdoc/cbor"
)

// statementContext keeps the signature from meaning anything else than card evidence for this project.
const statementContext = "MobileIDEvidence-1"

// Statement is what the card's signature key signs, by SHA-256 (version 1 of this project, docs/profile.md):
//
//	statement = ["MobileIDEvidence-1", challenge: bstr, binding: bstr, files-digest: bstr .size 32]
//	files-digest = SHA-256 of the encoding of [* [id: uint, content: bstr]], files in rising order of id
//
// Both ends call it. The encoding is deterministic (RFC 8949, 4.2.1).
func Statement(challenge, binding []byte, files []File) []byte {
	h := sha256.New()
	head := cbor.AppendArrayHead(nil, len(files))
	for _, f := range files {
		head = cbor.AppendArrayHead(head, 2)
		head = cbor.AppendUint(head, uint64(f.ID))
		head = cbor.AppendBytesHead(head, len(f.Content))
		h.Write(head)
		h.Write(f.Content)
		head = head[:0]
	}
	h.Write(head) // of no files
	b := cbor.AppendArrayHead(nil, 4)
	b = cbor.AppendText(b, statementContext)
	b = cbor.AppendBytes(b, challenge)
	b = cbor.AppendBytes(b, binding)
	return cbor.AppendBytes(b, h.Sum(nil))
}

// digestInfoSHA256 is the DER DigestInfo of RFC 8017, 9.2 for SHA-256, up to the digest.
const digestInfoSHA256 = "\x30\x31\x30\x0D\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x01\x05\x00\x04\x20"

// digestInfo is what the card is given to sign: it puts PKCS#1 v1.5 padding round it and does not look inside.
func digestInfo(message []byte) []byte {
	d := sha256.Sum256(message)
	return append([]byte(digestInfoSHA256), d[:]...)
}
