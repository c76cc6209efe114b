package corpus

import (
	"crypto"
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/hmac"
	"crypto/sha256"
	_ "crypto/sha512" // the digests of the MSO
	"time"

	"mobileid/mdoc/cose"
	"mobileid/mdoc/transcript"
)

const (
	docType  = "org.iso.18013.5.1.mDL"
	spaceMDL = "org.iso.18013.5.1"
	spaceJP  = "org.iso.18013.5.1.JP"
	listURI  = "https://issuer.example/v1/status-lists/1"
	stamp    = "2006-01-02T15:04:05Z"

	listIndex = 4711
)

// element is one issuer-signed element of a presentation.
type element struct {
	space, id string
	value     *node
}

// presentation is a good answer in parts, and at which stage of its making a case spoils it. What is changed before a stage is
// digested, signed or MACed by the stages after it.
type presentation struct {
	a        *authority
	elements []element
	request  func() []byte // the DeviceRequest that is answered
	extra    []element     // asked for besides the elements

	hash      crypto.Hash
	signer    crypto.Signer
	signerAlg cose.Algorithm
	chain     [][]byte
	device    crypto.Signer // the device key: ECDSA or Ed25519
	proofKey  crypto.Signer // makes the proof; the device key unless a case says otherwise
	byMAC     bool
	reader    *ecdh.PrivateKey // the reader's ephemeral key, as the verifier has it
	macReader *ecdh.PrivateKey // the one the device used
	session   transcript.Transcript
	signed    transcript.Transcript // the transcript that the device signed
	signedDoc string                // the docType that the device signed
	anchors   [][]byte
	token     []byte
	crls      [][]byte // revocation lists, in the order they came
	at        time.Time

	onItem      func(e element, item *node) // before the digests
	onMSO       func(mso *node)
	onPayload   func(payload []byte) []byte
	onHeaders   func(protected, unprotected *node)
	onProtected func(raw []byte) []byte
	onAuth      func(auth *node) // issuerAuth, after it was signed
	onSpoil     func(e element, item *node)
	onSpaces    func(spaces *node) // nameSpaces, after it was signed
	onDevice    func(spaces *node)
	onDeviceRaw func(raw []byte) []byte // DeviceNameSpacesBytes, before the proof
	onProofHead func(protected, unprotected *node)
	onProof     func(proof *node) // deviceSignature or deviceMac, after it was made
	onDocument  func(document *node)
	onResponse  func(response *node)
	onRaw       func(raw []byte) []byte
}

func newPresentation(a *authority) *presentation {
	p := &presentation{a: a, hash: crypto.SHA256, signer: a.dsKey, signerAlg: cose.ES256, chain: [][]byte{a.ds}, device: a.deviceKey,
		reader: agreementKey("reader ephemeral"), signedDoc: docType, anchors: [][]byte{a.iaca.Raw}, at: now,
		elements: []element{
			{spaceMDL, "family_name", text("試験")},
			{spaceMDL, "birth_date", fullDate("1990-01-02")},
			{spaceMDL, "issuing_country", text(country)},
			{spaceMDL, "issuing_jurisdiction", text(state)},
			{spaceMDL, "age_over_18", boolean(true)},
			{spaceMDL, "age_over_21", boolean(true)},
			{spaceMDL, "portrait", bstr(draw("portrait", 64))},
			{spaceJP, "full_name", text("試験　花子")},
		}}
	p.session = qrSession("first", p.reader)
	p.token = newToken(a).build()
	p.crls = [][]byte{a.crl(func(*revocation) {})}
	return p
}

// qrSession is the transcript of a QR engagement with a device key of that name.
func qrSession(name string, reader *ecdh.PrivateKey) transcript.Transcript {
	return must(transcript.QR(encode(engagementNode(agreementKey("device ephemeral "+name).PublicKey())), encode(embed(keyNode(reader.PublicKey())))))
}

// build makes the DeviceResponse.
func (p *presentation) build() []byte {
	response := mapOf("version", text("1.0"), "documents", array(p.document()), "status", uinteger(0))
	call(p.onResponse, response)
	raw := encode(response)
	if p.onRaw != nil {
		raw = p.onRaw(raw)
	}
	return raw
}

func (p *presentation) document() *node {
	issuerSigned := p.issuerSigned()
	device := mapOf()
	call(p.onDevice, device)
	deviceBytes := embedBytes(encode(device))
	if p.onDeviceRaw != nil {
		deviceBytes = p.onDeviceRaw(deviceBytes)
	}
	document := mapOf("docType", text(docType), "issuerSigned", issuerSigned,
		"deviceSigned", mapOf("nameSpaces", verbatim(deviceBytes...), "deviceAuth", p.deviceAuth(deviceBytes)))
	call(p.onDocument, document)
	return document
}

func (p *presentation) issuerSigned() *node {
	items := make([]*node, len(p.elements))
	digests := mapOf()
	for i, e := range p.elements {
		items[i] = mapOf("digestID", uinteger(digestID(i)), "random", bstr(draw("salt "+e.space+e.id, 16)), "elementIdentifier", text(e.id),
			"elementValue", e.value)
		if p.onItem != nil {
			p.onItem(e, items[i])
		}
		if !digests.has(e.space) {
			digests.set(e.space, mapOf())
		}
		h := p.hash.New()
		h.Write(encode(embed(items[i])))
		digests.get(e.space).set(int(digestID(i)), bstr(h.Sum(nil)))
	}
	auth := p.issuerAuth(digests)
	spaces := mapOf()
	for i, e := range p.elements {
		if p.onSpoil != nil {
			p.onSpoil(e, items[i])
		}
		if !spaces.has(e.space) {
			spaces.set(e.space, array())
		}
		list := spaces.get(e.space)
		list.items = append(list.items, embed(items[i]))
	}
	call(p.onSpaces, spaces)
	return mapOf("nameSpaces", spaces, "issuerAuth", auth)
}

