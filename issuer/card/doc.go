// Package card reads a My Number card (個人番号カード) over APDUs and checks what was read.
//
// Two sides use it. The reading side runs on the phone or on a counter PC: [Read] takes the holder's secrets, reads the
// attributes (券面事項入力補助AP, here 補助AP), the card face (券面事項確認AP, 券面AP) and the certificates (公的個人認証AP, JPKI-AP), lets the card
// prove its presence, and has the signature key sign a statement over the issuer's challenge, the secure element the
// credential is for, and a digest of every file read. The secrets stay on that side; a [Reading] holds none of them.
// A [Client] does the same piece by piece, for everything else that a card gives: every file of all five applications, the tries left of
// each secret, proofs of presence, signatures, a change of PIN. [Inspect] parses what was read and lists what could be checked on the
// spot. The checking side runs at the issuer: [Check] judges a Reading and gives an [Identity] only when every check passed.
//
// No file-level specification of the card is public. The file layouts, the access rules and the status words are those
// that readers in the field rely on (JICSAP v1.1 on ISO/IEC 7816-4); certificates follow RFC 5280.
//
// Trusted: the roots in [CheckConfig], and nothing the reading side says that the card did not sign.
//
// Whether the two certificates are revoked is asked of a [StatusSource] that the caller must give (package jpki is one); what it
// does not know is not passed. Not checked here, because it cannot be known from the reading: whether the challenge is fresh
// and used once (the caller's store knows). Name and address of 券面AP are images: their signature is checked, and what they show
// is not compared. Two limits of the card itself remain. Its expiry date (DF29) is not signed by
// anybody but the holder's own statement, so a validity must also be bounded by Identity.CertificateNotAfter.
// And nothing signed ties 券面AP to 補助AP of the same card but birth date, sex and municipality: whoever holds
// two cards of people who share all three could join the photo of one to the name of the other.
//
// Start with Read and Check, or with Connect and Inspect; dates, ages and ends of validity in Japan time are in age.go. The modelled card is in cardsim.
package card
