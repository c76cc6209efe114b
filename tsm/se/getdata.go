package se

import (
	"mobileid/mdoc/apdu"
	"mobileid/tsm/gp"
	"mobileid/tsm/se/nvm"
)

// getData answers GET DATA, GlobalPlatform Card Specification 2.3.1, 11.3: an object or 6A88. With the interindustry class
// 00, 0066 and 00E0 come without their outer tag, as hosts of that class expect.
func (ch *channel) getData(c apdu.Command) apdu.Response {
	tag, err := gp.ParseGetData(c)
	if err != nil {
		return refused(err)
	}
	data := ch.dataObject(tag)
	if data == nil {
		return status(apdu.ReferenceNotFound)
	}
	if !c.Proprietary() && (tag == gp.DataCardRecognition || tag == gp.DataKeyInformation) {
		inner, _, err := apdu.ParseTLV(data)
		if err != nil {
			return status(apdu.ExecutionError)
		}
		data = inner.Value
	}
	return apdu.Response{Data: data, SW: apdu.OK}
}

// dataObject gives an object with its tag, or nil: what was stored goes before what the element has to tell itself.
func (ch *channel) dataObject(tag uint16) []byte {
	s := ch.se
	if v, ok := s.mem.Load(dataKey(ch.domain, tag)); ok {
		return gp.AppendObject(nil, tag, v)
	}
	if v, ok := s.mem.Load(dataKey(gp.ISD, tag)); ok && (tag == gp.DataCPLC || tag == gp.DataCardRecognition) {
		return gp.AppendObject(nil, tag, v)
	}
	switch tag {
	case gp.DataCardRecognition:
		return s.recognition()
	case gp.DataCapabilities:
		return s.capabilities()
	case gp.DataKeyInformation, gp.DataKeyInformationMore:
		return ch.keyInformation(tag)
	case gp.DataCPLC:
		return s.productionData()
	case gp.DataDiversification:
		return gp.AppendObject(nil, tag, s.id)
	case gp.DataSequenceCounter:
		return s.sequenceCounter(ch.domain)
	case gp.DataConfirmationCounter:
		return s.confirmationCounter()
	case gp.DataSecurityLevel:
		return gp.AppendObject(nil, tag, []byte{byte(ch.level())})
	case gp.DataApplications:
		return s.applications()
	case gp.DataMemory:
		return s.memory()
	}
	return nil
}

// dataChange stores a data object of a security domain.
func (s *SE) dataChange(domain gp.AID, tag uint16, value []byte) nvm.Change {
	return nvm.Change{Key: dataKey(domain, tag), Value: value}
}
