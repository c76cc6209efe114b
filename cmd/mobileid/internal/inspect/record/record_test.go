package record_test

import (
	"testing"

	"mobileid/cmd/mobileid/internal/inspect/annotate"
	"mobileid/cmd/mobileid/internal/inspect/record"
	"mobileid/mdoc/mdoctest"
)

// FuzzRead: any bytes give a tree inside them or a fault inside them.
func FuzzRead(f *testing.F) {
	d := mdoctest.LoadAnnexD(f)
	f.Add(d.Bytes(f, "nfc_handover_select_message"))
	f.Add(d.Bytes(f, "nfc_handover_request_message"))
	f.Fuzz(func(t *testing.T, data []byte) {
		root, fault := record.Read(data, 0, func(payload []byte, as string, at int) (*annotate.Node, *annotate.Fault) {
			tree, fault := annotate.Walk(payload, as, at)
			return tree.Root, fault
		})
		if fault != nil && (fault.Offset < 0 || fault.Offset > len(data)) {
			t.Fatal(fault)
		}
		root.Each(func(n *annotate.Node) {
			if n.Type != "note" && n.Offset+n.Length > len(data) {
				t.Fatalf("%s at %d, %d bytes of %d", n.Type, n.Offset, n.Length, len(data))
			}
		})
		_ = record.Looks(data)
	})
}
