package mdoc_test

import (
	"bytes"
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"

	"mobileid/mdoc"
	"mobileid/mdoc/cbor"
	"mobileid/mdoc/encryption"
	"mobileid/mdoc/holder"
	"mobileid/mdoc/mdoctest"
	"mobileid/mdoc/mdoctest/world"
)

// reader is one of the readers without reflection beside the generic decoder of the same type.
type reader struct {
	name  string
	check func(t *testing.T, data []byte) (value any, taken bool)
}

func pairOf[T any](name string, read func(*cbor.Cursor, *T)) reader {
	return reader{name, func(t *testing.T, data []byte) (any, bool) {
		t.Helper()
		var got, want T
		c := cbor.NewCursor(data)
		read(c, &got)
		err, wantErr := c.Done(), cbor.Unmarshal(data, &want)
		if (err == nil) != (wantErr == nil) {
			t.Fatalf("%s: the reader says %v, the generic decoder %v: %x", name, err, wantErr, data)
		}
		if err != nil {
			if e, ok := errors.AsType[*cbor.Error](err); ok && (e.Offset < 0 || e.Offset > len(data)) {
				t.Fatalf("%s: offset %d of %d bytes", name, e.Offset, len(data))
			}
			return nil, false
		}
		if !reflect.DeepEqual(got, want) {
			t.Fatalf("%s: the reader and the generic decoder differ: %x\n got %+v\nwant %+v", name, data, got, want)
		}
		again, err := cbor.Marshal(got)
		if err != nil || cbor.Wellformed(again) != nil {
			t.Fatalf("%s: what was read does not encode: %v", name, err)
		}
		return got, true
	}}
}

func readers() []reader {
	return []reader{
		pairOf("DeviceResponse", mdoc.ReadDeviceResponse),
		pairOf("Document", mdoc.ReadDocument),
		pairOf("IssuerSigned", mdoc.ReadIssuerSigned),
		pairOf("IssuerSignedItem", mdoc.ReadItem),
		pairOf("DeviceNameSpaces", mdoc.ReadDeviceNameSpaces),
		pairOf("MobileSecurityObject", mdoc.ReadMSO),
		pairOf("IssuerSignedItemBytes", func(c *cbor.Cursor, i *mdoc.IssuerSignedItemBytes) { cbor.ReadEmbedded(c, i, mdoc.ReadItem) }),
	}
}

// readerSeeds are structures with every member: printed ones, our own, and one of each with all that is optional.
func readerSeeds(tb testing.TB) [][]byte {
	tb.Helper()
	d := mdoctest.LoadAnnexD(tb)
	mso := d.Bytes(tb, "mobile_security_object")
	out := [][]byte{d.Bytes(tb, "device_response"), mso}
	w := world.New(tb)
	draft := w.Draft(tb)
	draft.ExpectedUpdate = draft.ValidUntil
	draft.KeyAuthorizations = &mdoc.KeyAuthorizations{NameSpaces: []string{"a"},
		DataElements: cbor.Map[string, []string]{{Key: "b", Value: []string{"x", "y"}}}}
	draft.IdentifierList = &mdoc.IdentifierListRef{ID: []byte{1, 2}, URI: "https://issuer.example/list"}
	for _, proof := range []holder.Proof{holder.BySignature, holder.ByMAC} {
		issued := w.Issue(tb, draft)
		in := w.Answer(tb, w.Holder(tb, issued, proof), w.Meet(tb), world.Items(world.NameSpace, "age_over_20", world.NameJP, "full_name_unicode"))
		r, err := mdoc.ParseDeviceResponse(in.Response)
		if err != nil {
			tb.Fatal(err)
		}
		codes := cbor.Map[string, int64]{{Key: "portrait"}, {Key: "sex", Value: -7}}
		r.DocumentErrors = []cbor.Map[string, int64]{codes}
		r.Documents[0].Errors = cbor.Map[string, cbor.Map[string, int64]]{{Key: "a", Value: codes}}
		if r.Documents[0].DeviceSigned.NameSpaces, err = cbor.NewEmbedded(mdoc.DeviceNameSpaces{{Key: "a",
			Value: cbor.Map[string, cbor.RawMessage]{{Key: "x", Value: cbor.RawMessage{0x80}}, {Key: "y", Value: cbor.RawMessage{0xf6}}}}}); err != nil {
			tb.Fatal(err)
		}
		data, err := cbor.NewEmbedded(mdoc.ZkDocumentData{DocType: "a", ZkSystemID: "b", Timestamp: cbor.RawMessage{0}})
		if err != nil {
			tb.Fatal(err)
		}
		plain := world.Encode(tb, r)
		r.ZkDocuments = []mdoc.ZkDocument{{DocumentData: data, Proof: []byte{1}}}
		r.EncryptedDocuments = []encryption.EncryptedDocuments{{Enc: []byte{1}, CipherText: []byte{2}, DocRequestID: 3}}
		document := &r.Documents[0]
		object, err := document.IssuerSigned.MSO()
		if err != nil {
			tb.Fatal(err)
		}
		object.Status.StatusList.Certificate, object.Status.IdentifierList.Certificate = []byte{3}, []byte{4}
		item := document.IssuerSigned.NameSpaces[0].Value[0]
		out = append(out, plain, world.Encode(tb, r), world.Encode(tb, *document), world.Encode(tb, document.IssuerSigned), world.Encode(tb, object),
			world.Encode(tb, document.DeviceSigned.NameSpaces.Value), item.Bytes(), item.Content())
	}
	return out
}