// digestID is a fixed permutation, so that no id is the place of its element.
func digestID(i int) uint64 { return uint64((5*i + 3) % 64) }

func (p *presentation) issuerAuth(digests *node) *node {
	mso := p.mso(digests)
	call(p.onMSO, mso)
	payload := encode(embed(mso))
	if p.onPayload != nil {
		payload = p.onPayload(payload)
	}
	protected, unprotected := mapOf(1, integer(int64(p.signerAlg))), mapOf(33, chainNode(p.chain))
	if p.onHeaders != nil {
		p.onHeaders(protected, unprotected)
	}
	raw := encode(protected)
	if p.onProtected != nil {
		raw = p.onProtected(raw)
	}
	signature := signBytes(p.signer, p.signerAlg, structure("Signature1", raw, payload))
	auth := array(bstr(raw), unprotected, bstr(payload), bstr(signature))
	call(p.onAuth, auth)
	return auth
}

func (p *presentation) mso(digests *node) *node {
	name := map[crypto.Hash]string{crypto.SHA256: "SHA-256", crypto.SHA384: "SHA-384", crypto.SHA512: "SHA-512"}[p.hash]
	return mapOf("version", text("1.0"), "digestAlgorithm", text(name), "valueDigests", digests,
		"deviceKeyInfo", mapOf("deviceKey", keyNode(p.device.Public())), "docType", text(docType),
		"validityInfo", mapOf("signed", at(-48*time.Hour), "validFrom", at(-24*time.Hour), "validUntil", at(30*24*time.Hour)),
		"status", mapOf("status_list", mapOf("idx", uinteger(listIndex), "uri", text(listURI))))
}

// at is a tdate so long after the time of the judgement.
func at(d time.Duration) *node { return tdate(now.Add(d).Format(stamp)) }

func chainNode(chain [][]byte) *node {
	if len(chain) == 1 {
		return bstr(chain[0])
	}
	list := array()
	for _, c := range chain {
		list.items = append(list.items, bstr(c))
	}
	return list
}

// deviceAuth proves the device's part by signature or MAC over the transcript p.signed.
func (p *presentation) deviceAuth(deviceBytes []byte) *node {
	session := p.signed
	if session.IsZero() {
		session = p.session
	}
	content := encode(array(text("DeviceAuthentication"), verbatim(session.Array()...), text(p.signedDoc), verbatim(deviceBytes...)))
	payload := embedBytes(content)
	key := p.proofKey
	if key == nil {
		key = p.device
	}
	alg, name, context := must(cose.AlgorithmFor(key.Public())), "deviceSignature", "Signature1"
	if p.byMAC {
		alg, name, context = cose.HMAC256, "deviceMac", "MAC0"
	}
	protected, unprotected := mapOf(1, integer(int64(alg))), mapOf()
	if p.onProofHead != nil {
		p.onProofHead(protected, unprotected)
	}
	raw := encode(protected)
	toProve := structure(context, raw, payload)
	var proof []byte
	if p.byMAC {
		proof = p.mac(key, session, toProve)
	} else {
		proof = signBytes(key, alg, toProve)
	}
	message := array(bstr(raw), unprotected, null(), bstr(proof))
	call(p.onProof, message)
	return mapOf(name, message)
}

func (p *presentation) mac(key crypto.Signer, session transcript.Transcript, toMAC []byte) []byte {
	reader := p.macReader
	if reader == nil {
		reader = p.reader
	}
	private := must(key.(*ecdsa.PrivateKey).ECDH())
	h := hmac.New(sha256.New, must(transcript.EMacKey(private, reader.PublicKey(), session)))
	h.Write(toMAC)
	return h.Sum(nil)
}

// asked is the DeviceRequest that the answer answers: each element and each one in extra.
func (p *presentation) asked() []byte {
	if p.request != nil {
		return p.request()
	}
	return encode(mapOf("version", text("1.0"), "docRequests", array(mapOf("itemsRequest", embed(itemsRequest(docType, append(p.elements[:len(p.elements):len(p.elements)], p.extra...)))))))
}

func itemsRequest(docType string, elements []element) *node {
	spaces := mapOf()
	for _, e := range elements {
		if !spaces.has(e.space) {
			spaces.set(e.space, mapOf())
		}
		spaces.get(e.space).set(e.id, boolean(false))
	}
	return mapOf("docType", text(docType), "nameSpaces", spaces)
}

func call(edit func(*node), n *node) {
	if edit != nil {
		edit(n)
	}
}

// responseCase makes the case of a presentation.
func (p *presentation) responseCase(l label, base string) Case {
	c := l.of(DeviceResponse, base)
	c.At, c.URI = p.at, listURI
	c.add("response", p.build())
	c.add("request", p.asked())
	c.add("transcript", p.session.Array())
	if p.reader != nil {
		c.add("reader_key", p.reader.Bytes())
	}
	c.add("anchor", p.anchors...)
	c.add("crl", p.crls...)
	if p.token != nil {
		c.add("status_token", p.token)
	}
	return c
}
