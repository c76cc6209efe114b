package se

import (
	"fmt"

	"mobileid/mdoc/apdu"
	"mobileid/tsm/gp"
	"mobileid/tsm/scp03"
)

// personalizationLevel is the least security level at which the element takes personal data or keys in STORE DATA.
const personalizationLevel = scp03.CommandMAC | scp03.CommandEncryption

const (
	// maxStored bounds what a security domain takes in one sequence of STORE DATA.
	maxStored = 8 << 10
	// maxObject bounds one data object of a security domain.
	maxObject = 1 << 10
)

// storing is a sequence of STORE DATA to a security domain.
type storing struct {
	domain gp.AID
	next   int
	dgi    bool
	data   []byte
}

// storeData answers STORE DATA, GlobalPlatform Card Specification 2.3.1, 11.11: to the application that [for
// personalization] named, or to a security domain.
func (ch *channel) storeData(c apdu.Command) apdu.Response {
	if !ch.level().Has(personalizationLevel) {
		return status(apdu.SecurityStatus)
	}
	b, err := gp.ParseStoreData(c)
	if err != nil {
		return refused(err)
	}
	if ch.target == nil {
		return ch.storeObjects(ch.domain, b)
	}
	if ch.target.instance == nil {
		return ch.storeObjects(ch.target.domain, b)
	}
	if !ch.level().Has(ch.target.instance.level) {
		return status(apdu.SecurityStatus)
	}
	return ch.target.instance.applet.StoreData(b)
}

// storeObjects collects the blocks for a security domain and carries them out with the last one.
func (ch *channel) storeObjects(domain gp.AID, b gp.Block) apdu.Response {
	p := ch.storing
	ch.storing = nil
	if b.Number == 0 || p == nil || p.domain != domain {
		p = &storing{domain: domain, dgi: b.DGI}
	}
	switch {
	case int(b.Number) != p.next:
		return status(apdu.Conditions)
	case p.dgi != b.DGI:
		return status(apdu.WrongParameters)
	case len(p.data)+len(b.Data) > maxStored:
		return status(apdu.NoSpace)
	}
	p.data = append(p.data, b.Data...)
	p.next++
	switch {
	case !b.Last:
		ch.storing = p
		return status(apdu.OK)
	case p.dgi:
		return status(ch.storeKeyGroup(domain, p.data))
	default:
		return status(ch.storeTags(domain, p.data))
	}
}

// storeTags stores data objects GET DATA will tell: issuer and card number, URL, recognition data.
func (ch *channel) storeTags(domain gp.AID, data []byte) apdu.SW {
	objects, err := apdu.ParseTLVs(data)
	if err != nil || len(objects) == 0 {
		return apdu.WrongData
	}
	u := ch.se.update()
	for _, o := range objects {
		if !storable(domain, o.Tag) || len(o.Value) == 0 || len(o.Value) > maxObject {
			return apdu.WrongData
		}
		if _, err := gp.ParseRecognition(apdu.AppendTLV(nil, o.Tag, o.Value)); o.Tag == uint32(gp.DataCardRecognition) && err != nil {
			return apdu.WrongData
		}
		u.changes = append(u.changes, ch.se.dataChange(domain, uint16(o.Tag), o.Value)) //nolint:gosec // one of storable
	}
	return StatusOf(u.commit())
}

// storable tells what a security domain keeps; the card's recognition data is the ISD's.
func storable(domain gp.AID, tag uint32) bool {
	switch tag {
	case uint32(gp.DataIIN), uint32(gp.DataCardImage), uint32(gp.DataManagerURL):
		return true
	}
	return tag == uint32(gp.DataCardRecognition) && domain == gp.ISD
}

func dataKey(domain gp.AID, tag uint16) string {
	return fmt.Sprintf("%sdata/%04x", domainKey(domain), tag)
}

// storeKeyGroup stores keys out of data groups 00B9 and 8113, adding or replacing.
func (ch *channel) storeKeyGroup(domain gp.AID, data []byte) apdu.SW {
	groups, err := gp.ParseDGIs(data)
	if err != nil {
		return apdu.WrongData
	}
	g, err := gp.ParseKeyGroup(groups)
	if err != nil || g.Access == gp.AccessApplications || !purposeFits(g) {
		return apdu.WrongData
	}
	o := keyOrder{domain: domain, version: g.Version, ids: g.IDs, wrapped: g.Keys}
	if ch.se.keySets(domain).has(g.Version) {
		o.replace = g.Version
	}
	return ch.storeKeys(o)
}

func purposeFits(g gp.KeyGroup) bool {
	switch g.Purpose {
	case gp.PurposeSCP03:
		return g.Version >= firstVersion && g.Version <= lastVersion
	case gp.PurposeToken:
		return g.Version == tokenVersion
	case gp.PurposeReceipt:
		return g.Version == receiptVersion
	}
	return false
}
