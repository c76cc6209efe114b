// Package annotate turns the bytes of an mdoc structure into a tree in which every element has its offset, its value in diagnostic
// notation (RFC 8949, 8), the clause that defines it and what it means.
//
// A table of rules, one file for each noun of the standard (rules_*.go), says what stands where; one walker applies it to whatever
// bytes there are. Where bytes and rule disagree the tree shows the bytes and notes the difference; where the bytes are not
// CBOR the walk ends with a [Fault] and the tree goes as far as the bytes were good. Depth and the number of nodes are bounded; no
// input causes a panic.
//
// Nothing is verified here and nothing is trusted. The tree holds element values, which are personal data: it is for the output a
// person asked for, and no error or fault of this package repeats a value.
//
// Start at [Walk]; [WriteText] prints a tree.
package annotate
