package mdoc

import (
	"bytes"
	"cmp"
	"crypto"
	"crypto/sha256"
	"crypto/x509"
	"errors"
	"strings"
	"time"

	"mobileid/mdoc/cose"
	"mobileid/mdoc/pki"
	"mobileid/mdoc/verdict"
)

const (
	clauseIssuerAuth = "ISO/IEC 18013-5:2021, 9.1.2.4"
	clauseMSOCheck   = "ISO/IEC 18013-5:2021, 9.3.1"

	minRandom   = 16      // ISO/IEC 18013-5:2021, 9.1.2.5
	digestIDEnd = 1 << 31 // the same: every digestID is smaller
)

// issuerChecks are the ids of the issuer-signed part, in the order they are carried out. The chain.* ids of package pki come
// after issuer_auth.shape.
var issuerChecks = [...]string{
	"issuer_auth.shape", "issuer_auth.chain", "issuer_auth.signature", "mso.shape", "mso.version", "mso.digest_algorithm",
	"mso.digest", "mso.digest_id", "mso.random", "mso.element_unique", "mso.validity.order", "mso.validity.signed", "mso.validity.window",
}

// issuerJudgement is what the checks of the issuer-signed part found.
type issuerJudgement struct {
	verdict.Verdict
	said  *texts
	sign1 *cose.Sign1
	chain *pki.Chain
	mso   *MobileSecurityObject
	// deviceKey is the public half of the MSO's device key, set with mso; nil for one that agrees on keys and does not sign.
	deviceKey crypto.PublicKey
}

// CheckIssuerSigned judges the issuer-signed part on its own, at the time at, without tolerance for clocks: the steps of
// ISO/IEC 18013-5:2021, 9.3.1. We are strict in what we make: in addition to what Verify demands of others, validUntil must lie
// within the signer certificate's validity (check mso.validity.until), and nothing may be there that Verify only tolerates, nor
// anything that docs/profile.md excludes (check issuer_auth.strict). The revocation of the signer is not asked: it is about the time of a presentation. The error tells
// a caller's mistake only.
func (s *IssuerSigned) CheckIssuerSigned(anchors *pki.Anchors, at time.Time) (verdict.Verdict, error) {
	if anchors == nil {
		return verdict.Verdict{}, errors.New("checking IssuerSigned: no trust anchors given")
	}
	if at.IsZero() {
		return verdict.Verdict{}, errors.New("checking IssuerSigned: no time given")
	}
	j := s.judge(verdict.Verdict{}, new(texts), anchors, at, 0)
	s.judgeForm(&j)
	s.judgeStrict(&j)
	const id, clause = "mso.validity.until", "ISO/IEC 18013-5 second edition, 12.3"
	if j.mso == nil || j.chain == nil {
		j.NotRun(id, clause, "no MSO or no certificate to compare")
		return j.Verdict, nil
	}
	until := j.mso.ValidityInfo.ValidUntil.Time()
	j.Record(id, clause, !until.After(j.chain.Leaf.NotAfter),
		j.said.measured("valid until ", until, ", certificate until ", j.chain.Leaf.NotAfter))
	return j.Verdict, nil
}

// documentChecks and responseChecks are how many checks an ordinary answer gets; their room is made at once.
const (
	documentChecks = 39
	responseChecks = 8
)

// judgeStrict refuses every deviation that was tolerated, and what Verify does not ask about.
func (s *IssuerSigned) judgeStrict(j *issuerJudgement) {
	const id, clause = "issuer_auth.strict", "docs/profile.md"
	tolerated := ""
	for _, c := range j.Checks {
		if strings.HasPrefix(c.ID, "tolerance.") {
			tolerated = c.ID + ": " + c.Measured
			break
		}
	}
	if tolerated == "" && j.mso == nil {
		j.NotRun(id, clause, "no MSO")
		return
	}
	if tolerated == "" {
		tolerated = s.deviation(j)
	}
	j.Record(id, clause, tolerated == "", cmp.Or(tolerated, "no deviation"))
}

