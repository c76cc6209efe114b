package mdoc

import (
	"errors"

	"mobileid/mdoc/cbor"
)

// KeyAuthorizations says which elements the device key may sign, ISO/IEC 18013-5:2021, 9.1.2.4. It is not empty, and a
// namespace stands in one of the two only.
//
//	KeyAuthorizations = {? "nameSpaces": [+ NameSpace], ? "dataElements": {+ NameSpace => [+ DataElementIdentifier]}, * tstr => any}
type KeyAuthorizations struct {
	NameSpaces   []string                   `cbor:"nameSpaces,omitempty"`
	DataElements cbor.Map[string, []string] `cbor:"dataElements,omitzero"`
}

// Authorizes reports whether the device key may sign the element. Without authorizations it may sign none.
func (k *KeyAuthorizations) Authorizes(namespace, identifier string) bool {
	if k == nil {
		return false
	}
	for _, ns := range k.NameSpaces {
		if ns == namespace {
			return true
		}
	}
	elements, _ := k.DataElements.Get(namespace)
	for _, e := range elements {
		if e == identifier {
			return true
		}
	}
	return false
}

// check tells what breaks the rules of the structure.
func (k *KeyAuthorizations) check() error {
	if len(k.NameSpaces) == 0 && len(k.DataElements) == 0 {
		return errors.New("key authorizations without a namespace")
	}
	for _, ns := range k.NameSpaces {
		if _, both := k.DataElements.Get(ns); both || ns == "" {
			return errors.New("a namespace without a name, or authorized as a whole and in part")
		}
	}
	seen := map[string]bool{}
	for _, ns := range k.DataElements {
		twice := seen[ns.Key]
		seen[ns.Key] = true
		if ns.Key == "" || len(ns.Value) == 0 || twice {
			return errors.New("an authorized namespace without a name or elements, or given twice")
		}
	}
	return nil
}

// first gives a namespace the key may sign in.
func (k *KeyAuthorizations) first() string {
	if len(k.NameSpaces) > 0 {
		return k.NameSpaces[0]
	}
	return k.DataElements[0].Key
}
