package cardsim_test

import (
	"fmt"
	"strings"
	"testing"

	"mobileid/mdoc/apdu"
)

func TestSelect(t *testing.T) {
	k := newCard(t, "nineteen", nil)
	talk(t, k, `
		00A40000 > 6A86                            nothing selected yet but the security domain
		00A4000C023F00 > 6A82                      no MF
		00A4020C020001 > 6986                      no application
		00B0000000 > 6986
		00A4040C0A A0000000000000000000 > 6A82     foreign AID
		00A4040C00 > 6A82
		00A4040C > 6A82                            empty AID
		`+selectJPKI+` > 9000
		`+selectJPKI+`00 > 9000                    a trailing Le
		00A40000 > 9000                            and nothing changes
		00A4020C020006 > 9000
		00A4020C020018 > 9000                      PIN file
		00A4020C020017 > 9000                      key file
		00A4020C020003 > 6A82
		00A4020C0100 > 6700
		00A4080C023F00 > 6A86
		00A4040C05 D392F00026 > 9000               by prefix
		00A4020C02000A > 9000
		00A4040C07 A0000001510000 > 9000
		00A4040C0B D392F00026010000000100 > 6A82   longer than any
	`)
	talk(t, k, "00A404000A D392F000260100000001 > 9000")
	if fci, sw := send(t, k, "00A404000A D392F000260100000001"); sw != "9000" || fci != "" {
		t.Errorf("FCI without Le: %s %s", fci, sw)
	}
	if fci, sw := send(t, k, "00A4040005 D392F00026 00"); sw != "9000" || fci != "6f0c840ad392f000260100000001" {
		t.Errorf("FCI by prefix: %s %s", fci, sw) // tells the whole name, and so which application it is
	}
	if fci, sw := send(t, k, "00A404000A D392F000260100000001 00"); sw != "9000" || fci != "6f0c840ad392f000260100000001" {
		t.Errorf("FCI %s %s", fci, sw)
	}
}

func TestClassesAndInstructions(t *testing.T) {
	k := newCard(t, "nineteen", nil)
	talk(t, k, `
		01A4040C0A D392F000260100000001 > 6881
		03B0000000 > 6881
		40B0000000 > 6881
		81200080 > 6881
		0CB0000000 > 6E00
		90B0000000 > 6E00
		FF000000 > 6E00
		00000000 > 6D00
		80CA006600 > 6D00
		00FE000000 > 6D00
		00A404 > 6700
		00A4040CFF00 > 6700
	`)
	if _, err := (apdu.Command{}).Bytes(); err != nil {
		t.Fatal(err)
	}
	for _, aid := range []string{"A0000000041010", "A0000000031010", "A000000308000010000100", "D27600012401", "E828BD080F", "A00000006203010C0601"} {
		if _, sw := send(t, k, fmt.Sprintf("00A4040C%02X%s", len(aid)/2, aid)); sw != "6A82" {
			t.Errorf("foreign AID %s: %s", aid, sw)
		}
	}
}

func TestReadBinary(t *testing.T) {
	k := newCard(t, "nineteen", nil)
	talk(t, k, selectJPKI+" > 9000\n00A4020C02000A > 9000")
	whole, sw := send(t, k, "00B00000000000")
	if sw != "9000" || len(whole) < 2*1024 || whole[:4] != "3082" {
		t.Fatalf("extended: %d bytes %s", len(whole)/2, sw)
	}
	n := len(whole) / 2
	var chunks strings.Builder
	for at := 0; at < n; at += 256 {
		part, sw := send(t, k, fmt.Sprintf("00B0%04X00", at))
		if sw != "9000" {
			t.Fatalf("offset %d: %s", at, sw)
		}
		chunks.WriteString(part)
	}
	if chunks.String() != whole {
		t.Error("chunks and whole differ")
	}
	if got, sw := send(t, k, fmt.Sprintf("00B0%04X00", n-1)); sw != "9000" || got != whole[2*n-2:] {
		t.Errorf("last byte: %s %s", got, sw)
	}
	if got, _ := send(t, k, "00B0000004"); got != whole[:8] {
		t.Errorf("first four: %s", got)
	}
	if got, _ := send(t, k, "00B08A0110"); got != whole[2:34] {
		t.Errorf("by short identifier, offset 1: %s", got)
	}
	if !strings.HasSuffix(whole, "ff") {
		t.Error("no filler behind the certificate")
	}
	talk(t, k, fmt.Sprintf(`
		00B0%04X00 > 6B00     at the end
		00B07FFF00 > 6B00
		00B0000000 > 9000
		00B00000 > 6700
		00B0000001AA > 6700   data
		00B0830000 > 6A82     no such short identifier
		00B0E00000 > 6A86
		00B20104 00 > 6981    no records
		00A4020C020017 > 9000
		00B0000000 > 6981     a key
		00A4020C020018 > 9000
		00B0000000 > 6981     a PIN
		00A4020C020001 > 9000
		00B0000000 > 6982     not opened
		00B0810000 > 6982
		00B07FFF00 > 6982     before the offset is looked at
	`, n))
}