// deviation names what is in no document made here, though a reader takes it; nothing if there is none. Sign1 and MSO are there.
func (s *IssuerSigned) deviation(j *issuerJudgement) string {
	switch {
	case j.sign1.ProtectedBesides(headerAlg, headerX5T) > 0:
		return "protected parameters besides alg and x5t"
	case j.mso.DocType == "":
		return "an empty docType"
	case len(j.mso.ValueDigests) == 0:
		return "no valueDigests"
	case s.randomTwice():
		return "two items with one random value"
	}
	for _, ns := range j.mso.ValueDigests {
		_, items := s.NameSpaces.Get(ns.Key) // with items, mso.element_unique fails
		if ns.Key == "" && !items || len(ns.Value) == 0 {
			return "a namespace of valueDigests without a name or digests"
		}
	}
	return j.mso.Status.deviation()
}

// randomTwice reports whether two elements share a random value; mso.element_unique judges an element given twice.
func (s *IssuerSigned) randomTwice() bool {
	seen := map[string]string{}
	for _, ns := range s.NameSpaces {
		for i := range ns.Value {
			random, element := string(ns.Value[i].Value.Random), ns.Key+"\x00"+ns.Value[i].Value.ElementIdentifier
			if other, drawn := seen[random]; drawn && other != element {
				return true
			}
			seen[random] = element
		}
	}
	return false
}

// judge carries out the checks of the issuer-signed part and adds them to room. Those that could not be carried out are listed
// as not run, those of the path too when anchors is nil.
func (s *IssuerSigned) judge(room verdict.Verdict, said *texts, anchors *pki.Anchors, at time.Time, skew time.Duration) issuerJudgement {
	j := issuerJudgement{Verdict: room, said: said}
	j.Grow(documentChecks)
	s.judgeSignature(&j, anchors, at)
	s.judgeMSO(&j, at, skew)
	if j.mso != nil { // all were reached
		return j
	}
	why := "not reached: issuerAuth could not be read"
	if j.sign1 != nil {
		why = "not reached: the MSO or its device key is not usable"
	}
	for _, id := range issuerChecks {
		if _, listed := j.Outcome(id); !listed {
			j.NotRun(id, clauseIssuerAuth, why)
		}
	}
	return j
}

func (s *IssuerSigned) judgeSignature(j *issuerJudgement, anchors *pki.Anchors, at time.Time) {
	sign1, err := s.Sign1()
	if err != nil {
		j.Fail("issuer_auth.shape", clauseIssuerAuth, err.Error())
		return
	}
	if sign1.Payload() == nil {
		j.Fail("issuer_auth.shape", clauseIssuerAuth, "the payload is detached")
		return
	}
	certificates, err := sign1.X5Chain()
	if err != nil {
		j.Fail("issuer_auth.shape", clauseIssuerAuth, err.Error())
		return
	}
	j.Pass("issuer_auth.shape", clauseIssuerAuth, "COSE_Sign1 with x5chain")
	judgeX5Chain(&j.Verdict, sign1, len(certificates), clauseIssuerAuth)
	j.sign1 = sign1
	// Step 1: the certificate chain leads to a trusted root.
	path := j.Part()
	chain := checkPath(&path, anchors, certificates, at)
	j.Append(path)
	if path.OK() {
		j.Pass("issuer_auth.chain", clauseMSOCheck, j.said.measured(len(path.Checks), " checks of the path"))
	} else { // the check that failed is among those of the path
		j.NotRun("issuer_auth.chain", clauseMSOCheck, "the path did not hold")
	}
	j.chain = chain
	if present, err := sign1.CheckX5T(certificates[0]); present {
		j.Record("issuer_auth.x5t", "ISO/IEC 18013-5 second edition, 12.3", err == nil, "x5t against the first certificate of x5chain")
	}
	// Step 2: the signature holds under the leaf's key.
	key, err := leafKey(chain, certificates)
	if err != nil {
		j.NotRun("issuer_auth.signature", clauseMSOCheck, "the signer certificate has no usable key")
		return
	}
	err = sign1.Verify(key)
	j.Record("issuer_auth.signature", clauseMSOCheck, err == nil, measuredSignature(sign1, err))
}