// oddities are items that stand where another is due.
func oddities() [][]byte {
	list := [][]byte{{0xf6}, {0xf7}, {0xf5}, {0xe0}, {0x00}, {0x20}, {0x18, 0x05}, {0x40}, {0x60}, {0x61, 0xff}, {0x61, 0x61}, {0x80}, {0xa0}, {0x9f, 0xff},
		{0x5f, 0xff}, {0xbf, 0xff}, {0x81, 0x00}, {0xa1, 0x00, 0x00}, {0xa2, 0x00, 0x00, 0x18, 0x00, 0x00}, {0xa1, 0x40, 0x00}, {0xa1, 0xf5, 0x00},
		{0xa1, 0x61, 0x61, 0x40}, {0xa2, 0x61, 0x61, 0x00, 0x78, 0x01, 0x61, 0x00}, {0xf9, 0x7e, 0x00}, {0xf9, 0x3c, 0x00}, {0xf9, 0x00, 0x16},
		{0x1b, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}, {0x3b, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff},
		{0x3b, 0x80, 0, 0, 0, 0, 0, 0, 0}, {0x1b, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}, {0xd8, 0x18, 0x40}, {0xd8, 0x18, 0x41, 0xa0},
		{0xd8, 0x18, 0x42, 0xa0, 0x00}, {0xd8, 0x18, 0x61, 0x61}, {0xd8, 0x19, 0x41, 0xa0}, {0xc2, 0x41, 0x01}, {0xc0, 0x61, 0x61}, {0x5b, 0x7f, 0, 0, 0, 0, 0, 0, 0},
		{0x9b, 0x7f, 0, 0, 0, 0, 0, 0, 0}, {0x99, 0x40, 0x01}, {0xb9, 0x04, 0x01}}
	for _, date := range []string{"2020-02-29T23:59:59Z", "2021-02-29T00:00:00Z", "2020-01-01T24:00:00Z", "2020-01-01T00:00:60Z", "2020-13-01T00:00:00Z",
		"2020-00-01T00:00:00Z", "2020-01-00T00:00:00Z", "0000-01-01T00:00:00Z", "2020-01-01t00:00:00Z", "2020-01-01T00:00:00.5Z", "2020-01-01T00:00:00+00:00"} {
		list = append(list, cbor.AppendText([]byte{0xc0}, date))
	}
	for _, depth := range []int{5, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17} {
		list = append(list, append(bytes.Repeat([]byte{0x81}, depth), 0x00), append(bytes.Repeat([]byte{0xc1}, depth), 0x00))
	}
	wide := cbor.AppendMapHead(nil, 40)
	for i := range 40 {
		wide = append(cbor.AppendText(wide, "key"+string(rune('a'+i%39))), 0x00)
	}
	return append(list, wide, append(cbor.AppendArrayHead(nil, 100), make([]byte, 100)...))
}

