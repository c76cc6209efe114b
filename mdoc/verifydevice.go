package mdoc

import (
	"crypto/ecdh"

	"mobileid/mdoc/cose"
	"mobileid/mdoc/transcript"
)

const clauseDeviceAuth = "ISO/IEC 18013-5:2021, 9.1.3"

// judgeDevice checks device authentication: exactly one proof, over the transcript the reader rebuilt, by the device key of
// the MSO, and every device-signed element authorized by the MSO and not signed by the issuer as well.
func (in *Verification) judgeDevice(j *issuerJudgement, d *Document) {
	auth := d.DeviceSigned.DeviceAuth
	bySignature, byMAC := len(auth.DeviceSignature) > 0, len(auth.DeviceMac) > 0
	if bySignature == byMAC {
		j.Fail("device_auth.shape", clauseDeviceAuth, "exactly one of deviceSignature and deviceMac is due")
		j.NotRun("device_auth.proof", clauseDeviceAuth, "not one proof")
	} else if j.mso == nil {
		j.Pass("device_auth.shape", clauseDeviceAuth, "one proof")
		j.NotRun("device_auth.proof", clauseDeviceAuth, "no MSO, so no device key")
	} else {
		j.Pass("device_auth.shape", clauseDeviceAuth, "one proof")
		content := DeviceAuthenticationBytes(in.Transcript, d.DocType, d.DeviceSigned.NameSpaces.Bytes())
		if bySignature {
			in.judgeDeviceSignature(j, auth.DeviceSignature, content)
		} else {
			in.judgeDeviceMac(j, auth.DeviceMac, content)
		}
	}
	judgeAuthorizations(j, d)
}

func (in *Verification) judgeDeviceSignature(j *issuerJudgement, raw, content []byte) {
	s, err := cose.ParseSign1(raw)
	if err != nil {
		j.Fail("device_auth.proof", clauseDeviceAuth, err.Error())
		return
	}
	j.tolerateHeader(s.UnprotectedBesides(0))
	if j.deviceKey == nil {
		j.Fail("device_auth.proof", clauseDeviceAuth, "signature: the device key is on "+j.mso.DeviceKeyInfo.DeviceKey.Curve()+", which does not sign")
		return
	}
	err = s.VerifyDetached(j.deviceKey, content)
	j.Record("device_auth.proof", clauseDeviceAuth, err == nil, "signature: "+measuredSignature(s, err))
}

func (in *Verification) judgeDeviceMac(j *issuerJudgement, raw, content []byte) {
	m, err := cose.ParseMac0(raw)
	if err != nil {
		j.Fail("device_auth.proof", clauseDeviceAuth, err.Error())
		return
	}
	j.tolerateHeader(m.UnprotectedBesides(0))
	if in.EReaderKey == nil && len(in.MacKeys) == 0 {
		j.NotRun("device_auth.proof", clauseDeviceAuth, "MAC: the reader's ephemeral key is not at hand")
		return
	}
	pub, err := j.mso.DeviceKeyInfo.DeviceKey.ECDH()
	if err == nil {
		var key []byte
		if key, err = transcript.EMacKey(in.macKey(pub), pub, in.Transcript); err == nil {
			err = m.VerifyDetached(key, content)
		}
	}
	found := "MAC: " + cose.HMAC256.String()
	if err != nil {
		found = "MAC: " + err.Error()
	}
	j.Record("device_auth.proof", clauseDeviceAuth, err == nil, found)
}

// macKey gives the key of macKeys on the device key's curve, else EReaderKey (ISO/IEC TS 18013-7).
func (in *Verification) macKey(device *ecdh.PublicKey) *ecdh.PrivateKey {
	for _, k := range in.MacKeys {
		if k.Curve() == device.Curve() {
			return k
		}
	}
	return in.EReaderKey
}

func judgeAuthorizations(j *issuerJudgement, d *Document) {
	if j.mso == nil && len(d.DeviceSigned.NameSpaces.Value) > 0 {
		j.NotRun("device_auth.key_authorizations", clauseDeviceAuth, "no MSO, so no authorizations")
		return
	}
	total, without, doubled := 0, 0, 0
	for _, ns := range d.DeviceSigned.NameSpaces.Value {
		issued, _ := d.IssuerSigned.NameSpaces.Get(ns.Key)
		for _, e := range ns.Value {
			total++
			if !j.mso.DeviceKeyInfo.KeyAuthorizations.Authorizes(ns.Key, e.Key) {
				without++
			}
			if seenBefore(issued, e.Key) {
				doubled++
			}
		}
	}
	j.Record("device_auth.key_authorizations", clauseDeviceAuth, without == 0,
		j.said.measured(total, " device-signed elements, ", without, " not authorized"))
	if total > 0 {
		j.Record("device_auth.element_unique", "ISO/IEC 18013-5 second edition, 10.3", doubled == 0,
			j.said.measured(doubled, " of ", total, " device-signed elements are signed by the issuer as well"))
	}
}
