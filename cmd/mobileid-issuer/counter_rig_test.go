package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"image/png"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/makiuchi-d/gozxing"
	"github.com/makiuchi-d/gozxing/qrcode"

	"mobileid/cmd/internal/phone"
	"mobileid/issuer"
	"mobileid/issuer/card/cardsim"
	"mobileid/issuer/httpapi"
	"mobileid/issuer/issuertest"
	"mobileid/mdoc/mdoctest/canary"
	"mobileid/mdoc/provisioning"
)

// hall is a town hall: an issuer behind its doors, the counter as the program runs it, a modelled card, and a phone.
type hall struct {
	*issuertest.World
	t           *testing.T
	issuer      string // its address
	page        string // the counter's
	cardFile    string
	card        *cardsim.Card
	wallet      issuertest.Wallet
	phone       *phone.Phone
	issuerLog   canary.Log
	counterLog  canary.Log // what the program wrote to standard error
	issuerPaths canary.Log // request lines the issuer saw
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func newHall(t *testing.T, person string) *hall {
	t.Helper()
	h := &hall{t: t, World: issuertest.New(t)}
	dir := t.TempDir()
	log := slog.New(slog.NewTextHandler(&h.issuerLog, &slog.HandlerOptions{Level: slog.LevelDebug}))
	service, _ := h.Open(t, filepath.Join(dir, "issuer.db"), func(c *issuer.Config) { c.Log = log })
	doors := httpapi.New(service, log)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintln(&h.issuerPaths, r.Method, r.RequestURI)
		doors.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	h.issuer = server.URL
	h.wallet = h.Wallet(t, person, "element-01")
	h.card, h.cardFile = h.wallet.Card, filepath.Join(dir, "card.secret")
	h.phone = &phone.Phone{SEID: h.wallet.SE.ID, IssuerURL: h.issuer}
	h.page = h.open(write(t, filepath.Join(dir, "token"), issuertest.OperatorToken+"\n"))
	return h
}

// open runs the program until the end of the test and gives the address it prints.
func (h *hall) open(token string) string {
	h.t.Helper()
	ctx, stop := context.WithCancel(context.Background())
	read, written := io.Pipe()
	ended := make(chan int, 1)
	go func() {
		ended <- run(ctx, []string{"counter", "-issuer", h.issuer, "-token-file", token, "-listen", "127.0.0.1:0", "-model", h.cardFile, "-portrait-decoder", "opj_decompress"}, written, &h.counterLog)
		_ = written.Close()
	}()
	h.t.Cleanup(func() {
		stop()
		if code := <-ended; code != 0 {
			h.t.Errorf("the counter ended with %d: %s", code, h.counterLog.String())
		}
	})
	var page string
	if _, err := fmt.Fscanf(read, "open %s", &page); err != nil {
		h.t.Fatalf("the counter printed no address: %v, %s", err, h.counterLog.String())
	}
	go func() { _, _ = io.Copy(io.Discard, read) }() // ends with the program
	return strings.TrimSuffix(page, "/")
}

// tap puts the card on the reader.
func (h *hall) tap() {
	h.t.Helper()
	raw, err := h.card.Save()
	check(h.t, err)
	check(h.t, os.WriteFile(h.cardFile, raw, 0o600))
}

func (h *hall) pull() { check(h.t, os.Remove(h.cardFile)) }

// scan reads a picture of a QR code as a phone's camera does.
func (h *hall) scan(picture []byte) string {
	h.t.Helper()
	img, err := png.Decode(bytes.NewReader(picture))
	check(h.t, err)
	bitmap, err := gozxing.NewBinaryBitmapFromImage(img)
	check(h.t, err)
	text, err := qrcode.NewQRCodeReader().Decode(bitmap, nil)
	check(h.t, err)
	return text.GetText()
}

func (h *hall) join(invitation string) phone.Visit {
	h.t.Helper()
	v, err := h.phone.Join(h.t.Context(), invitation, 1, provisioning.PurposeSign)
	check(h.t, err)
	return v
}

// provision waits for the order and plays TSM and element to the receipt.
func (h *hall) provision(v phone.Visit) {
	h.t.Helper()
	p, err := h.phone.Ordered(h.t.Context(), v, 20*time.Millisecond)
	check(h.t, err)
	order, ok := h.TSM.Order(p.OrderID)
	if !ok {
		h.t.Fatal("the TSM has no order")
	}
	keys := h.wallet.SE.Attest(h.t, order, nil)
	sealed := h.post("/v1/attestations", keys.Signed)
	h.post("/v1/receipts", h.wallet.SE.Receipt(h.t, keys, h.wallet.SE.Open(h.t, keys, sealed)))
}

func (h *hall) post(door string, body []byte) []byte {
	h.t.Helper()
	resp, err := http.Post(h.issuer+door, "application/cose", bytes.NewReader(body)) //nolint:noctx // a test's server
	check(h.t, err)
	defer resp.Body.Close() //nolint:errcheck // read to its end
	answer, err := io.ReadAll(resp.Body)
	check(h.t, err)
	if resp.StatusCode >= 300 {
		h.t.Fatalf("%s answers %d", door, resp.StatusCode)
	}
	return answer
}

// canaries are what must be in no log and no address.
func (h *hall) canaries() map[string]string {
	p := h.card.Person()
	return map[string]string{"name": p.Name, "address": p.Address, "number": p.Number, "attribute PIN": "=" + p.AttributePIN, "signature password": p.SignaturePassword,
		"number B": p.NumberB(), "security code": "=" + p.SecurityCode, "token": issuertest.OperatorToken}
}

func (h *hall) wantNoCanary() {
	h.t.Helper()
	for place, text := range map[string]string{"issuer's log": h.issuerLog.String(), "counter's log": h.counterLog.String(), "issuer's request lines": h.issuerPaths.String()} {
		if text == "" {
			h.t.Errorf("the %s is empty", place)
		}
		for name, value := range h.canaries() {
			if strings.Contains(text, value) {
				h.t.Errorf("the %s holds the %s", place, name)
			}
			if quoted, err := json.Marshal(value); err == nil && strings.Contains(text, strings.Trim(string(quoted), `"`)) {
				h.t.Errorf("the %s holds the %s, quoted", place, name)
			}
		}
	}
}