func TestSecurityStatus(t *testing.T) {
	k := newCard(t, "nineteen", nil)
	verify := "00200091" + ascii(k.Person().AttributePIN)
	open, closed := "00B0820000 > 9000", "00B0820000 > 6982"
	talk(t, k, selectAttributes+" > 9000\n"+verify+" > 9000\n"+open)
	talk(t, k, selectAttributes+" > 9000\n"+open) // the same AP again keeps it
	talk(t, k, "00A4040C09 D39210003100010104 > 9000")
	talk(t, k, selectAttributes+" > 9000\n"+closed) // the prefix had selected 券面AP
	talk(t, k, verify+" > 9000\n00A4040C0AA0000000000000000000 > 6A82\n"+open)
	talk(t, k, selectJPKI+" > 9000\n"+selectAttributes+" > 9000\n"+closed)
	talk(t, k, verify+" > 9000")
	k.Reset()
	talk(t, k, "00B0820000 > 6A82\n"+selectAttributes+" > 9000\n"+open) // a warm reset keeps it
	k.Reset()
	talk(t, k, selectJPKI+" > 9000\n"+selectAttributes+" > 9000\n"+closed) // but not past another application
	talk(t, k, verify+" > 9000")
	k.Unpower()
	talk(t, k, selectAttributes+" > 9000\n"+closed)
	talk(t, k, verify+" > 9000\n0020009104 30303030 > 63C2\n"+closed) // a wrong one takes it back
}

func TestVerifyCounts(t *testing.T) {
	for _, tc := range []struct {
		name, sel string
		id        byte
		limit     int
	}{
		{"auth PIN", selectJPKI, 0x18, 3}, {"signature password", selectJPKI, 0x1B, 5}, {"attribute PIN", selectAttributes, 0x11, 3},
		{"A in 補助AP", selectAttributes, 0x14, 10}, {"B in 補助AP", selectAttributes, 0x15, 10},
		{"birth date", selectFace, 0x11, 10}, {"B in 券面AP", selectFace, 0x12, 10}, {"A in 券面AP", selectFace, 0x13, 10},
		{"共通カードAP PIN", selectCommon, 0x1C, 3}, {"住基AP PIN", selectRegister, 0x1C, 3},
	} {
		t.Run(tc.name, func(t *testing.T) {
			k := newCard(t, "nineteen", nil)
			ask := fmt.Sprintf("002000%02X", 0x80|tc.id)
			talk(t, k, tc.sel+" > 9000")
			for left := tc.limit; left > 0; left-- {
				talk(t, k, fmt.Sprintf("%s > 63C%X\n%s0458585858 > 63C%X", ask, left, ask, left-1))
				k.Unpower() // power gives no try back
				talk(t, k, tc.sel+" > 9000")
			}
			talk(t, k, ask+" > 63C0\n"+ask+"0458585858 > 6984")
			for _, steps := range secretsOf(k) { // not even the right value
				sel, verify, _ := strings.Cut(steps, "|")
				if sel == tc.sel && strings.HasPrefix(verify, ask) {
					talk(t, k, verify+" > 6984\n"+ask+" > 63C0")
				}
			}
		})
	}
}

func TestVerifyForms(t *testing.T) {
	k := newCard(t, "nineteen", nil)
	pin := ascii(k.Person().AuthenticationPIN)
	talk(t, k, `
		00200080 > 6986
		`+selectJPKI+` > 9000
		00200080 > 6986                  no file selected
		00A4020C020018 > 9000
		00200080 > 63C3
		0020008000 > 6700                five bytes
		00200080 04 30303030 > 63C2
		00200080 04 30303030 00 > 6700   with Le
		00200080 `+pin+` > 9000
		00200080 > 63C3                  never 9000
		00200180 > 6A86
		00200018 > 6A86
		002000A0 > 6A86
		00200083 > 6A88
		0020008A > 6981                  not a secret
		00200097 `+pin+` > 6981
		00200098 01 31 > 63C2            any length counts
		00200098 10 31313131313131313131313131313131 > 63C1
		00200098 `+pin+` > 9000
		00200098 > 63C3
	`)
	talk(t, k, selectAttributes+" > 9000\n00200092 > 63C0\n0020009204 31323334 > 6984") // blocked from birth
}

func TestChangeReferenceData(t *testing.T) {
	k := newCard(t, "nineteen", nil)
	p := k.Person()
	talk(t, k, selectJPKI+` > 9000
		00A4020C020018 > 9000
		00240180 04 37373737 > 6982      without VERIFY
		00200080 `+ascii(p.AuthenticationPIN)+` > 9000
		00240080 04 37373737 > 6A86
		00240180 05 3737373737 > 6700
		00240180 04 37373741 > 6700
		00240180 04 37373737 > 9000
		00200080 `+ascii(p.AuthenticationPIN)+` > 63C2
		00200080 04 37373737 > 9000
		0024019B 06 414243313233 > 6982  another secret's VERIFY does not count
		0020009B `+ascii(p.SignaturePassword)+` > 9000
		0024019B 06 616263313233 > 6700  small letters
		0024019B 06 414243313233 > 9000
		0020009B 06 414243313233 > 9000
		`+selectAttributes+` > 9000
		00200094 `+ascii(p.Number)+` > 9000
		00240194 0C 303030303030303030303030 > 6985
		0024018A 04 37373737 > 6A88
		00240182 04 37373737 > 6981
	`)
	k.Unpower()
	talk(t, k, selectJPKI+" > 9000\n0020009804 37373737 > 9000") // it lasts
}

func TestGetChallenge(t *testing.T) {
	k := newCard(t, "nineteen", nil)
	a, sw := send(t, k, "0084000010")
	b, _ := send(t, k, "0084000010")
	if sw != "9000" || len(a) != 32 || a == b {
		t.Errorf("challenges %s, %s: %s", a, b, sw)
	}
	talk(t, k, "00840000000010 > 6985\n0084010010 > 6A86\n00840000 > 6700")
	if c, _ := send(t, k, "0084000000"); len(c) != 512 {
		t.Errorf("%d bytes", len(c)/2)
	}
}
