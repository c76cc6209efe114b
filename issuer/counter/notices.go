package counter

import (
	"errors"
	"fmt"
	"regexp"
	"strings"

	"mobileid/issuer/card"
	"mobileid/issuer/refusal"
	"mobileid/schemas/problem"
)

// notice is one message to the clerk in both languages. Texts are constant but for numbers: nothing that was typed, read or
// received stands in one.
type notice struct {
	JA, EN string
	Bad    bool
}

func good(ja, en string) notice { return notice{JA: ja, EN: en} }
func bad(ja, en string) notice  { return notice{JA: ja, EN: en, Bad: true} }

// secretName is what holders call one of the three secrets a reading needs.
func secretName(n card.SecretName) (ja, en string) {
	if n == card.AttributePIN {
		return "券面事項入力補助用の暗証番号", "attribute PIN"
	}
	if n == card.NumberB {
		return "照合番号B", "number B"
	}
	return "署名用の暗証番号", "signature password"
}

// secretNotice says what became of a secret, and that nothing was tried again.
func secretNotice(e *card.SecretError) notice {
	ja, en := secretName(e.Secret)
	switch {
	case errors.Is(e.Err, card.ErrSecretForm):
		return bad(ja+"の桁数または文字が正しくありません。カードには送信していません（回数は減っていません）。",
			"The "+en+" does not have the right form. It was not sent to the card; no try was spent.")
	case errors.Is(e.Err, card.ErrLastTry):
		return bad(ja+"はあと1回でロックされます。カードには送信していません。続けるときは「最後の1回を使う」にチェックしてください。",
			"One try is left for the "+en+". It was not sent. Tick “use the last try” to go on.")
	case errors.Is(e.Err, card.ErrSecretBlocked) || e.TriesLeft == 0:
		return bad(ja+"はロックされています。暗証番号の初期化（再設定）の手続きが必要です。",
			"The "+en+" is blocked. It has to be reset by the municipality first.")
	case e.TriesLeft > 0:
		return bad(fmt.Sprintf("%sが違います。残り%d回です。自動での再試行はしていません。", ja, e.TriesLeft),
			fmt.Sprintf("Wrong %s: %d tries left. Nothing was tried again.", en, e.TriesLeft))
	}
	return bad(ja+"が違います。", "Wrong "+en+".")
}

// cardNotice says why a card could not be read.
func cardNotice(err error) notice {
	if errors.Is(err, card.ErrNotMyNumberCard) {
		return bad("マイナンバーカードではありません。カードを確認してください。", "This is not a My Number card.")
	}
	return bad("カードを読み取れませんでした。カードを置き直して、もう一度読み取ってください。読み取った情報は破棄しました。",
		"The card could not be read. Place it again and retry. What was read has been dropped.")
}

func noticeEnded() notice {
	return good("受付を終了し、入力・読み取り内容をすべて消去しました。", "The visit has ended; everything typed and read was erased.")
}

func noticeIdle() notice {
	return bad("一定時間操作がなかったため受付を終了し、内容をすべて消去しました。", "The visit ended because nothing was done for a while; everything was erased.")
}

func noticeForm() notice {
	return bad("入力内容を確認してください。", "Please check what was entered.")
}

func noticeAgree() notice {
	return bad("続けるには、読み取りと発行への同意が必要です。", "Consent to reading and issuing is needed to go on.")
}

func noticeQR() notice {
	return bad("QRコードの有効期限が切れました。新しいQRコードで始めてください。", "The QR code has expired. Start again with a new one.")
}

func noticeAway() notice {
	return bad("発行システムに接続できません。しばらくしてからもう一度お試しください。", "The issuing system cannot be reached. Please try again shortly.")
}

func noticeNo() notice {
	return bad("発行システムがこの窓口端末を受け付けませんでした。管理者に連絡してください。", "The issuing system does not accept this counter PC. Contact the administrator.")
}

func noticeCodes() notice {
	return bad("確認コードを3回間違えたため、このQRコードは無効になりました。", "Three wrong codes: this QR code is void.")
}

func noticeGone() notice {
	return bad("手続きの有効時間が切れました。最初からやり直してください。", "The procedure has timed out. Please start again.")
}

func noticeRead() notice {
	return bad("カードリーダーまたはカードを使用できません。接続とカードの置き方を確認してください。", "The reader or the card cannot be used. Check the connection and how the card lies.")
}

func noticeLost() notice {
	return bad("スマートフォンへの書き込みが完了しませんでした。最初からやり直してください。", "The phone did not get the credential. Please start again.")
}

func noticeFault() notice {
	return bad("処理を続けられませんでした。最初からやり直してください。", "This could not be completed. Please start again.")
}

func noticeUsed() notice {
	return bad("この窓口は別の画面で使用中です。", "This counter is in use in another window.")
}

func noticeWrongCode(left string) notice {
	return bad("確認コードが違います。残り"+left+"回です。お客様の画面のコードを確認してください。", "Wrong code, "+left+" tries left. Look at the holder's screen again.")
}

var (
	lastNumber = regexp.MustCompile(`tries left: ([0-9])$`)
	checkID    = regexp.MustCompile(`^[a-z0-9_]+(\.[a-z0-9_]+)+$`)
)

// refused tells what an issuer's error means: the notice in this program's own words, the code and ids of failed checks, and
// whether the visit is over. What the issuer wrote for people is not repeated.
func refused(err error) (n notice, checks []string, final bool) {
	p, isProblem := errors.AsType[problem.Problem](err)
	if !isProblem {
		return noticeAway(), nil, false
	}
	switch p.Code {
	case "wrong_code":
		if m := lastNumber.FindStringSubmatch(p.Detail); m != nil && m[1] != "0" {
			return noticeWrongCode(m[1]), nil, false
		}
		return noticeCodes(), nil, true
	case "session_ended", refusal.CodeExpired, refusal.CodeChallengeUsed:
		return noticeGone(), nil, true
	case problem.CodeUnavailable:
		return noticeAway(), nil, false
	case problem.CodeUnauthorized:
		return noticeNo(), nil, true
	}
	r, known := refusal.Of(p.Code)
	if !known {
		return noticeFault(), nil, true
	}
	return bad(r.What.JA+r.Do.JA, r.What.EN+" "+r.Do.EN), append([]string{r.Code}, failedChecks(p.Detail)...), true
}

// failedChecks takes the ids out of what the issuer says of a refused reading.
func failedChecks(detail string) (checks []string) {
	_, list, _ := strings.Cut(detail, "checks not passed: ")
	for id := range strings.SplitSeq(list, ", ") {
		if checkID.MatchString(id) && len(id) < 64 && len(checks) < 16 {
			checks = append(checks, id)
		}
	}
	return checks
}
