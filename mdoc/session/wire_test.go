package session

import (
	"bytes"
	"errors"
	"testing"

	"mobileid/mdoc/cbor"
	"mobileid/mdoc/cose"
	"mobileid/mdoc/mdoctest"
)

// The session messages as the generic decoder reads them, ISO/IEC 18013-5:2021, 9.1.1.4: the second opinion on the readers that
// do without reflection.
type wireEstablishment struct {
	EReaderKey cbor.Embedded[cose.Key] `cbor:"eReaderKey"`
	Data       []byte                  `cbor:"data"`
}

// wireData is SessionData, ISO/IEC 18013-5:2021, 9.1.1.4.
type wireData struct {
	Data   *[]byte `cbor:"data,omitempty"`
	Status *uint64 `cbor:"status,omitempty"`
}

func dataMessage(ciphertext []byte) []byte {
	return append(appendData(cbor.AppendMapHead(nil, 1), len(ciphertext)), ciphertext...)
}

// readersAgree holds both readers to the generic decoder: what they take, and what they yield.
func readersAgree(t *testing.T, message []byte) {
	t.Helper()
	var wantE wireEstablishment
	wantErr := cbor.Unmarshal(message, &wantE)
	e, err := parseEstablishment(message)
	if (err == nil) != (wantErr == nil) {
		t.Fatalf("SessionEstablishment %x: %v, the generic decoder %v", message, err, wantErr)
	}
	if err == nil && (!bytes.Equal(e.Data, wantE.Data) || !bytes.Equal(e.EReaderKey.Bytes(), wantE.EReaderKey.Bytes()) ||
		!e.EReaderKey.Value.Equal(wantE.EReaderKey.Value) && wantE.EReaderKey.Value.Equal(wantE.EReaderKey.Value)) {
		t.Fatalf("SessionEstablishment %x is read differently", message)
	}
	var wantD wireData
	wantErr = cbor.Unmarshal(message, &wantD)
	data, status, err := parseData(message)
	if wantErr != nil {
		if e, ok := errors.AsType[*cbor.Error](err); !ok || e.Offset > len(message) {
			t.Fatalf("SessionData %x: %v, the generic decoder %v", message, err, wantErr)
		}
		return
	}
	wellFormed := (wantD.Data != nil || wantD.Status != nil) && (wantD.Data == nil || len(*wantD.Data) > 0) &&
		(wantD.Data == nil || wantD.Status == nil || *wantD.Status == uint64(StatusTermination))
	if (err == nil) != wellFormed {
		t.Fatalf("SessionData %x: %v", message, err)
	}
	if err == nil && (wantD.Data != nil && !bytes.Equal(data, *wantD.Data) || (data == nil) != (wantD.Data == nil) ||
		(status == nil) != (wantD.Status == nil) || status != nil && uint64(*status) != *wantD.Status) {
		t.Fatalf("SessionData %x is read differently", message)
	}
}

// TestReadersAgree changes, cuts and lengthens the printed messages at every byte.
func TestReadersAgree(t *testing.T) {
	d := mdoctest.LoadAnnexD(t)
	termination, err := StatusMessage(StatusTermination)
	if err != nil {
		t.Fatal(err)
	}
	messages := [][]byte{d.Bytes(t, "session_establishment"), d.Bytes(t, "session_data"), d.Bytes(t, "session_termination"), termination,
		appendStatus(append(appendData(cbor.AppendMapHead(nil, 2), 3), 1, 2, 3), StatusTermination)}
	for _, good := range messages {
		readersAgree(t, good)
		for at := range min(len(good), 400) {
			for _, b := range []byte{good[at] ^ 1, good[at] ^ 0x20, good[at] + 1, 0xf6, 0xff, 0x18} {
				changed := bytes.Clone(good)
				changed[at] = b
				readersAgree(t, changed)
			}
			readersAgree(t, good[:at])
			readersAgree(t, append(bytes.Clone(good[:at+1]), good[at:]...))
		}
	}
}
