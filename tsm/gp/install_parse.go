package gp

import (
	"errors"
	"fmt"

	"mobileid/mdoc/apdu"
)

// ParseInstall reads INSTALL on the card. Combinations other than [for install and make selectable] are refused with
// 6A86, malformed data with 6A80. Fields alias the command.
func ParseInstall(c apdu.Command) (Installation, error) {
	const doing = "parsing INSTALL"
	if c.INS != insInstall {
		return nil, refuse(doing, apdu.InsUnsupported, "instruction %02X", c.INS)
	}
	parse, ok := installParser(c.P1)
	if !ok || c.P2 != 0 {
		return nil, refuse(doing, apdu.WrongParameters, "P1 P2 %02X%02X", c.P1, c.P2)
	}
	n := 6
	if c.P1 == installLoad {
		n = 5
	}
	f, err := parseFields(c.Data, n)
	if err != nil {
		return nil, refuse(doing, apdu.WrongData, "%v", err)
	}
	i, err := parse(f)
	if err != nil {
		return nil, refuse(doing, apdu.WrongData, "%v", err)
	}
	return i, nil
}

func installParser(p1 byte) (func(f [][]byte) (Installation, error), bool) {
	switch p1 {
	case installLoad:
		return loadOf, true
	case installInstall, installInstall | installSelectable:
		return func(f [][]byte) (Installation, error) { return installOf(f, p1 == installInstall) }, true
	case installSelectable:
		return selectableOf, true
	case installExtradition:
		return extraditeOf, true
	case installPersonalization:
		return personalizeOf, true
	case installRegistry:
		return registryUpdateOf, true
	}
	return nil, false
}

func loadOf(f [][]byte) (Installation, error) {
	i := InstallLoad{LoadFile: AID(f[0]), Domain: AID(f[1]), Hash: f[2], Token: f[4]}
	if err := errors.Join(i.LoadFile.Validate(), i.Domain.optional()); err != nil {
		return nil, err
	}
	if !i.hashed() {
		return nil, fmt.Errorf("hash of %d bytes", len(i.Hash))
	}
	p, err := parseParameters(f[3])
	if err != nil {
		return nil, err
	}
	i.Limits = p.limits
	return i, nil
}

func installOf(f [][]byte, notSelectable bool) (Installation, error) {
	i := Install{LoadFile: AID(f[0]), Module: AID(f[1]), Instance: AID(f[2]), NotSelectable: notSelectable, Token: f[5]}
	if err := errors.Join(i.LoadFile.Validate(), i.Module.Validate(), i.Instance.Validate()); err != nil {
		return nil, err
	}
	var err error
	if i.Privileges, err = ParsePrivileges(f[3]); err != nil {
		return nil, err
	}
	p, err := parseParameters(f[4])
	if err != nil {
		return nil, err
	}
	if !p.hasApplication {
		return nil, errors.New("no application parameters (tag C9)")
	}
	i.Parameters, i.Limits, i.Implicit = p.application, p.limits, p.implicit
	return i, nil
}

func selectableOf(f [][]byte) (Installation, error) {
	m := MakeSelectable{Instance: AID(f[2]), Token: f[5]}
	if len(f[0])+len(f[1]) != 0 {
		return nil, errors.New("load file or module named")
	}
	if err := m.Instance.Validate(); err != nil {
		return nil, err
	}
	var err error
	if m.Privileges, err = ParsePrivileges(f[3]); err != nil {
		return nil, err
	}
	p, err := parseParameters(f[4])
	m.Implicit = p.implicit
	return m, err
}

func extraditeOf(f [][]byte) (Installation, error) {
	e := Extradite{Domain: AID(f[0]), Application: AID(f[2]), Token: f[5]}
	if len(f[1])+len(f[3]) != 0 {
		return nil, errors.New("module or privileges named")
	}
	if err := errors.Join(e.Domain.Validate(), e.Application.Validate()); err != nil {
		return nil, err
	}
	_, err := parseParameters(f[4])
	return e, err
}

func personalizeOf(f [][]byte) (Installation, error) {
	p := Personalize{Instance: AID(f[2])}
	if len(f[0])+len(f[1])+len(f[3])+len(f[4])+len(f[5]) != 0 {
		return nil, errors.New("more than an instance to personalize")
	}
	return p, p.Instance.Validate()
}

func registryUpdateOf(f [][]byte) (Installation, error) {
	r := RegistryUpdate{Domain: AID(f[0]), Application: AID(f[2]), SetPrivileges: len(f[3]) > 0, Token: f[5]}
	if len(f[1]) != 0 {
		return nil, errors.New("module named")
	}
	if err := errors.Join(r.Domain.optional(), r.Application.Validate()); err != nil {
		return nil, err
	}
	var err error
	if r.Privileges, err = ParsePrivileges(f[3]); err != nil {
		return nil, err
	}
	p, err := parseParameters(f[4])
	r.Implicit = p.implicit
	return r, err
}

// optional tells whether the AID is empty or one.
func (a AID) optional() error {
	if a == "" {
		return nil
	}
	return a.Validate()
}

// appendFields appends each field behind its length.
func appendFields(b []byte, fields ...[]byte) []byte {
	for _, f := range fields {
		// A BER length is a TLV header without its tag.
		b = append(b, apdu.AppendTLVHeader(nil, 0x01, len(f))[1:]...)
		b = append(b, f...)
	}
	return b
}

// parseField reads one field behind its length.
func parseField(b []byte) (field, rest []byte, err error) {
	t, _, err := apdu.ParseTLV(append([]byte{0x01}, b...))
	if err != nil {
		return nil, nil, err
	}
	header := len(apdu.AppendTLVHeader(nil, 0x01, len(t.Value))) - 1
	end := header + len(t.Value)
	return b[header:end:end], b[end:], nil
}

// parseFields reads exactly n fields.
func parseFields(b []byte, n int) ([][]byte, error) {
	f := make([][]byte, n)
	for i := range f {
		var err error
		if f[i], b, err = parseField(b); err != nil {
			return nil, fmt.Errorf("field %d: %w", i+1, err)
		}
	}
	if len(b) != 0 {
		return nil, fmt.Errorf("%d bytes after the last field", len(b))
	}
	return f, nil
}
