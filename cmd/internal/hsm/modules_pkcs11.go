//go:build pkcs11

package hsm

import (
	"context"
	"crypto"
	"errors"
	"fmt"
	"sync"

	"github.com/ThalesGroup/crypto11"
	"github.com/miekg/pkcs11"
)

// modules are the libraries a process has loaded, and what it opened in them.
type modules struct {
	mu      sync.Mutex // guards the rest
	loaded  map[string]*library
	secrets []*secret
	signing map[crypto11.Config]*crypto11.Context
}

// library is one loaded module. A module that was initialised by other code in the process is not finalised here.
type library struct {
	ctx   *pkcs11.Ctx
	owned bool
}

// load loads a module once a process.
func (m *modules) load(path string) (*pkcs11.Ctx, error) {
	if l := m.loaded[path]; l != nil {
		return l.ctx, nil
	}
	ctx := pkcs11.New(path)
	if ctx == nil {
		return nil, fmt.Errorf("the module %s cannot be loaded", path)
	}
	err := ctx.Initialize()
	if err != nil && !errors.Is(err, pkcs11.Error(pkcs11.CKR_CRYPTOKI_ALREADY_INITIALIZED)) {
		ctx.Destroy()
		return nil, fmt.Errorf("initialising the module: %w", err)
	}
	if m.loaded == nil {
		m.loaded = make(map[string]*library)
	}
	m.loaded[path] = &library{ctx: ctx, owned: err == nil}
	return ctx, nil
}

func (m *modules) cmac(_ context.Context, u URI) (MAC, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	ctx, err := m.load(u.ModulePath)
	if err != nil {
		return nil, err
	}
	one := &secret{module: ctx, uri: u}
	if _, err := one.connection(nil); err != nil {
		return nil, err
	}
	m.secrets = append(m.secrets, one)
	return one, nil
}

func (m *modules) signer(u URI) (crypto.Signer, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	session, err := m.session(u)
	if err != nil {
		return nil, err
	}
	return findSigner(session, u)
}

// close ends what was opened, in the opposite order.
func (m *modules) close() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	var errs []error
	for _, session := range m.signing {
		errs = append(errs, session.Close())
	}
	for _, one := range m.secrets {
		one.close()
	}
	for _, l := range m.loaded {
		if l.owned {
			errs = append(errs, l.ctx.Finalize())
		}
		l.ctx.Destroy()
	}
	m.signing, m.secrets, m.loaded = nil, nil, nil
	return errors.Join(errs...)
}
