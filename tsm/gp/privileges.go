package gp

import "fmt"

// Privileges is the set of an application's privileges, Card Specification 2.3.1,
// tables 11-7 to 11-9: three bytes, the first one highest.
type Privileges uint32

// The privileges.
const (
	SecurityDomain      Privileges = 0x800000
	DAPVerification     Privileges = 0xC00000 // with SecurityDomain
	DelegatedManagement Privileges = 0xA00000 // with SecurityDomain
	CardLock            Privileges = 0x100000
	CardTerminate       Privileges = 0x080000
	CardReset           Privileges = 0x040000 // default selected
	CVMManagement       Privileges = 0x020000
	MandatedDAP         Privileges = 0xC10000
	TrustedPath         Privileges = 0x008000
	AuthorizedManage    Privileges = 0x004000
	TokenManagement     Privileges = 0x002000
	GlobalDelete        Privileges = 0x001000
	GlobalLock          Privileges = 0x000800
	GlobalRegistry      Privileges = 0x000400
	FinalApplication    Privileges = 0x000200
	GlobalService       Privileges = 0x000100
	ReceiptGeneration   Privileges = 0x000080
	CipheredLoad        Privileges = 0x000040
	ContactlessActivate Privileges = 0x000020
	ContactlessSelf     Privileges = 0x000010
)

// ParsePrivileges reads one byte or three; two are seen in the field, none means
// none.
func ParsePrivileges(b []byte) (Privileges, error) {
	if len(b) > 3 {
		return 0, fmt.Errorf("privileges of %d bytes, want at most 3", len(b))
	}
	var p Privileges
	for i := range 3 {
		p <<= 8
		if i < len(b) {
			p |= Privileges(b[i])
		}
	}
	return p, nil
}

// Bytes is the three-byte form.
func (p Privileges) Bytes() []byte { return []byte{byte(p >> 16), byte(p >> 8), byte(p)} }

// Has tells whether all of q are granted.
func (p Privileges) Has(q Privileges) bool { return p&q == q }

// Names lists the privileges as the specification's tables name them, for people. DAP verification, mandated DAP and
// delegated management are told without the security domain they imply.
func (p Privileges) Names() []string {
	var out []string
	for _, x := range []struct {
		bit  Privileges
		name string
	}{
		{SecurityDomain, "security domain"}, {DAPVerification &^ SecurityDomain, "DAP verification"},
		{DelegatedManagement &^ SecurityDomain, "delegated management"}, {CardLock, "card lock"}, {CardTerminate, "card terminate"},
		{CardReset, "card reset"}, {CVMManagement, "CVM management"}, {MandatedDAP &^ DAPVerification, "mandated DAP verification"},
		{TrustedPath, "trusted path"}, {AuthorizedManage, "authorized management"}, {TokenManagement, "token management"},
		{GlobalDelete, "global delete"}, {GlobalLock, "global lock"}, {GlobalRegistry, "global registry"},
		{FinalApplication, "final application"}, {GlobalService, "global service"}, {ReceiptGeneration, "receipt generation"},
		{CipheredLoad, "ciphered load"}, {ContactlessActivate, "contactless activation"}, {ContactlessSelf, "contactless self-activation"},
	} {
		if p.Has(x.bit) {
			out = append(out, x.name)
		}
	}
	return out
}
