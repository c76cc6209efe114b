package demo

import (
	"testing"

	"github.com/makiuchi-d/gozxing"
	"github.com/makiuchi-d/gozxing/qrcode"
	goqrcode "github.com/skip2/go-qrcode"
)

// TestQRIsRead has another library read the code that the phone shows.
func TestQRIsRead(t *testing.T) {
	device, err := newDevice()
	if err != nil {
		t.Fatal(err)
	}
	uri := device.Engagement().URI()
	code, err := goqrcode.New(uri, goqrcode.Low)
	if err != nil {
		t.Fatal(err)
	}
	bitmap, err := gozxing.NewBinaryBitmapFromImage(code.Image(512))
	if err != nil {
		t.Fatal(err)
	}
	read, err := qrcode.NewQRCodeReader().Decode(bitmap, nil)
	if err != nil || read.GetText() != uri {
		t.Errorf("read %v, %v", read, err)
	}
}