func checkPath(v *verdict.Verdict, anchors *pki.Anchors, certificates [][]byte, at time.Time) *pki.Chain {
	if anchors == nil {
		v.Append(pki.Unchecked(pki.DocumentSigner, "no anchors for this type of document"))
		return nil
	}
	chain, _ := anchors.Judge(v, certificates, pki.DocumentSigner, at) // an error is about the anchors or the profile, which are there
	return chain
}

// judgeX5Chain names how an x5chain deviates from RFC 9360 and ISO/IEC 18013-5:2021, 9.1.2.4 where that changes nothing.
func judgeX5Chain(v *verdict.Verdict, s *cose.Sign1, certificates int, clause string) {
	if certificates == 1 && s.X5ChainIsArray() {
		v.Pass("tolerance.x5chain_array", clause, "one certificate in an array")
	}
	if s.X5ChainProtected() {
		v.Pass("tolerance.x5chain_protected", clause, "x5chain in the protected header")
	}
}

// leafKey gives the key of the chain's first certificate, also when the chain is not trusted, so that more can be reported.
func leafKey(c *pki.Chain, certificates [][]byte) (crypto.PublicKey, error) {
	if c != nil && c.Leaf != nil {
		return c.Leaf.PublicKey, nil
	}
	leaf, err := x509.ParseCertificate(certificates[0])
	if err != nil {
		return nil, err
	}
	return leaf.PublicKey, nil
}

func measuredSignature(s *cose.Sign1, err error) string {
	if err != nil {
		return err.Error()
	}
	alg, _ := s.Algorithm()
	return alg.String()
}

func (s *IssuerSigned) judgeMSO(j *issuerJudgement, at time.Time, skew time.Duration) {
	if j.sign1 == nil {
		return
	}
	mso, err := msoOf(j.sign1)
	if err != nil {
		j.Fail("mso.shape", clauseIssuerAuth, err.Error())
		return
	}
	key, err := deviceKey(mso.DeviceKeyInfo.DeviceKey)
	if err != nil {
		j.Fail("mso.shape", clauseIssuerAuth, "device key: "+err.Error())
		return
	}
	j.Pass("mso.shape", clauseIssuerAuth, j.said.measured(len(mso.ValueDigests), " namespaces"))
	j.mso, j.deviceKey = mso, key
	j.Record("mso.version", clauseIssuerAuth, majorOne(mso.Version), j.said.version(mso.Version))
	if k := mso.DeviceKeyInfo.KeyAuthorizations; k != nil {
		err := k.check()
		j.Record("mso.key_authorizations", clauseIssuerAuth, err == nil, measuredRules(err))
	}
	// Step 3: the digests.
	s.judgeDigests(j)
	// Step 5: the validity.
	judgeValidity(j, at, skew)
}

// deviceKey gives the key that proves the device: by signature, or nil for one that can only agree on the key of a MAC
// (X25519). One that can do neither is an error.
func deviceKey(k cose.Key) (crypto.PublicKey, error) {
	signs, err := k.Public()
	if err == nil {
		return signs, nil
	}
	if _, agrees := k.ECDH(); agrees == nil {
		return nil, nil
	}
	return nil, err
}

