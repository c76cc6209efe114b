// Package doctype knows the elements of docType org.iso.23220.1.jp.mnc (カード代替電磁的記録), of the mDL and of the Photo ID:
// which identifiers exist in which namespace, the CBOR type of each, which are mandatory, and whether a value is of its type.
//
// The tables are data in package schemas. Those of the mDL (ISO/IEC 18013-5 second edition, 13.4; 2021, 7.2) and of the Photo ID
// (ISO/IEC TS 23220-4, Annex C) are for reading what others issue. The one this project issues, mnc-elements.json, has entries of
// three kinds of standing: Public elements are the set of the real document, as far as it is known; Proposed ones are this project's
// additions and stand in a namespace of its own, so that the two public namespaces hold exactly the public set; Recognised ones are
// identifiers of ISO/IEC 23220-2 in its namespace, which this project understands when another issuer sends them and never issues.
//
// The issuer of the real document has not published its tables. Where a point is open, the table accepts every known
// form when checking (a birth date as full-date or as the map of ISO/IEC 23220-2, five or six digits of the
// municipality code, JPEG or JPEG 2000) and the issuing code picks one.
//
// A value that passes Check is of the right type, nothing more: whether it is true is said by the issuer's signature.
// Errors and their texts name the element, never the value.
//
// Start at MNC, MDL, PhotoID or For; Table.Check judges one value, Table.Lint a whole document.
package doctype
