package mdoc

import "mobileid/mdoc/cbor"

// ZkDocument is ISO/IEC 18013-5 second edition, 10.3: a zero-knowledge proof instead of a document. It is read and kept; no
// proof system is built in, so Verify accepts no response that holds one.
//
//	ZkDocument = {"documentData": #6.24(bstr .cbor ZkDocumentData), "proof": bstr, * tstr => any}
type ZkDocument struct {
	DocumentData cbor.Embedded[ZkDocumentData] `cbor:"documentData"`
	Proof        []byte                        `cbor:"proof"`
}

// ZkDocumentData is ISO/IEC 18013-5 second edition, 10.3. The draft writes timestamp as full-date, wallets in the field as tdate,
// and does not say what msoX5chain is: both are kept as received.
//
//	ZkDocumentData = {"docType": tstr, "zkSystemId": tstr, "timestamp": full-date / tdate, ? "issuerSigned": ZkNameSpaces,
//	                  ? "deviceSigned": ZkNameSpaces, ? "msoX5chain": any, * tstr => any}
type ZkDocumentData struct {
	DocType      string          `cbor:"docType"`
	ZkSystemID   string          `cbor:"zkSystemId"`
	Timestamp    cbor.RawMessage `cbor:"timestamp"`
	IssuerSigned ZkNameSpaces    `cbor:"issuerSigned,omitzero"`
	DeviceSigned ZkNameSpaces    `cbor:"deviceSigned,omitzero"`
	MSOX5Chain   cbor.RawMessage `cbor:"msoX5chain,omitzero"`
}

// ZkNameSpaces are the elements a proof speaks of, by namespace.
type ZkNameSpaces = cbor.Map[string, []ZkItem]

// ZkItem is ISO/IEC 18013-5 second edition, 10.3.
//
//	ZkItem = {"elementIdentifier": tstr, "elementValue": any}
type ZkItem struct {
	ElementIdentifier string          `cbor:"elementIdentifier"`
	ElementValue      cbor.RawMessage `cbor:"elementValue"`
}
