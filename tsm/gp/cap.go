package gp

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
)

// Components of a CAP file, Java Card Virtual Machine Specification 3.0.5, table 6-2.
const (
	capHeader  = 1
	capApplet  = 3
	capMagic   = 0xDECAFFED
	maxApplets = 32
)

// capOrder is the order in which components must come to the card (Java Card 3.0.5, 6.2 and the runtime's installer):
// Header, Directory, Import, Applet, Class, Method, StaticField, Export, ConstantPool, RefLocation, Descriptor, Debug.
var capOrder = []byte{1, 2, 4, 3, 6, 7, 8, 10, 5, 9, 11, 12}

// A Package is what a load file says about itself in its Header and Applet components, Java Card Virtual Machine
// Specification 3.0.5, 6.4 and 6.6. The rest of the code is not looked into.
type Package struct {
	AID          AID
	Major, Minor byte
	// Applets are the modules that can be installed.
	Applets []AID
	// Components are the tags that are there, in their order.
	Components []byte
}

// ParsePackage walks the components of a load file data block, u1 tag and u2 size each, and checks their order and
// that they fill it.
func ParsePackage(file []byte) (Package, error) {
	var p Package
	last := -1
	for rest := file; len(rest) > 0; {
		if len(rest) < 3 {
			return Package{}, errors.New("parsing CAP file: component cut short")
		}
		tag, n := rest[0], int(binary.BigEndian.Uint16(rest[1:]))
		place := slices.Index(capOrder, tag)
		switch {
		case n > len(rest)-3:
			return Package{}, fmt.Errorf("parsing CAP file: component %d of %d bytes in %d", tag, n, len(rest)-3)
		case place <= last:
			return Package{}, fmt.Errorf("parsing CAP file: component %d out of order", tag)
		case (last < 0) != (tag == capHeader):
			return Package{}, errors.New("parsing CAP file: Header component not first")
		}
		if err := p.component(tag, rest[3:3+n]); err != nil {
			return Package{}, fmt.Errorf("parsing CAP file: component %d: %w", tag, err)
		}
		last, rest = place, rest[3+n:]
		p.Components = append(p.Components, tag)
	}
	if last < 0 {
		return Package{}, errors.New("parsing CAP file: empty")
	}
	return p, nil
}

func (p *Package) component(tag byte, b []byte) error {
	switch tag {
	case capHeader:
		return p.header(b)
	case capApplet:
		return p.applets(b)
	}
	return nil
}

// header reads u4 magic, u2 version of the format, u1 flags, u1 minor, u1 major, u1 length and AID; a name may follow.
func (p *Package) header(b []byte) error {
	const fixed = 10
	if len(b) < fixed || binary.BigEndian.Uint32(b) != capMagic || len(b)-fixed < int(b[9]) {
		return errors.New("no Header")
	}
	p.Minor, p.Major, p.AID = b[7], b[8], AID(b[fixed:fixed+int(b[9])])
	return p.AID.Validate()
}

// applets reads u1 count, then for each u1 length, AID, u2 install method.
func (p *Package) applets(b []byte) error {
	if len(b) == 0 || b[0] == 0 || b[0] > maxApplets {
		return errors.New("no applets, or too many")
	}
	count := int(b[0])
	b = b[1:]
	for range count {
		if len(b) == 0 || len(b) < 1+int(b[0])+2 {
			return errors.New("applet cut short")
		}
		end := 1 + int(b[0])
		a := AID(b[1:end])
		if err := a.Validate(); err != nil {
			return err
		}
		p.Applets, b = append(p.Applets, a), b[end+2:]
	}
	if len(b) != 0 {
		return fmt.Errorf("%d bytes after the last applet", len(b))
	}
	return nil
}
