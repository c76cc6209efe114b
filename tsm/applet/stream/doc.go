// Package stream is the personalization stream of the credential applet, both ends: the data objects that travel
// in STORE DATA after INSTALL [for personalization], and the AIDs of the load file, the module and the instances.
//
// GlobalPlatform Card Specification 2.3.1, 11.11 says how STORE DATA carries blocks (P1 bit 10: BER-TLV; P2 a block
// number from 00; P1 bit 80 on the last), and leaves the content to the application: the coding here is our own. The objects of one sequence are one byte stream, cut into blocks anywhere:
//
//	DF01 generate   CBOR [Generate]          -> the first page of the signed attestation
//	DF02 page       empty, or offset (2)     -> the next page, or the one at the offset
//	DF10 begin      CBOR [Begin]             -> nothing
//	DF15 sealed     bytes, may be repeated   -> nothing
//	DF1F commit     CBOR [Commit]            -> the signed receipt
//	DF2F wipe       CBOR [Wipe]              -> the signed receipt
//
// A block is answered with what the last object completed in it gives. An attestation page holds up to [PageSize]
// bytes; a shorter page, or an empty one, is the last. Pages and receipts fit a short APDU at security level 33.
//
// How a sequence is repeated. The block last accepted may be sent again: with the same bytes it is answered as
// before, with others 6985. Any other gap in P2 throws the open sequence and everything received for a commit away
// (6985), and only a block 00 is taken again. What DF10 began outlives the end of a sequence and ends with the
// session, so that sealed data too long for the 256 blocks of one sequence travel in several.
//
// How an order is resumed. Generate with the order that is already under way attests the same keys again. After a
// lost answer to a commit or a wipe, the same commit or wipe is answered with the stored receipt; begin and sealed
// objects of that order are then taken and ignored. Generate for an order that was carried out is 6985.
//
// The package knows no element and imports no document model, so that a TSM can use it and still be unable to read a
// credential. It checks shapes and sizes only; what the objects say is judged by the applet.
package stream
