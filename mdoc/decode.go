package mdoc

import (
	"mobileid/mdoc/cbor"
	"mobileid/mdoc/cose"
	"mobileid/mdoc/doctype"
)

// The readers of the structures that are decoded for every answer, without reflection (docs/adr/0011). Each reads the
// members of its structure that the struct names; the rest is skipped. A new member needs its line here beside its field:
// TestReadersAgree fails without it.

func readDeviceResponse(c *cbor.Cursor, r *DeviceResponse) {
	for m := c.Struct("version", "status"); m.Next(); {
		switch string(m.Name()) {
		case "version":
			r.Version = c.TextOf(version10)
		case "documents":
			r.Documents = cbor.ReadArray(c, readDocument)
		case "zkDocuments":
			c.Into(&r.ZkDocuments)
		case "encryptedDocuments":
			c.Into(&r.EncryptedDocuments)
		case "documentErrors":
			r.DocumentErrors = cbor.ReadArray(c, readErrorCodes)
		case "status":
			r.Status = c.Uint()
		default:
			c.Skip()
		}
	}
}

func readDocument(c *cbor.Cursor, d *Document) {
	for m := c.Struct("docType", "issuerSigned", "deviceSigned"); m.Next(); {
		switch string(m.Name()) {
		case "docType":
			d.DocType = c.TextOf(doctype.DocTypeMNC, doctype.DocTypeMDL)
		case "issuerSigned":
			readIssuerSigned(c, &d.IssuerSigned)
		case "deviceSigned":
			readDeviceSigned(c, &d.DeviceSigned)
		case "errors":
			d.Errors = cbor.ReadMap(c, readErrorCodes)
		default:
			c.Skip()
		}
	}
}

func readErrorCodes(c *cbor.Cursor, codes *cbor.Map[string, int64]) {
	*codes = cbor.ReadMap(c, func(c *cbor.Cursor, code *int64) { *code = c.Int() })
}

func readIssuerSigned(c *cbor.Cursor, s *IssuerSigned) {
	for m := c.Struct("issuerAuth"); m.Next(); {
		switch string(m.Name()) {
		case "nameSpaces":
			s.NameSpaces = cbor.ReadMap(c, readItems)
		case "issuerAuth":
			s.IssuerAuth = c.Raw()
		default:
			c.Skip()
		}
	}
}

func readItems(c *cbor.Cursor, items *[]IssuerSignedItemBytes) {
	*items = cbor.ReadArray(c, readItemBytes)
}

func readItemBytes(c *cbor.Cursor, i *IssuerSignedItemBytes) { cbor.ReadEmbedded(c, i, readItem) }

func readItem(c *cbor.Cursor, i *IssuerSignedItem) {
	for m := c.Struct("digestID", "random", "elementIdentifier", "elementValue"); m.Next(); {
		switch string(m.Name()) {
		case "digestID":
			i.DigestID = c.Uint()
		case "random":
			i.Random = c.Bytes()
		case "elementIdentifier":
			i.ElementIdentifier = c.Text()
		case "elementValue":
			i.ElementValue = c.Raw()
		default:
			c.Skip()
		}
	}
}

func readDeviceSigned(c *cbor.Cursor, d *DeviceSigned) {
	for m := c.Struct("nameSpaces", "deviceAuth"); m.Next(); {
		switch string(m.Name()) {
		case "nameSpaces":
			cbor.ReadEmbedded(c, &d.NameSpaces, readDeviceNameSpaces)
		case "deviceAuth":
			readDeviceAuth(c, &d.DeviceAuth)
		default:
			c.Skip()
		}
	}
}

func readDeviceNameSpaces(c *cbor.Cursor, n *DeviceNameSpaces) {
	*n = cbor.ReadMap(c, func(c *cbor.Cursor, elements *cbor.Map[string, cbor.RawMessage]) {
		*elements = cbor.ReadMap(c, func(c *cbor.Cursor, value *cbor.RawMessage) { *value = c.Raw() })
	})
}

func readDeviceAuth(c *cbor.Cursor, a *DeviceAuth) {
	for m := c.Struct(); m.Next(); {
		switch string(m.Name()) {
		case "deviceSignature":
			a.DeviceSignature = c.Raw()
		case "deviceMac":
			a.DeviceMac = c.Raw()
		default:
			c.Skip()
		}
	}
}

