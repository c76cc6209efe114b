package schemas

import _ "embed"

// Verdict is the JSON Schema (2020-12) of a verdict as every command and door gives it; docs/verdicts.md explains it.
//
//go:embed verdict.schema.json
var Verdict []byte
