// Package jpkiapplet is スマホ用電子証明書 in the modelled secure element: an applet that answers as 公的個人認証AP (JPKI-AP) does in an Android
// phone, and the [Client] with which the phone reaches it.
//
// There is one instance, under the AID of JPKI-AP. It has the files and commands of the card's application (package jpkiap), with two
// differences: the token label is JPKIAPGPSETOKEN, and the user authentication certificate is readable only after the PIN. PIN (4 digits, 3
// tries) and signature password (6 to 16 of A to Z and 0 to 9, 5 tries) are chosen on the phone:
//
//	SELECT               00 A4 02 0C 02 id           a file
//	READ BINARY          00 B0 hi lo Le              in the current file, or by short identifier
//	VERIFY               00 20 00 80 [Lc secret]     without data 63Cx tells the tries left
//	CHANGE REFERENCE     00 24 01 80 Lc secret       the first value, or a new one after VERIFY of the old
//	COMPUTE SIGNATURE    80 2A P1 80 Lc data 00      with the key of the current file, 256 bytes
//	GET CHALLENGE        00 84 00 00 Le
//	GET DATA             00 CA DF 30 Le              state of the application, CBOR; always
//
// Personalization comes over SCP03 at security level 33 as the stream of package stream. Two RSA-2048 key pairs and a sealing key are born in the
// element and leave it by no command; the attestation states their public halves. The certificates come sealed, since the signature certificate
// names its holder. A commit opens them and checks that they are for the keys of this order, of the two kinds, in force by the element's clock,
// and issued by CAs that were put in at the factory. One transaction then makes keys and certificates live, destroys their predecessors, gives
// a secret that was blocked back to be chosen anew, and stores the signed receipt; before it everything is as it was.
//
// A try is written off in the memory before a secret is compared. It trusts its factory content, the element's clock, and whoever
// holds the SCP03 keys not to wipe. It does not ask whether certificates are revoked. Between the commit and the choice of PIN and password the
// keys are of no use to anybody, and who holds the phone chooses.
package jpkiapplet
