package phone

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"time"

	"mobileid/issuer/pairing"
	"mobileid/mdoc/provisioning"
)

// Visit is a counter's session that this phone has taken up. Formatting it shows the id alone.
type Visit struct {
	ID string
	// Code is what the phone shows to its holder, and the holder to the clerk.
	Code  string
	token string
}

// Format keeps token and code out of formatted text.
func (v Visit) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, "counter session "+v.ID) }

// Join takes up the session of a scanned invitation for a slot of this phone's element. The phone goes to its own issuer,
// whatever it scanned; an invitation works once.
func (p *Phone) Join(ctx context.Context, invitation string, slot byte, purpose provisioning.Purpose) (Visit, error) {
	i, err := pairing.ParseInvitation(invitation)
	if err != nil {
		return Visit{}, fmt.Errorf("joining the counter: %w", err)
	}
	body, err := json.Marshal(struct {
		SEID    string `json:"se_id"`
		Slot    byte   `json:"slot"`
		Purpose uint64 `json:"purpose"`
	}{hex.EncodeToString(p.SEID), slot, uint64(purpose)})
	if err != nil {
		return Visit{}, fmt.Errorf("joining the counter: %w", err)
	}
	var out struct {
		Token string `json:"phone_token"`
		Code  string `json:"code"`
	}
	if err := p.call(ctx, http.MethodPost, "/v1/counter-sessions/"+i.Session()+"/phone", i.Secret(), "application/json", body, &out); err != nil {
		return Visit{}, fmt.Errorf("joining the counter: %w", err)
	}
	return Visit{ID: i.Session(), Code: out.Code, token: out.Token}, nil
}

// VisitState asks how far the visit is.
func (p *Phone) VisitState(ctx context.Context, v Visit) (progress Progress, err error) {
	if err := p.call(ctx, http.MethodGet, "/v1/counter-sessions/"+v.ID, v.token, "", nil, &progress); err != nil {
		return progress, fmt.Errorf("asking for the state of the visit: %w", err)
	}
	return progress, nil
}

// Ordered asks every so often until the issuer has ordered keys from the TSM, and fails when that can no longer come.
func (p *Phone) Ordered(ctx context.Context, v Visit, every time.Duration) (Progress, error) {
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	for {
		progress, err := p.VisitState(ctx, v)
		if err != nil {
			return progress, err
		}
		switch progress.State {
		case "open", "claimed", "confirmed", "redeemed":
		case "ended", "failed", "expired":
			return progress, fmt.Errorf("the visit is %s: nothing was issued", progress.State)
		default:
			return progress, nil
		}
		select {
		case <-ctx.Done():
			return progress, ctx.Err()
		case <-ticker.C:
		}
	}
}
