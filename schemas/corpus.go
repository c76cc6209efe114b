package schemas

import _ "embed"

// Corpus is the JSON Schema (2020-12) of the manifest of an exported corpus; docs/corpus.md explains it.
//
//go:embed corpus.schema.json
var Corpus []byte