// places are the offsets at which the items of data begin and end, embedded ones left closed.
func places(data []byte) (out [][2]int) {
	var walk func(at int) int
	walk = func(at int) int {
		head := data[at]
		n, next := uint64(head&0x1f), at+1
		if size := map[uint64]int{24: 1, 25: 2, 26: 4, 27: 8}[n]; size > 0 {
			n = 0
			for _, b := range data[next : next+size] {
				n = n<<8 | uint64(b)
			}
			next += size
		}
		count := uint64(0)
		switch head >> 5 {
		case 2, 3:
			next += int(n)
		case 4:
			count = n
		case 5:
			count = 2 * n
		case 6:
			count = 1
		}
		for range count {
			next = walk(next)
		}
		out = append(out, [2]int{at, next})
		return next
	}
	walk(0)
	return out
}

// TestReadersAgree holds the readers to the generic decoder: on good structures, with bytes changed, doubled, left out and the end
// cut off all along, and with every item replaced by others.
func TestReadersAgree(t *testing.T) {
	seeds, odd := readerSeeds(t), oddities()
	for _, r := range readers() {
		t.Run(r.name, func(t *testing.T) {
			t.Parallel()
			taken, refused := 0, 0
			try := func(data []byte) {
				if _, ok := r.check(t, data); ok {
					taken++
				} else {
					refused++
				}
			}
			for _, seed := range seeds {
				if _, ok := r.check(t, seed); !ok {
					continue
				}
				for at := 0; at < len(seed); at += 1 + len(seed)/1000 {
					for _, bit := range []byte{0x01, 0x02, 0x08, 0x20, 0x80} {
						changed := bytes.Clone(seed)
						changed[at] ^= bit
						try(changed)
					}
					try(slices.Concat(seed[:at], seed[at+1:]))
					try(slices.Concat(seed[:at+1], seed[at:]))
					try(seed[:at])
				}
				all := places(seed)
				for n, p := range all {
					for k, o := range odd {
						if len(all) > 40 && (n+k)%4 > 0 {
							continue
						}
						try(slices.Concat(seed[:p[0]], o, seed[p[1]:]))
					}
				}
			}
			for _, o := range odd {
				try(o)
			}
			if taken == 0 || refused == 0 {
				t.Errorf("%d taken, %d refused", taken, refused)
			}
			t.Logf("%d taken, %d refused, alike", taken, refused)
		})
	}
}

// TestSeedsFillEveryMember shows that the seeds have every member of every structure the readers know, so that a member without
// its line in a reader is found.
func TestSeedsFillEveryMember(t *testing.T) {
	empty := map[string]bool{}
	var look func(v reflect.Value)
	look = func(v reflect.Value) {
		switch v.Kind() {
		case reflect.Pointer:
			if !v.IsNil() {
				look(v.Elem())
			}
		case reflect.Slice:
			for i := range v.Len() {
				look(v.Index(i))
			}
		case reflect.Struct:
			for i := range v.NumField() {
				f := v.Type().Field(i)
				if strings.Contains(string(f.Tag), "cbor:") {
					name := v.Type().Name() + "." + f.Name
					known, seen := empty[name]
					empty[name] = v.Field(i).IsZero() && (known || !seen)
				}
				look(v.Field(i))
			}
		}
	}
	for _, seed := range readerSeeds(t) {
		for _, r := range readers() {
			if v, ok := r.check(t, seed); ok {
				look(reflect.ValueOf(v))
			}
		}
	}
	for name, isEmpty := range empty {
		if optional := strings.HasPrefix(name, "Zk") || name == "DeviceResponse.Status"; isEmpty && !optional {
			t.Errorf("no seed has %s", name)
		}
	}
	if len(empty) < 30 {
		t.Errorf("%d members", len(empty))
	}
}

// FuzzReaders looks for a message on which a reader and the generic decoder differ.
func FuzzReaders(f *testing.F) {
	for _, seed := range readerSeeds(f) {
		f.Add(seed)
	}
	list := readers()
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, r := range list {
			r.check(t, data)
		}
	})
}