func readMSO(c *cbor.Cursor, o *MobileSecurityObject) {
	for m := c.Struct("version", "digestAlgorithm", "valueDigests", "deviceKeyInfo", "docType", "validityInfo"); m.Next(); {
		switch string(m.Name()) {
		case "version":
			o.Version = c.TextOf(version10)
		case "digestAlgorithm":
			o.DigestAlgorithm = c.TextOf("SHA-256")
		case "valueDigests":
			o.ValueDigests = cbor.ReadMap(c, readDigests)
		case "deviceKeyInfo":
			readDeviceKeyInfo(c, &o.DeviceKeyInfo)
		case "docType":
			o.DocType = c.TextOf(doctype.DocTypeMNC, doctype.DocTypeMDL)
		case "validityInfo":
			readValidityInfo(c, &o.ValidityInfo)
		case "status":
			o.Status = new(Status)
			readStatus(c, o.Status)
		default:
			c.Skip()
		}
	}
}

func readDigests(c *cbor.Cursor, d *Digests) { *d = cbor.ReadUintMap(c) }

func readDeviceKeyInfo(c *cbor.Cursor, i *DeviceKeyInfo) {
	for m := c.Struct("deviceKey"); m.Next(); {
		switch string(m.Name()) {
		case "deviceKey":
			cose.ReadKey(c, &i.DeviceKey)
		case "keyAuthorizations":
			i.KeyAuthorizations = new(KeyAuthorizations)
			readKeyAuthorizations(c, i.KeyAuthorizations)
		default:
			c.Skip()
		}
	}
}

func readKeyAuthorizations(c *cbor.Cursor, k *KeyAuthorizations) {
	for m := c.Struct(); m.Next(); {
		switch string(m.Name()) {
		case "nameSpaces":
			readTexts(c, &k.NameSpaces)
		case "dataElements":
			k.DataElements = cbor.ReadMap(c, readTexts)
		default:
			c.Skip()
		}
	}
}

func readTexts(c *cbor.Cursor, list *[]string) {
	*list = cbor.ReadArray(c, func(c *cbor.Cursor, text *string) { *text = c.Text() })
}

func readValidityInfo(c *cbor.Cursor, v *ValidityInfo) {
	for m := c.Struct("signed", "validFrom", "validUntil"); m.Next(); {
		switch string(m.Name()) {
		case "signed":
			v.Signed = v.date(c)
		case "validFrom":
			v.ValidFrom = v.date(c)
		case "validUntil":
			v.ValidUntil = v.date(c)
		case "expectedUpdate":
			d := v.date(c)
			v.ExpectedUpdate = &d
		default:
			c.Skip()
		}
	}
}

func (v *ValidityInfo) date(c *cbor.Cursor) cbor.TDate {
	d, fraction := c.ForeignTDate()
	if fraction {
		v.fractions++
	}
	return d
}

func readStatus(c *cbor.Cursor, s *Status) {
	for m := c.Struct(); m.Next(); {
		switch string(m.Name()) {
		case "status_list":
			s.StatusList = new(StatusListRef)
			readStatusList(c, s.StatusList)
		case "identifier_list":
			s.IdentifierList = new(IdentifierListRef)
			readIdentifierList(c, s.IdentifierList)
		default:
			c.Skip()
		}
	}
}

func readStatusList(c *cbor.Cursor, r *StatusListRef) {
	for m := c.Struct("idx", "uri"); m.Next(); {
		switch string(m.Name()) {
		case "idx":
			r.Index = c.Uint()
		case "uri":
			r.URI = c.Text()
		case "certificate":
			r.Certificate = c.Bytes()
		default:
			c.Skip()
		}
	}
}

func readIdentifierList(c *cbor.Cursor, r *IdentifierListRef) {
	for m := c.Struct("id", "uri"); m.Next(); {
		switch string(m.Name()) {
		case "id":
			r.ID = c.Bytes()
		case "uri":
			r.URI = c.Text()
		case "certificate":
			r.Certificate = c.Bytes()
		default:
			c.Skip()
		}
	}
}
