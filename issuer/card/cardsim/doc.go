// Package cardsim is a modelled My Number card (個人番号カード) behind an apdu.Transmitter, with five fictitious holders, others by a small
// YAML file, and the test certification authorities that issue to it.
//
// It answers as readers in the field expect of the real card (ISO/IEC 7816-4, JICSAP v1.1, JPKI's own commands): the Issuer Security Domain
// after power-up with its data objects, 共通カードAP, 住基AP, 券面AP (券面事項確認AP), 補助AP (券面事項入力補助AP) with its secure messaging, and
// JPKI-AP (公的個人認証AP), with their files, access rules, try counters and keys. Logical channels are refused, as by the real card, and so is
// command chaining, of which nothing is known. NewNext makes a proposal of the next generation. Administration (UNLOCK KEY and its like) is not modelled.
//
// It can never pass for a real card: certificates say O=JPKI-TEST, key ids are outside every known hierarchy, keys are made anew for each
// card unless a seed asks for the same ones, names and the municipality are invented. A card lives in memory until Save is called, or in a
// file that it keeps itself: OpenState spends a try on disk before it compares a secret. It trusts the disk to have what was synced.
//
// A card can be made to misbehave: Options.Alter writes sources that disagree, Options.Tamper spoils files after signing, Fault
// pulls the card or answers garbage. Start with NewAuthority, People and New, or with CreateState and OpenState; docs/testcard.md has the
// rest.
package cardsim