func (s *IssuerSigned) judgeDigests(j *issuerJudgement) {
	hash, err := digestHash(j.mso.DigestAlgorithm)
	j.Record("mso.digest_algorithm", clauseIssuerAuth, err == nil, measuredHash(hash, err))
	total, wrong, short, twice := 0, 0, 0, 0
	for i, ns := range s.NameSpaces {
		digests, _ := j.mso.ValueDigests.Get(ns.Key)
		for n := range ns.Value {
			item := &ns.Value[n]
			total++
			if err != nil || !digestMatches(hash, digests, item) {
				wrong++
			}
			if len(item.Value.Random) < minRandom {
				short++
			}
			if item.Value.ElementIdentifier == "" || ns.Key == "" || seenBefore(s.NameSpaces[i].Value[:n], item.Value.ElementIdentifier) {
				twice++
			}
		}
	}
	if err != nil {
		j.NotRun("mso.digest", clauseMSOCheck, "the digest algorithm is unknown")
	} else {
		j.Record("mso.digest", clauseMSOCheck, wrong == 0, j.said.measured(total-wrong, " of ", total, " items match their digest"))
	}
	high := s.highDigestIDs(j.mso)
	j.Record("mso.digest_id", "ISO/IEC 18013-5:2021, 9.1.2.5", high == 0, j.said.measured(high, " digest ids of 2^31 or more"))
	j.Record("mso.random", "ISO/IEC 18013-5:2021, 9.1.2.5", short == 0, j.said.measured(total-short, " of ", total, " items with at least ", minRandom, " bytes"))
	j.Record("mso.element_unique", "ISO/IEC 18013-5 second edition, 10.3", twice == 0, j.said.measured(twice, " elements without a name or given twice"))
}

// highDigestIDs counts the ids beyond the bound, in the items and in the MSO.
func (s *IssuerSigned) highDigestIDs(mso *MobileSecurityObject) int {
	high := 0
	for _, ns := range s.NameSpaces {
		for i := range ns.Value {
			if ns.Value[i].Value.DigestID >= digestIDEnd {
				high++
			}
		}
	}
	for _, ns := range mso.ValueDigests {
		for _, d := range ns.Value {
			if d.Key >= digestIDEnd {
				high++
			}
		}
	}
	return high
}

func measuredRules(err error) string {
	if err != nil {
		return err.Error()
	}
	return "as the structure demands"
}

func measuredHash(h crypto.Hash, err error) string {
	if err != nil {
		return err.Error()
	}
	return h.String()
}

func digestMatches(hash crypto.Hash, digests Digests, item *IssuerSignedItemBytes) bool {
	due, _ := digests.Get(item.Value.DigestID) // no digest is as long as nothing
	if hash == crypto.SHA256 {
		sum := sha256.Sum256(item.Bytes())
		return bytes.Equal(sum[:], due)
	}
	h := hash.New()
	h.Write(item.Bytes())
	return bytes.Equal(h.Sum(nil), due)
}

func seenBefore(items []IssuerSignedItemBytes, identifier string) bool {
	for i := range items {
		if items[i].Value.ElementIdentifier == identifier {
			return true
		}
	}
	return false
}

func judgeValidity(j *issuerJudgement, at time.Time, skew time.Duration) {
	info := j.mso.ValidityInfo
	signed, from, until := info.Signed.Time(), info.ValidFrom.Time(), info.ValidUntil.Time()
	j.Record("mso.validity.order", clauseIssuerAuth, !signed.After(from) && from.Before(until),
		j.said.measured("signed ", signed, ", from ", from, ", until ", until))
	if j.chain == nil {
		j.NotRun("mso.validity.signed", clauseMSOCheck, "no signer certificate to compare with")
	} else {
		leaf := j.chain.Leaf
		j.Record("mso.validity.signed", clauseMSOCheck, !signed.Before(leaf.NotBefore) && !signed.After(leaf.NotAfter),
			j.said.measured("signed ", signed, ", certificate ", leaf.NotBefore, " to ", leaf.NotAfter))
	}
	j.Record("mso.validity.window", clauseMSOCheck, !at.Add(skew).Before(from) && !at.Add(-skew).After(until),
		j.said.measured("checked at ", at, ", tolerance ", skew))
}
