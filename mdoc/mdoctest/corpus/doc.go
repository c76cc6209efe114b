// Package corpus makes the negative corpus: good mdoc structures, each spoiled in one respect, signed and MACed again so that
// the spoiled place is reached, with the id of the one check that must fail. The rules are those of ISO/IEC 18013-5:2021 and
// its second edition; the form in which cases leave the project is docs/corpus.md.
//
// Everything is drawn from a fixed seed: keys are TEST keys that anybody can make, signatures follow RFC 6979, so two runs give
// the same bytes. The structures are written by a small encoder of this package and not by the makers of the library, which
// would refuse to write most of them.
//
// Start at [All], which makes the cases, and [Judge], which shows one case to the library and gives its verdict. Judge sees only
// what a case carries: an exported folder that is read back is judged alike. The package decides nothing itself and trusts nothing.
package corpus
