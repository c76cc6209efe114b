package schemas

import _ "embed"

// MNCElements is the element table of docType org.iso.23220.1.jp.mnc as JSON: identifiers, types and bounds.
// Package mdoc/doctype reads it; what the issuer chooses among the open points of the format is decided here.
//
//go:embed mnc-elements.json
var MNCElements []byte

// IssuerOpenAPI is the OpenAPI 3.1 description of the issuer's REST API, as YAML.
//
//go:embed issuer-openapi.yaml
var IssuerOpenAPI []byte
