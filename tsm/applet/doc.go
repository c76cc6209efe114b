// Package applet is the credential applet of the modelled secure element, and the [Client] with which a phone reaches it.
//
// There is one instance per credential slot (AID F04D49444D444F43 ‖ slot). It holds one mobile document of ISO/IEC
// 18013-5 with its device key, and, while a renewal is under way, a second key pair beside it.
//
// Personalization comes over SCP03 at security level 33 as the stream of package stream: generate, begin, sealed bytes,
// commit, wipe. The device key and the sealing key are born in the element and leave it by no command. A commit opens the
// sealed credential and checks it as a verifier would: chain to the issuer anchors of the factory at the element's clock, signature,
// every digest, validity, and that the device key of the MSO is the one born for this order. Only then does one
// transaction make credential and key live, destroy their predecessors and store the signed receipt. Whatever fails
// before it leaves the live credential as it was.
//
// Presentation is by plain commands after SELECT of the instance, ISO/IEC 7816-4:2020 and 7816-8:2021:
//
//	GET DATA             00 CA DF 30 Le              state of the slot, CBOR; always
//	CHANGE REFERENCE     00 24 01 80 Lc PIN          sets the PIN, once
//	CHANGE REFERENCE     00 24 00 80 18 old new      changes it; each PIN filled up with FF to 12 bytes
//	VERIFY               00 20 00 80 [Lc PIN]        checks it; without data 63Cx tells the tries left
//	READ BINARY          00 B1 00 00 05 54 03 o o o Le   -> 53 L bytes of the credential from offset o
//	PSO COMPUTE SIGNATURE 00 2A 9E 9A Lc Sig_structure -> r ‖ s, 64 bytes
//	PSO COMPUTE CHECKSUM 00 2A 8E 80 Lc { 86 point, 87 salt, 80 MAC_structure } -> tag, 32 bytes
//
// Reading needs the PIN verified since SELECT and at most [ConsentTime] ago by the element's clock; one signature or MAC uses a
// verification up. SELECT, reset, the end of the channel, a lock, a commit and every other PIN sent end it. The try
// counter is stored before the comparison, three wrong PINs in a row block, by VERIFY or CHANGE. What can be no PIN is refused with 6700 or 6A80
// and costs no try. A renewal keeps the PIN and its tries, so that nobody gets tries by asking for one: blocked stays blocked until an order
// wipes the slot, or deletes it, and with it all that the PIN protected. The applet signs or MACs only structures whose payload is the
// DeviceAuthentication of its own document, with a key of that purpose, and counts each use; the state tells the count, and the
// receipt of the commit or wipe that destroys the key.
//
// It trusts its factory content, the element's clock, and whoever holds the SCP03 keys not to wipe. It does not check status lists,
// nor what elements say; and it cannot know what the phone shows to its holder before the PIN is typed in, nor that its memory was put back to
// an earlier state.
package applet
