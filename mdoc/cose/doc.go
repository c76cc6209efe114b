// Package cose holds the COSE structures that an mdoc is made of: COSE_Sign1 and COSE_Mac0 (RFC 9052, 4.2 and 6.2),
// COSE_Key (RFC 9052, 7) and x5chain (RFC 9360), as ISO/IEC 18013-5:2021, 9.1.2.4, 9.1.3 and 9.1.1.4 use them.
//
// Signatures are made and checked by veraison/go-cose. What that library leaves to its caller is closed here by the
// types: the algorithm must stand in the protected header, alone, and fit the key's curve; no label may stand in both
// headers; a critical label that is not understood refuses the message; x5chain has one of its two forms; a key's
// coordinates have the length of its curve and the point lies on it.
//
// Messages keep the bytes they were parsed from; nothing that was signed is encoded again. Whether the signer is
// trusted is not decided here: see package pki.
package cose
