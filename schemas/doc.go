// Package schemas holds the hand-kept descriptions of what this project speaks,
// as data embedded in the binaries: the OpenAPI 3.1 documents of its REST doors
// the schema of a verdict, and the element tables of document types.
//
// The OpenAPI documents are written by hand because the doors carry COSE, CBOR and messages of
// other standards, which no generator describes; tests beside each service
// compare document and doors. The package parses nothing and checks nothing.
package schemas
