// Package inspect recognises any thing around an mdoc, prints it element by element with clause and meaning, and checks what can be
// checked from the data at hand. It is `mobileid inspect`; docs/inspect.md describes its JSON form.
//
// An input passes through three steps: [unwrap] takes the text encoding off and tells what kind of thing remains; package annotate or
// one of the readers here (APDU log, PEM, NDEF) makes the tree; [check] runs the library's own judgements over it. What the
// judgements need and was not given (trust anchors, the time, a session transcript) is listed as not run.
//
// Element values are personal data and are printed, as that is the purpose, to the output only. Private keys are refused and never
// printed. Errors repeat no bytes of the input.
//
// Start at [Run].
package inspect
