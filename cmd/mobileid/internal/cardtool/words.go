package cardtool

import (
	"errors"
	"fmt"

	"mobileid/issuer/card"
)

// words are the texts for people in one language.
type words struct {
	japanese bool
	// Advice.
	oldCard, phone, notMyNumber, silent, gone, closed, nextCard, nextHint string
}

func wordsIn(language string) (words, bool) {
	switch language {
	case "en":
		return words{
			oldCard:     "this is a 住基カード, issued before 2016; its certificates have ended. A My Number card is needed",
			phone:       "this is a phone: it has certificates only (card show, pin-status, certs, sign)",
			notMyNumber: "put a My Number card on the reader, and no other card with it",
			silent:      "take the card off the reader, put it back, and start again",
			gone:        "put the card back on the reader, leave it there, and start again; nothing was kept",
			closed:      "another secret opens this file: see --with",
			nextCard:    "a card of the proposed next generation (card new --next): no command here reads it",
			nextHint:    "use a card that was made without --next",
		}, true
	case "ja":
		return words{
			japanese:    true,
			oldCard:     "住民基本台帳カードです。電子証明書の有効期間は終わっています。マイナンバーカードを使ってください",
			phone:       "スマートフォンです。電子証明書だけが使えます (card show, pin-status, certs, sign)",
			notMyNumber: "マイナンバーカードを一枚だけリーダーに置いてください",
			silent:      "カードをいったん離して置き直し、最初からやり直してください",
			gone:        "カードをリーダーに置き直し、動かさずに最初からやり直してください。読み取った内容は残っていません",
			closed:      "このファイルは別の暗証番号で開きます (--with)",
			nextCard:    "次期個人番号カードの提案 (card new --next) です。ここのコマンドでは読めません",
			nextHint:    "--next を付けずに作ったカードを使ってください",
		}, true
	default:
		return words{}, false
	}
}

// say chooses the language.
func (w words) say(english, japanese string) string {
	if w.japanese {
		return japanese
	}
	return english
}

// secret names a secret.
func (w words) secret(n card.SecretName) string {
	switch n {
	case card.AuthenticationPIN:
		return w.say("user authentication PIN, 4 digits", "利用者証明用電子証明書の暗証番号 (数字4桁)")
	case card.SignaturePassword:
		return w.say("signature password, 6 to 16 letters and digits", "署名用電子証明書の暗証番号 (英数字6〜16文字)")
	case card.AttributePIN:
		return w.say("PIN of the attributes, 4 digits", "券面事項入力補助用の暗証番号 (数字4桁)")
	case card.NumberA:
		return w.say("number A: the individual number, 12 digits", "照合番号A: 個人番号 (数字12桁)")
	case card.NumberB:
		return w.say("number B: 14 digits, or birth date, year of expiry, security code", "照合番号B: 14桁、または生年月日・有効期限の西暦年・セキュリティコード")
	case card.BirthDateKey:
		return w.say("birth date as printed, YYMMDD", "券面のとおりの生年月日 (6桁)")
	case card.ResidentPIN:
		return w.say("PIN of the resident register, 4 digits", "住民基本台帳用の暗証番号 (数字4桁)")
	case card.CommonPIN:
		return w.say("PIN of the card", "個人番号カード用の暗証番号")
	default:
		return w.say("secret without a use", "使われない暗証番号")
	}
}

func (w words) tries(n int) string {
	if w.japanese {
		return fmt.Sprintf("残り%d回", n)
	}
	if n == 1 {
		return "1 try left"
	}
	return fmt.Sprintf("%d tries left", n)
}

// secretError says what became of a secret.
func (w words) secretError(e *card.SecretError) string {
	name := w.secret(e.Secret)
	switch {
	case errors.Is(e.Err, card.ErrWrongSecret) && e.TriesLeft == 0, errors.Is(e.Err, card.ErrSecretBlocked):
		return name + w.say(": blocked", ": ロックされています")
	case errors.Is(e.Err, card.ErrWrongSecret):
		return name + w.say(": wrong, ", ": 違います。") + w.tries(e.TriesLeft)
	case errors.Is(e.Err, card.ErrLastTry):
		return name + w.say(": 1 try is left, and it was not spent", ": 残り1回のため、送っていません")
	case errors.Is(e.Err, card.ErrSecretFixed):
		return name + w.say(": it cannot be changed", ": 変更できません")
	default:
		return name + w.say(": not of this form; nothing was sent and no try spent", ": 形式が違います。カードには送っていないので、回数は減っていません")
	}
}

// secretHint says what the holder can do.
func (w words) secretHint(e *card.SecretError) string {
	switch {
	case errors.Is(e.Err, card.ErrWrongSecret) && e.TriesLeft == 0, errors.Is(e.Err, card.ErrSecretBlocked):
		return w.say("a municipal office unlocks it; some post offices do for 4 digits, an app with a convenience store for the signature password",
			"市区町村の窓口で再設定できます。4桁の番号は一部の郵便局で、署名用の暗証番号はアプリとコンビニエンスストアでもできます")
	case errors.Is(e.Err, card.ErrLastTry):
		return w.say("when you are sure of it, start again with --spend-last-try; a wrong one blocks it", "確かな場合だけ --spend-last-try を付けてやり直してください。違うとロックされます")
	case errors.Is(e.Err, card.ErrWrongSecret):
		return w.say("it is not sent again by itself; start again when you are sure", "自動では送り直しません。確かめてからやり直してください")
	default:
		return ""
	}
}

// state is the state of a secret.
func (w words) state(p card.PINStatus) string {
	switch p.State {
	case card.SecretCounted:
		return w.tries(p.TriesLeft)
	case card.SecretBlocked:
		return w.say("blocked", "ロック中")
	case card.SecretUnlimited:
		return w.say("no limit", "回数の制限なし")
	case card.SecretPresented:
		return w.say("presented", "照合済み")
	case card.SecretAbsent:
		return w.say("not on this card", "このカードにはありません")
	default:
		return w.say("not told", "不明") + fmt.Sprintf(" (%04X)", uint16(p.SW))
	}
}

// sex is the code of ISO/IEC 5218 in words.
func (w words) sex(code uint) string {
	switch code {
	case card.SexMale:
		return w.say("male", "男")
	case card.SexFemale:
		return w.say("female", "女")
	case card.SexNotApplicable:
		return w.say("not applicable", "適用不能")
	default:
		return w.say("not known", "不明")
	}
}
