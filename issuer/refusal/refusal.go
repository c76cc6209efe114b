// Package refusal explains to a holder why the issuer refused: a stable code, what happened and what the holder can do, in Japanese and
// English. It knows which checks of a card reading lead to which code; it judges nothing, and no received value passes through it.
//
// Start at Table.
package refusal

import "slices"

// Text is one sentence in the two languages of the service.
type Text struct{ JA, EN string }

// Refusal explains a code to the holder: what happened, and what the holder can do. The texts are constant; no received value and no
// reason of a revocation stands in them.
type Refusal struct {
	// Code is stable: once published, it keeps its meaning.
	Code     string
	What, Do Text
	// checks are those of a card reading that lead to the code when they fail.
	checks []string
}

// The codes of refusals that do not come from a failed check.
const (
	CodeStatusUnavailable = "card.status_unavailable"
	CodeDuplicate         = "card.duplicate"
	CodeChallengeUsed     = "challenge_used"
	CodeExpired           = "expired"
	CodeEvidenceGone      = "evidence_gone"
	CodeNoValidity        = "no_validity_left"
	CodeDeviceRevoked     = "device_revoked"
	CodeDeviceNotEmptied  = "device_not_emptied"
	CodeBusy              = "unavailable"
	// CodeReadingUnsound is for a check that leads to no other code.
	CodeReadingUnsound = "card.reading_unsound"
)

// CodeOf gives the first code of the table to which one of the failed checks leads.
func CodeOf(failed ...string) string {
	for _, r := range Table() {
		if slices.ContainsFunc(r.checks, func(id string) bool { return slices.Contains(failed, id) }) {
			return r.Code
		}
	}
	return CodeReadingUnsound
}

// Of gives the entry of a code.
func Of(code string) (Refusal, bool) {
	all := Table()
	i := slices.IndexFunc(all, func(r Refusal) bool { return r.Code == code })
	if i < 0 {
		return Refusal{}, false
	}
	return all[i], true
}

// What a holder can do.
func tapAgain() Text {
	return Text{"最初からやり直し、このカードをもう一度読み取ってください。", "Start again and hold this card to the reader once more."}
}

func askOffice() Text {
	return Text{"お住まいの市区町村の窓口にご相談ください。", "Ask at the counter of the municipality you live in."}
}

func renew() Text {
	return Text{"市区町村の窓口で電子証明書またはカードを更新してから、やり直してください。", "Have the certificates or the card renewed at your municipality, then start again."}
}

func later() Text {
	return Text{"しばらくしてから、もう一度お試しください。", "Try again in a while."}
}

// Table is the table of every code that a holder can be answered with, in the order in which one is chosen. The document
// docs/issuance.md lists the same codes.
func Table() []Refusal {
	return slices.Concat(readingRefusals(), certificateRefusals(), agreementRefusals(), courseRefusals())
}

func readingRefusals() []Refusal {
	return []Refusal{
		{"card.challenge_mismatch", Text{"読み取り結果は、この申込みのためのものではありません。", "The reading was not made for this application."}, tapAgain(),
			[]string{"evidence.challenge"}},
		{"card.other_device", Text{"読み取り結果は、別の端末のためのものです。", "The reading was made for another device."},
			Text{"文書を受け取る端末で、カードを読み取ってください。", "Read the card with the device that is to receive the document."}, []string{"evidence.binding"}},
		{"card.phone_certificate", Text{"スマートフォンの電子証明書ではなく、マイナンバーカードが必要です。", "This needs the My Number card, not the certificates of a phone."},
			Text{"マイナンバーカードを読み取って、やり直してください。", "Start again and read the card itself."}, []string{"evidence.token"}},
		{"card.reading_incomplete", Text{"カードの読み取りが途中で終わりました。", "The card was not read completely."}, tapAgain(), []string{"evidence.files"}},
		{"card.number_without_consent", Text{"同意なしに個人番号が送られました。", "The individual number was sent without consent."},
			Text{"個人番号の提供に同意するか、個人番号を読み取らずにやり直してください。", "Consent to handing over the number, or start again without it."},
			[]string{"number.consent"}},
		{"card.certificate_untrusted", Text{"署名用電子証明書の発行者を確認できません。", "The issuer of the signature certificate is not one we trust."}, askOffice(),
			[]string{"cert.format", "cert.chain"}},
		{"card.certificate_unsuitable", Text{"署名用電子証明書が、この手続に使える形式ではありません。", "The signature certificate is not of the kind this needs."}, askOffice(),
			[]string{"cert.profile", "cert.holder", "cert.birthday"}},
		{"card.certificate_expired", Text{"署名用電子証明書が有効期間内ではありません。", "The signature certificate is not within its period of validity."}, renew(),
			[]string{"cert.validity"}},
		{"card.authentication_certificate_untrusted", Text{"利用者証明用電子証明書の発行者を確認できません。", "The issuer of the user authentication certificate is not one we trust."},
			askOffice(), []string{"auth.format", "auth.chain"}},
		{"card.authentication_certificate_unsuitable", Text{"利用者証明用電子証明書が、この手続に使える形式ではありません。",
			"The user authentication certificate is not of the kind this needs."}, askOffice(), []string{"auth.profile", "auth.birthday"}},
		{"card.authentication_certificate_expired", Text{"利用者証明用電子証明書が有効期間内ではありません。",
			"The user authentication certificate is not within its period of validity."}, renew(), []string{"auth.validity"}},
		{"card.signature_invalid", Text{"カードの署名が、読み取り結果と一致しません。", "The card's signature does not fit what was read."}, tapAgain(),
			[]string{"evidence.signature"}},
		{"card.face_altered", Text{"券面の情報または顔写真が、カードに記録されたものと異なります。", "The card face or the portrait is not as the card holds it."}, tapAgain(),
			[]string{"face.format", "face.cv_certificate", "face.signature"}},
		{"card.records_altered", Text{"氏名などの記録が、カードに記録されたものと異なります。", "The records of name and address are not as the card holds them."}, tapAgain(),
			[]string{"attributes.format", "attributes.cv_certificate", "attributes.integrity", "attributes.key_record"}},
		{"card.not_present", Text{"カードがその場にあることを確認できません。", "It could not be proved that the card was there."}, tapAgain(),
			[]string{"attributes.active_auth", "face.active_auth"}},
		{"card.portrait_unsuitable", Text{"顔写真を読み取れません。", "The portrait cannot be used."}, askOffice(), []string{"face.portrait"}},
	}
}

