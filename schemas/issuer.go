package schemas

import _ "embed"

// MNCElements is the element table of docType org.iso.23220.1.jp.mnc as JSON: identifiers, types and bounds.
// Package mdoc/doctype reads it; what the issuer chooses among the open points of the format is decided here.
//
//go:embed mnc-elements.json
var MNCElements []byte

// MDLElements is the element table of the mDL (ISO/IEC 18013-5 second edition, Table 20; 2021, Table 5), in the same form.
//
//go:embed mdl-elements.json
var MDLElements []byte

// PhotoIDElements is the element table of the Photo ID (ISO/IEC TS 23220-4, Annex C), in the same form.
//
//go:embed photoid-elements.json
var PhotoIDElements []byte

// IssuerOpenAPI is the OpenAPI 3.1 description of the issuer's REST API, as YAML.
//
//go:embed issuer-openapi.yaml
var IssuerOpenAPI []byte
