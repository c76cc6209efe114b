package apdulog_test

import (
	"strings"
	"testing"

	"mobileid/cmd/mobileid/internal/inspect/annotate"
	"mobileid/cmd/mobileid/internal/inspect/apdulog"
)

func none([]byte) *annotate.Node { return nil }

// TestNames: commands, files and status words are told in words.
func TestNames(t *testing.T) {
	log := strings.Join([]string{
		">> 00A4040008A000000151000000", "<< 6283", ">> 00A404000AD3921000310001010408", "<< 6A82", ">> 00A4020C020011", "<< 9000",
		">> 00B0850010", "<< 6C08", ">> 8050000008000102030405060700", "<< 6982", ">> 80F0000000", "<< 6D00", ">> 80AA0000", "<< 6999",
		">> 00990000", "<< 63C1", ">> 04840000", "<< 6110", ">> 41840000", "<< 9000", ">> 00D6000402ABCD", "<< 9000",
	}, "\n")
	root, fault := apdulog.Read([]byte(log), none)
	if fault != nil {
		t.Fatal(fault)
	}
	var out strings.Builder
	if err := annotate.WriteText(&out, root, annotate.TextOptions{}); err != nil {
		t.Fatal(err)
	}
	for _, words := range []string{"issuer security domain", "券面入力補助AP", "file 0011", "short identifier 05", "wrong Le, 8 bytes", "INITIALIZE UPDATE",
		"security status not satisfied", "SET STATUS", "instruction AA of the application", "unknown status", "instruction 99",
		"1 tries left", "under secure messaging", "16 more bytes", "logical channel 5", "UPDATE BINARY, at offset 4"} {
		if !strings.Contains(out.String(), words) {
			t.Errorf("without %q:\n%s", words, out.String())
		}
	}
}

func TestIs(t *testing.T) {
	for text, want := range map[string]bool{"# x\n\n>> 00A4\n": true, "card > 00200080** ********": true, "<< 9000": true, "": false, "# x": false,
		"hello": false, ">>": false, "a < hello": false} {
		if apdulog.Is(text) != want {
			t.Errorf("%q: %v", text, !want)
		}
	}
}

func TestResponseAlone(t *testing.T) {
	root, fault := apdulog.Read([]byte("<< 9000\n"), none)
	if fault != nil || len(root.Children) != 1 || !strings.Contains(root.Children[0].Meaning, "without a command") {
		t.Errorf("%v", fault)
	}
}

// FuzzRead: any text gives a tree or a fault inside it, and what was joined is never longer than the text.
func FuzzRead(f *testing.F) {
	f.Add([]byte("se > 00A4040007D2760000850101\nse < 9000\n>> 10C3000002AABB\n<< 9000\n>> 00C3000002CCDD00\n<< EE61FF\n>> 00C0000000\n<< EE9000\n"))
	f.Add([]byte("card > 00A4000C02E104\ncard < 9000\ncard > 00B0000002\ncard < 00069000\ncard > 00D6000003000101\ncard < 9000"))
	f.Fuzz(func(t *testing.T, text []byte) {
		_, fault := apdulog.Read(text, func(message []byte) *annotate.Node {
			if len(message) > len(text) {
				t.Fatal("more was joined than was there")
			}
			return nil
		})
		if fault != nil && (fault.Offset < 0 || fault.Offset > len(text)) {
			t.Fatal(fault)
		}
	})
}

// TestLongLine: the longest command with a space after each byte is a line of a log; one line of hex that is longer is refused before it is matched.
func TestLongLine(t *testing.T) {
	if line := "card > " + strings.Repeat("00 ", 65545); !apdulog.Is(line) {
		t.Error("the longest command is not one of a log")
	}
	long := "card > " + strings.Repeat("00", 1<<17)
	if apdulog.Is(long) {
		t.Error("a line longer than any command is taken")
	}
	if _, f := apdulog.Read([]byte(">> 00A40400\n"+long), nil); f == nil || f.Offset != 12 || !strings.Contains(f.Reason, "line 2 is longer") {
		t.Errorf("%v", f)
	}
}
