package schemas

import _ "embed"

//go:embed tsm-openapi.yaml
var tsmOpenAPI string

// TSMOpenAPI is the OpenAPI 3.1 document, in YAML, of the trusted service
// manager's doors.
func TSMOpenAPI() string { return tsmOpenAPI }
