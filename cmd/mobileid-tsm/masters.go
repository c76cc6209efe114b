package main

import (
	"context"
	"fmt"
	"strconv"

	"mobileid/cmd/internal/hsm"
	"mobileid/tsm"
)

// inModule is a master key in a hardware security module.
type inModule struct {
	hsm.MAC
	version byte
}

// Version is that of the key sets.
func (m inModule) Version() byte { return m.version }

// openMaster opens the master key of one version. Published and patterned keys are refused wherever they are kept.
func openMaster(ctx context.Context, o *hsm.Opener, uri string, version byte) (tsm.Master, error) {
	if !hsm.Is(uri) {
		return tsm.OpenMasterKey(uri, version)
	}
	key, err := o.CMAC(ctx, uri)
	if err != nil {
		return nil, err
	}
	m := inModule{key, version}
	if err := tsm.CheckMaster(ctx, m); err != nil {
		return nil, err
	}
	return m, nil
}

// masters opens all of them.
func (s *settings) masters(ctx context.Context, o *hsm.Opener) (*tsm.Masters, error) {
	var list []tsm.Master
	for version, uri := range s.MasterKeys {
		n, err := strconv.Atoi(version)
		if err != nil {
			return nil, err
		}
		m, err := openMaster(ctx, o, uri, byte(n))
		if err != nil {
			return nil, fmt.Errorf("master key of version %d: %w", n, err)
		}
		list = append(list, m)
	}
	return tsm.NewMasters(byte(s.KeyVersion), list...)
}
