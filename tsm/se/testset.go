package se

import (
	"errors"

	"mobileid/tsm/scp03"
)

// keys are those the element gets.
func (f Factory) keys() scp03.Keys {
	if !f.TestKeys.IsZero() {
		return f.TestKeys.Keys()
	}
	return f.Keys
}

func (f Factory) validateKeys() error {
	if f.TestKeys.IsZero() {
		return f.Keys.Validate()
	}
	if len(f.Keys.ENC) != 0 {
		return errors.New("test keys and keys at once")
	}
	return nil
}

// testElement is what an element remembers of being for a bench: the size of the published keys, 0 in every other.
func (f Factory) testElement() []byte { return []byte{byte(len(f.TestKeys.Keys().ENC))} }

// testSet is the published set this element accepts: none unless it was made with it.
func (s *SE) testSet() scp03.TestSet {
	size, _ := s.mem.Load(keyTestElement)
	switch {
	case len(size) == 1 && size[0] == 16:
		return scp03.TestKeys()
	case len(size) == 1 && size[0] == 32:
		return scp03.TestKeys256()
	default:
		return scp03.TestSet{}
	}
}

// checkTestElement holds the kind of the element against what was asked for.
func (s *SE) checkTestElement() error {
	switch made := !s.testSet().IsZero(); {
	case made && !s.cfg.TestElement:
		return ErrTestElement
	case !made && s.cfg.TestElement:
		return ErrNoTestElement
	}
	return nil
}
