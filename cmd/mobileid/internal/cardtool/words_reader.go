package cardtool

import (
	"errors"
	"fmt"
	"strconv"
	"time"

	"mobileid/mdoc/apdu/pcsc"
)

// seconds writes a duration for people, without its unit.
func seconds(d time.Duration) string { return strconv.FormatFloat(d.Seconds(), 'f', -1, 64) }

func (w words) noCardCame(within time.Duration) string {
	return fmt.Sprintf(w.say("no card came within %s s: put it on the reader", "%s秒以内にカードが置かれませんでした。リーダーに置いてください"), seconds(within))
}

func (w words) slow(limit time.Duration) string {
	return fmt.Sprintf(w.say("the card took over %s s in all; nothing was kept", "カードとのやり取りが合計%s秒を超えました。読み取った内容は残っていません"), seconds(limit))
}

// service says in Japanese what is wrong with the reader or the PC/SC service; in English their errors are sentences already. Empty
// means that there are no other words.
func (w words) service(err error) string {
	if !w.japanese {
		return ""
	}
	for _, known := range []struct {
		text    string
		targets []error
	}{
		{"PC/SC サービスが動いていません。pcscd を起動してください", []error{pcsc.ErrNotRunning, pcsc.ServiceStopped}},
		{"このユーザーは PC/SC サービスまたはカードを使えません。管理者に相談してください", []error{pcsc.ErrNotAllowed, pcsc.SecurityViolation}},
		{"PC/SC サービスの版が合いません。どちらかを更新してください", []error{pcsc.ErrVersion}},
		{"PC/SC サービスとの接続が切れました。最初からやり直してください", []error{pcsc.ErrService, pcsc.ErrDropped, pcsc.ErrAnswer}},
		{"リーダーが時間内に応答しません。カードを置き直し、最初からやり直してください", []error{pcsc.ErrTimeout}},
		{"カードリーダーがありません。接続を確かめてください", []error{pcsc.UnknownReader, pcsc.NoReaders, pcsc.ReaderUnavailable}},
		{"別のプログラムがカードを使っています。終了してからやり直してください", []error{pcsc.SharingViolation, pcsc.ResetCard}},
		{"カードがありません。リーダーに置いてください", []error{pcsc.NoCard, pcsc.RemovedCard}},
		{"カードが応答しません。正しく置かれているか確かめてください", []error{
			pcsc.UnresponsiveCard, pcsc.UnsupportedCard, pcsc.UnpoweredCard, pcsc.CommError, pcsc.NotTransacted, pcsc.ProtocolMismatch, pcsc.ErrNoResponse,
		}},
	} {
		for _, target := range known.targets {
			if errors.Is(err, target) {
				return known.text
			}
		}
	}
	return ""
}
