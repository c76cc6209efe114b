package gp

import (
	"fmt"

	"mobileid/mdoc/apdu"
)

const insInstall = 0xE6

// P1 of INSTALL, Card Specification 2.3.1, table 11-42. Bit 80, "more commands follow", is not spoken.
const (
	installLoad            = 0x02
	installInstall         = 0x04
	installSelectable      = 0x08
	installExtradition     = 0x10
	installPersonalization = 0x20
	installRegistry        = 0x40
)

// An Installation is one form of INSTALL, Card Specification 2.3.1, 11.5: [InstallLoad], [Install], [MakeSelectable],
// [Extradite], [Personalize] or [RegistryUpdate]. Each field stands behind its length, one byte or BER over 7F.
type Installation interface {
	// Command builds the command. It fails when an AID is none, or the whole is over 239 bytes, the most that fits a
	// short command at level 33.
	Command() (apdu.Command, error)
	p1() byte
}

// InstallLoad is INSTALL [for load], 11.5.2.3.1, table 11-45: the LOAD blocks that follow are this file.
//
//	load file AID, security domain AID, hash of the load file data block, parameters, token
type InstallLoad struct {
	LoadFile AID
	// Domain is the security domain the file will belong to; empty means the one that gets the command.
	Domain AID
	// Hash of the file that follows in C4, empty or as long as one of SHA-1 or SHA-2.
	Hash   []byte
	Limits Limits
	// Token is empty but in delegated management.
	Token []byte
}

// Install is INSTALL [for install], with [for make selectable] unless told otherwise, 11.5.2.3.2 and table 11-49:
//
//	load file AID, module AID, instance AID, privileges, parameters, token
//
// The parameters are { C9 application data [, EF { … }] }.
type Install struct {
	LoadFile, Module, Instance AID
	Privileges                 Privileges
	// Parameters is the value of C9, what the applet's install method gets.
	Parameters []byte
	// Limits and Implicit are of EF: memory, and for which channels the instance is selected implicitly (CF).
	Limits   Limits
	Implicit []byte
	// NotSelectable leaves [for make selectable] out: the instance stays INSTALLED.
	NotSelectable bool
	// Token is empty but in delegated management.
	Token []byte
}

// MakeSelectable is INSTALL [for make selectable], 11.5.2.3.3:
//
//	00, 00, instance AID, privileges, parameters, token
type MakeSelectable struct {
	Instance   AID
	Privileges Privileges
	Implicit   []byte // CF, as in Install
	Token      []byte
}

// Extradite is INSTALL [for extradition], 11.5.2.3.4: an application or load file goes to another security domain.
//
//	new security domain AID, 00, application AID, 00, parameters, token
type Extradite struct {
	Domain, Application AID
	Token               []byte
}

// Personalize is INSTALL [for personalization], 11.5.2.3.5: the STORE DATA blocks that follow go to this instance.
//
//	00, 00, instance AID, 00, 00, 00
type Personalize struct{ Instance AID }

// RegistryUpdate is INSTALL [for registry update], 11.5.2.3.6:
//
//	security domain AID or 00, 00, application AID, privileges or 00, parameters, token
type RegistryUpdate struct {
	// Domain, if not empty, is where the application goes as with Extradite.
	Domain      AID
	Application AID
	// Privileges replace those there are when SetPrivileges says so.
	SetPrivileges bool
	Privileges    Privileges
	Implicit      []byte // CF, as in Install
	Token         []byte
}

func (InstallLoad) p1() byte    { return installLoad }
func (MakeSelectable) p1() byte { return installSelectable }
func (Extradite) p1() byte      { return installExtradition }
func (Personalize) p1() byte    { return installPersonalization }
func (RegistryUpdate) p1() byte { return installRegistry }

func (i Install) p1() byte {
	if i.NotSelectable {
		return installInstall
	}
	return installInstall | installSelectable
}

// installCommand joins the fields and bounds the whole.
func installCommand(i Installation, aids []AID, fields ...[]byte) (apdu.Command, error) {
	for _, a := range aids {
		if err := a.Validate(); err != nil {
			return apdu.Command{}, fmt.Errorf("building INSTALL: %w", err)
		}
	}
	data := appendFields(nil, fields...)
	if len(data) > BlockSize {
		return apdu.Command{}, fmt.Errorf("building INSTALL: %d bytes: %w", len(data), apdu.ErrTooLong)
	}
	return apdu.Command{CLA: 0x80, INS: insInstall, P1: i.p1(), Data: data, Le: apdu.MaxShortLe}, nil
}

// Command builds the command.
func (i InstallLoad) Command() (apdu.Command, error) {
	if !i.hashed() {
		return apdu.Command{}, fmt.Errorf("building INSTALL: hash of %d bytes", len(i.Hash))
	}
	aids := []AID{i.LoadFile}
	if i.Domain != "" {
		aids = append(aids, i.Domain)
	}
	return installCommand(i, aids, []byte(i.LoadFile), []byte(i.Domain), i.Hash, i.Limits.append(nil, nil), i.Token)
}

// hashed tells whether the hash has a length there is.
func (i InstallLoad) hashed() bool {
	switch len(i.Hash) {
	case 0, 20, 28, 32, 48, 64:
		return true
	}
	return false
}

// Command builds the command.
func (i Install) Command() (apdu.Command, error) {
	params := i.Limits.append(apdu.AppendTLV(nil, tagApplicationParameters, i.Parameters), i.Implicit)
	return installCommand(i, []AID{i.LoadFile, i.Module, i.Instance},
		[]byte(i.LoadFile), []byte(i.Module), []byte(i.Instance), i.Privileges.Bytes(), params, i.Token)
}

// Command builds the command.
func (m MakeSelectable) Command() (apdu.Command, error) {
	return installCommand(m, []AID{m.Instance},
		nil, nil, []byte(m.Instance), m.Privileges.Bytes(), Limits{}.append(nil, m.Implicit), m.Token)
}

// Command builds the command.
func (e Extradite) Command() (apdu.Command, error) {
	return installCommand(e, []AID{e.Domain, e.Application}, []byte(e.Domain), nil, []byte(e.Application), nil, nil, e.Token)
}

// Command builds the command.
func (p Personalize) Command() (apdu.Command, error) {
	return installCommand(p, []AID{p.Instance}, nil, nil, []byte(p.Instance), nil, nil, nil)
}

// Command builds the command.
func (r RegistryUpdate) Command() (apdu.Command, error) {
	aids := []AID{r.Application}
	if r.Domain != "" {
		aids = append(aids, r.Domain)
	}
	var privileges []byte
	if r.SetPrivileges {
		privileges = r.Privileges.Bytes()
	}
	return installCommand(r, aids,
		[]byte(r.Domain), nil, []byte(r.Application), privileges, Limits{}.append(nil, r.Implicit), r.Token)
}
