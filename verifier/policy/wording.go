package policy

import "mobileid/mdoc/verdict"

// Wording is a text for people, Japanese first.
type Wording struct {
	Japanese string `json:"ja"`
	English  string `json:"en"`
}

// explain words a code for staff.
func explain(code Code, c verdict.Check) Reason {
	w := staffWording(code)
	return Reason{Code: code, Japanese: w.Japanese, English: w.English, Check: c.ID, Detail: c.Measured}
}

func staffWording(code Code) Wording {
	switch code {
	case CodeAccepted:
		return Wording{"すべての確認が取れました。", "Every check passed."}
	case CodeUnderAge:
		return Wording{"求めた年齢に達していません。", "The age asked for has not been reached."}
	case CodeRevoked:
		return Wording{"失効または一時停止されています。", "The document is revoked or suspended."}
	case CodeOutsideValidity:
		return Wording{"有効期間外です。", "The document is outside its validity."}
	case CodeIssuerNotTrusted:
		return Wording{"信頼する発行者のものと確認できません。", "The issuer is not one this till trusts."}
	case CodeNotGenuine:
		return Wording{"発行者の署名またはデータが正しくありません。", "The issuer's signature or the data does not hold."}
	case CodeHolderNotProved:
		return Wording{"提示した端末が本人のものと確認できません。", "The device did not prove that the document is its own."}
	case CodeUnaskedData:
		return Wording{"求めていない情報が送られました。", "More was sent than was asked for."}
	case CodeWrongDocument:
		return Wording{"求めたものと異なる証明書です。", "Another document than the one asked for was shown."}
	case CodeBadResponse:
		return Wording{"応答の形式が正しくありません。", "The response is not well formed."}
	case CodeStatusUnknown:
		return Wording{"失効していないことを確認できません。", "It cannot be known whether the document is still valid."}
	case CodeAgeNotShown:
		return Wording{"求めた年齢についての回答がありません。", "There is no answer about the age asked for."}
	case CodeElementMissing:
		return Wording{"必要な情報が不足しています。", "Something that was asked for is missing."}
	case CodeNoDocument:
		return Wording{"証明書が提示されませんでした。", "No document was shown."}
	case CodeSessionFailed:
		return Wording{"通信に失敗しました。もう一度お試しください。", "The exchange failed. Please try again."}
	case CodeCheckNotPassed:
		return Wording{"確認項目の一つが不合格でした。", "A check failed."}
	case CodeCheckNotRun:
		return Wording{"確認項目の一つを実施できませんでした。", "A check could not be carried out."}
	}
	return Wording{"確認できません。", "Not confirmed."}
}

// CustomerWording is what the display on the customer's side says. Everything but acceptance reads alike there, so that
// bystanders do not learn why.
func CustomerWording(d Decision) Wording {
	if d == Accepted {
		return Wording{"確認できました。", "Confirmed."}
	}
	return Wording{"確認できませんでした。係員にお声がけください。", "Not confirmed. Please see a member of staff."}
}
