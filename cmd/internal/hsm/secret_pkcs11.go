//go:build pkcs11

package hsm

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"sync"

	"github.com/miekg/pkcs11"
)

const (
	keySize = 32
	macSize = 16
	// maxSessions is how many MACs one key makes at a time.
	maxSessions = 8
)

// secret is an AES key in a module. It survives the module's forgetting its sessions: it logs in again, unless a PIN was
// refused. It prints as [redacted].
type secret struct {
	module *pkcs11.Ctx
	uri    URI

	mu      sync.Mutex  // guards the two below
	current *connection // nil after a failed reconnection
	refused error       // a PIN that was refused once is not tried again
}

// connection is a logged-in token with its sessions and the key's handle, which holds for all of them.
type connection struct {
	module *pkcs11.Ctx
	key    pkcs11.ObjectHandle
	all    []pkcs11.SessionHandle
	idle   chan pkcs11.SessionHandle
}

// connect opens sessions, logs in and finds the key.
func connect(module *pkcs11.Ctx, u URI) (_ *connection, err error) {
	slot, info, err := tokenOf(module, u)
	if err != nil {
		return nil, err
	}
	c := &connection{module: module, idle: make(chan pkcs11.SessionHandle, maxSessions)}
	defer func() {
		if err != nil {
			c.close()
		}
	}()
	for range maxSessions {
		session, err := module.OpenSession(slot, pkcs11.CKF_SERIAL_SESSION)
		if errors.Is(err, pkcs11.Error(pkcs11.CKR_SESSION_COUNT)) && len(c.all) > 0 {
			break
		}
		if err != nil {
			return nil, fmt.Errorf("opening session: %w", err)
		}
		c.all = append(c.all, session)
		c.idle <- session
	}
	if err := login(module, c.all[0], u, info.Flags); err != nil {
		return nil, err
	}
	if c.key, err = secretKey(module, c.all[0], u); err != nil {
		return nil, err
	}
	return c, nil
}

// close gives the sessions back; one in use ends with its MAC. Errors say that they are gone already.
func (c *connection) close() {
	for _, session := range c.all {
		_ = c.module.CloseSession(session)
	}
}

// cmac waits for a session, not longer than ctx, and uses it.
func (c *connection) cmac(ctx context.Context, message []byte) (mac [macSize]byte, err error) {
	var session pkcs11.SessionHandle
	select {
	case session = <-c.idle:
	case <-ctx.Done():
		return mac, ctx.Err()
	}
	defer func() { c.idle <- session }()
	if err := c.module.SignInit(session, []*pkcs11.Mechanism{pkcs11.NewMechanism(pkcs11.CKM_AES_CMAC, nil)}, c.key); err != nil {
		return mac, err
	}
	out, err := c.module.Sign(session, message)
	if err != nil {
		return mac, err
	}
	defer clear(out)
	if len(out) != macSize {
		return mac, fmt.Errorf("the module's MAC has %d bytes", len(out))
	}
	return [macSize]byte(out), nil
}

// CMAC is AES-CMAC inside the module. A call that the module has begun cannot be broken off.
func (s *secret) CMAC(ctx context.Context, message []byte) ([macSize]byte, error) {
	if err := ctx.Err(); err != nil {
		return [macSize]byte{}, err
	}
	c, err := s.connection(nil)
	if err != nil {
		return [macSize]byte{}, err
	}
	mac, err := c.cmac(ctx, message)
	if !lost(err) {
		return mac, err
	}
	if c, err = s.connection(c); err != nil {
		return [macSize]byte{}, fmt.Errorf("reaching the token again: %w", err)
	}
	return c.cmac(ctx, message)
}

// connection gives the connection, a new one if the one in use is dead.
func (s *secret) connection(dead *connection) (*connection, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.refused != nil {
		return nil, s.refused
	}
	if s.current != nil && s.current != dead {
		return s.current, nil
	}
	if s.current != nil {
		s.current.close()
		s.current = nil
	}
	c, err := connect(s.module, s.uri)
	if errors.Is(err, ErrPIN) {
		s.refused = err
	}
	if err != nil {
		return nil, err
	}
	s.current = c
	return c, nil
}

// lost tells the errors after which a session and its handles are worth nothing.
func lost(err error) bool {
	code, ok := errors.AsType[pkcs11.Error](err)
	if !ok {
		return false
	}
	switch code {
	case pkcs11.CKR_SESSION_HANDLE_INVALID, pkcs11.CKR_SESSION_CLOSED, pkcs11.CKR_USER_NOT_LOGGED_IN, pkcs11.CKR_KEY_HANDLE_INVALID,
		pkcs11.CKR_OBJECT_HANDLE_INVALID, pkcs11.CKR_DEVICE_REMOVED, pkcs11.CKR_DEVICE_ERROR, pkcs11.CKR_TOKEN_NOT_PRESENT, pkcs11.CKR_OPERATION_ACTIVE:
		return true
	}
	return false
}

func (s *secret) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.current != nil {
		s.current.close()
		s.current = nil
	}
}

// Format prints [redacted].
func (*secret) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, "[redacted]") }

// LogValue is [redacted].
func (*secret) LogValue() slog.Value { return slog.StringValue("[redacted]") }
