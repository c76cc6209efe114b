package httpapi

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"log/slog"
	"net/http"
	"strings"

	"github.com/gin-gonic/gin"

	"mobileid/schemas/problem"
	"mobileid/tsm"
	"mobileid/tsm/seram"
)

// DeskService is what operators may do; *tsm.Service is one.
type DeskService interface {
	Rekey(ctx context.Context, seID []byte) (orderID string, err error)
	Release(ctx context.Context, seID []byte) (jobs int, err error)
	OrderState(ctx context.Context, orderID string) (tsm.OrderState, error)
	Ready(ctx context.Context) error
}

var _ DeskService = (*tsm.Service)(nil)

// Operator is someone who may open the desk's doors: the name stands in the log, the hash is SHA-256 of the bearer
// token, which should be 32 random bytes and is kept nowhere.
type Operator struct {
	Name      string
	TokenHash [sha256.Size]byte
}

// MaxDeskBody bounds an operator's request.
const MaxDeskBody = 1 << 10

type desk struct {
	*doors
	service   DeskService
	operators []Operator
}

// Desk makes the doors of the operators, and the two of health: to rekey an
// element, to release a parked one, to look at an order. They belong on an address
// that phones do not reach. Without operators every request is refused.
func Desk(service DeskService, operators []Operator, log *slog.Logger) http.Handler {
	base, e := newDoors(deskOnly{DeskService: service}, log)
	d := &desk{doors: base, service: service, operators: append([]Operator(nil), operators...)}
	e.POST("/v1/rekeys", d.admit, accept(typeJSON, MaxDeskBody), d.rekey)
	e.POST("/v1/releases", d.admit, accept(typeJSON, MaxDeskBody), d.release)
	e.GET("/v1/orders/:id", d.admit, d.state)
	return e
}

// deskOnly has of the other doors' service what the doors of health need.
type deskOnly struct {
	Service
	DeskService
}

func (d deskOnly) Ready(ctx context.Context) error { return d.DeskService.Ready(ctx) }

// admit looks at the bearer token (RFC 6750, 2.1) first, so that a stranger learns
// nothing.
func (d *desk) admit(c *gin.Context) {
	scheme, token, ok := strings.Cut(c.GetHeader("Authorization"), " ")
	hash, found := sha256.Sum256([]byte(token)), -1
	for i, o := range d.operators {
		found = subtle.ConstantTimeSelect(subtle.ConstantTimeCompare(hash[:], o.TokenHash[:]), i, found)
	}
	if !ok || token == "" || !strings.EqualFold(scheme, "Bearer") || found < 0 {
		problem.New(http.StatusUnauthorized, problem.CodeUnauthorized, "the bearer token opens nothing here").Write(c.Writer)
		c.Abort()
		return
	}
	d.log.InfoContext(c.Request.Context(), "operator admitted", "operator", d.operators[found].Name, "route", c.FullPath())
}

// elementRequest names an element, in hex.
type elementRequest struct {
	SEID string `json:"se_id"`
}

// element reads which element a request is about.
func (d *desk) element(c *gin.Context) (seID []byte, ok bool) {
	var in elementRequest
	err := decode(c.Request.Body, &in)
	if err == nil {
		if seID, err = hex.DecodeString(in.SEID); err != nil || len(seID) != seram.SEIDSize {
			err = tsm.ErrNoElement
		}
	}
	if err != nil {
		d.fail(c, err)
		return nil, false
	}
	return seID, true
}

func (d *desk) rekey(c *gin.Context) {
	seID, ok := d.element(c)
	if !ok {
		return
	}
	id, err := d.service.Rekey(c.Request.Context(), seID)
	if err != nil {
		d.fail(c, err)
		return
	}
	answer(c, http.StatusAccepted, orderAnswer{OrderID: id})
}

// releaseAnswer is the body of 200 from /v1/releases.
type releaseAnswer struct {
	Released int `json:"released"`
}

func (d *desk) release(c *gin.Context) {
	seID, ok := d.element(c)
	if !ok {
		return
	}
	n, err := d.service.Release(c.Request.Context(), seID)
	if err != nil {
		d.fail(c, errors.Join(tsm.ErrUnavailable, err))
		return
	}
	answer(c, http.StatusOK, releaseAnswer{Released: n})
}

// stateAnswer is the body of 200 from /v1/orders/{id}. The numbers are those of BSI TR-03165.
type stateAnswer struct {
	OrderID      string           `json:"order_id"`
	Kind         string           `json:"kind"`
	State        string           `json:"state"`
	Cursor       string           `json:"cursor"`
	Reason       string           `json:"reason,omitempty"`
	Attempts     int              `json:"attempts"`
	ServiceState int              `json:"service_state"`
	ErrorType    int              `json:"error_type"`
	Refused      []refusedReceipt `json:"refused_receipts,omitempty"`
}

type refusedReceipt struct {
	Place  int    `json:"place"`
	Reason string `json:"reason"`
}

func (d *desk) state(c *gin.Context) {
	s, err := d.service.OrderState(c.Request.Context(), c.Param("id"))
	if err != nil {
		d.fail(c, err)
		return
	}
	out := stateAnswer{OrderID: s.OrderID, Kind: s.Kind, State: s.State, Cursor: s.Cursor, Reason: s.Reason,
		Attempts: s.Attempts, ServiceState: int(s.Service), ErrorType: int(s.Error)}
	for _, r := range s.Refused {
		out.Refused = append(out.Refused, refusedReceipt{Place: r.Place, Reason: r.Reason})
	}
	answer(c, http.StatusOK, out)
}
