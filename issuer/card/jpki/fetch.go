package jpki

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"
)

const (
	typeOCSPRequest  = "application/ocsp-request"
	typeOCSPResponse = "application/ocsp-response"
)

// fetch makes one request, a POST when there is a body, and reads an answer of status 200 and at most limit bytes. Errors name no address.
func (s *Source) fetch(ctx context.Context, place string, body []byte, limit int64) ([]byte, error) {
	method := http.MethodGet
	if body != nil {
		method = http.MethodPost
	}
	req, err := http.NewRequestWithContext(ctx, method, place, bytes.NewReader(body))
	if err != nil {
		return nil, errors.New("no request could be made")
	}
	if body != nil {
		req.Header.Set("Content-Type", typeOCSPRequest)
		req.Header.Set("Accept", typeOCSPResponse)
	}
	resp, err := s.client.Do(req)
	if err != nil {
		return nil, errors.New("not reached")
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("status %d", resp.StatusCode)
	}
	answer, err := io.ReadAll(io.LimitReader(resp.Body, limit+1))
	switch {
	case err != nil:
		return nil, errors.New("cut off")
	case int64(len(answer)) > limit:
		return nil, fmt.Errorf("over %d bytes", limit)
	}
	return answer, nil
}

// pace tells when a place may be asked. Its owner guards it.
type pace struct {
	asked  time.Time // of the last try
	failed bool
}

// due reports whether the wait since the last try is over; a clock that went back is no reason to wait.
func (p *pace) due(at time.Time, refresh, retry time.Duration) bool {
	wait := refresh
	if p.failed {
		wait = retry
	}
	return p.asked.IsZero() || at.Before(p.asked) || !at.Before(p.asked.Add(wait))
}
