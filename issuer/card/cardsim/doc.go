// Package cardsim is a modelled My Number card (個人番号カード) behind an apdu.Transmitter, with five fictitious holders and the
// test certification authorities that issue to it.
//
// It answers as readers in the field expect of the real card (ISO/IEC 7816-4, JICSAP v1.1, JPKI's own commands): the
// Issuer Security Domain after power-up, JPKI-AP (公的個人認証AP), 補助AP (券面事項入力補助AP) and 券面AP (券面事項確認AP) with their files, access rules,
// try counters and keys. It has no 共通カードAP and no 住基AP, no secure messaging (補助AP 0006 is absent), no logical channels
// and no records; its CV certificates are in the files only, not behind GET DATA.
//
// It can never pass for a real card: certificates say O=JPKI-TEST, key ids are outside every known hierarchy, keys are made
// anew for each card, names and the municipality are invented, and nothing is kept when the process ends unless Save is called.
//
// A card can be made to misbehave: Options.Alter writes sources that disagree, Options.Tamper spoils files after signing, Fault
// pulls the card or answers garbage. Start with NewAuthority, People and New.
package cardsim