func certificateRefusals() []Refusal {
	return []Refusal{
		{"card.expired", Text{"カードの有効期限が過ぎています。", "The card has expired."}, renew(), []string{"card.expiry"}},
		{"card.certificate_outlives_card", Text{"電子証明書の有効期間が、カードの有効期限を超えています。", "A certificate ends after the card does."}, askOffice(),
			[]string{"agree.expiry"}},
		{"card.certificate_revoked", Text{"署名用電子証明書は失効しています。", "The signature certificate is revoked."},
			Text{"市区町村の窓口で新しい電子証明書の発行を受けてから、やり直してください。", "Get new certificates at your municipality, then start again."},
			[]string{"card.certificate.status"}},
		{"card.certificate_on_hold", Text{"署名用電子証明書は一時停止されています。", "The signature certificate is on hold."},
			Text{"マイナンバー総合フリーダイヤルまたは市区町村の窓口で、一時停止の解除を申し出てください。",
				"Ask the card's hotline or your municipality to lift the hold."}, []string{"card.certificate.hold"}},
		{"card.authentication_certificate_revoked", Text{"利用者証明用電子証明書は失効しています。", "The user authentication certificate is revoked."},
			Text{"市区町村の窓口で新しい電子証明書の発行を受けてから、やり直してください。", "Get new certificates at your municipality, then start again."},
			[]string{"card.authentication.status"}},
		{"card.authentication_certificate_on_hold", Text{"利用者証明用電子証明書は一時停止されています。", "The user authentication certificate is on hold."},
			Text{"マイナンバー総合フリーダイヤルまたは市区町村の窓口で、一時停止の解除を申し出てください。",
				"Ask the card's hotline or your municipality to lift the hold."}, []string{"card.authentication.hold"}},
		{CodeStatusUnavailable, Text{"電子証明書の有効性を、いま確認できません。", "Whether the certificates are in force cannot be found out at the moment."}, later(), nil},
	}
}

func agreementRefusals() []Refusal {
	return []Refusal{
		{"card.name_differs", Text{"氏名が、カードの記録と電子証明書とで異なります。", "Records and certificate give different names."}, askOffice(), []string{"agree.name"}},
		{"card.birth_date_differs", Text{"生年月日が、カードの記録と電子証明書とで異なります。", "Records and certificate give different birth dates."}, askOffice(),
			[]string{"agree.birth_date"}},
		{"card.address_differs", Text{"住所が、カードの記録と電子証明書とで異なります。", "Records and certificate give different addresses."}, askOffice(), []string{"agree.address"}},
		{"card.sex_differs", Text{"性別が、カードの記録と電子証明書とで異なります。", "Records and certificate differ in the sex."}, askOffice(), []string{"agree.sex"}},
		{"card.municipality_differs", Text{"市区町村コードが、カードの中で一致しません。", "The card names more than one municipality."}, askOffice(), []string{"agree.municipality"}},
		{"card.number_invalid", Text{"個人番号が、カードに記録されたものと異なります。", "The individual number is not as the card holds it."}, tapAgain(),
			[]string{"number.integrity", "number.check_digit"}},
		{CodeReadingUnsound, Text{"読み取り結果を確認できません。", "The reading could not be verified."}, tapAgain(), nil},
	}
}

// courseRefusals are about the course of an application, not about the card.
func courseRefusals() []Refusal {
	again := Text{"最初からやり直してください。", "Start again."}
	return []Refusal{
		{CodeDuplicate, Text{"同じ方の発行手続が、別の端末で進行中です。", "A document for the same person is being issued to another device."},
			Text{"その手続を終えるか、15分ほど待ってからやり直してください。", "Finish there, or start again after some fifteen minutes."}, nil},
		{CodeChallengeUsed, Text{"この申込みの読み取りは、すでに受け付けられています。", "A reading was already taken for this application."}, again, nil},
		{CodeExpired, Text{"申込みの受付時間が過ぎました。", "The time for this application is over."}, again, nil},
		{CodeEvidenceGone, Text{"読み取り結果の保持時間が過ぎました。", "The reading is no longer held."}, tapAgain(), nil},
		{CodeNoValidity, Text{"カードまたは電子証明書の有効期間が、ほとんど残っていません。", "Card or certificate end too soon."}, renew(), nil},
		{CodeDeviceRevoked, Text{"申込みの後に、この端末の文書が失効しました。", "The documents of this device were revoked after the application."}, again, nil},
		{CodeDeviceNotEmptied, Text{"この端末には、消去されていない古い文書があります。", "The device still holds documents that are to be erased."},
			Text{"端末を通信できる状態にして、消去が終わってからやり直してください。", "Keep the device online until they are erased, then start again."}, nil},
		{CodeBusy, Text{"ただいま混み合っています。", "There is too much to do at the moment."}, later(), nil},
	}
}
