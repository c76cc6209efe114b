// Package vical makes and reads VICALs: lists of the certificates of issuing authorities, signed by a provider who has
// looked at them (ISO/IEC 18013-5:2021, Annex C; second edition draft, Annex C).
//
// A provider calls [Sign]. A reader calls [Parse] and then [Signed.Verify], which alone gives a [List]; or it gives what it
// has fetched to a [Store], which refuses an older list than it has seen. A List says which certificates anchor documents
// of a type; it is [List.Anchors] that mdoc.Verify takes for a document of that type.
//
// Trusted are the provider's roots, which the caller gives as [pki.NewAnchorsFor] with [pki.VICALRoot]. A certificate is
// known by its bytes alone: what a list says about it besides, its key identifier included, decides nothing.
//
// Not here: fetching (GET of the list's URL, content type application/cwt), and RICALs, the lists of reader certificates
// of the second edition draft, whose text contradicts itself.
package vical
