package revocation

import (
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
)

// ErrUnauthorized means that a token is nobody's.
var ErrUnauthorized = errors.New("no operator has this token")

// Operator is someone who may revoke: the name stands in the audit record, the hash is SHA-256 of the bearer token,
// which should be 32 random bytes and is kept nowhere.
type Operator struct {
	Name      string
	TokenHash []byte
}

// operators compares tokens without telling by its time which came near.
type operators []Operator

func newOperators(list []Operator) (operators, error) {
	seen := make(map[string]bool)
	for _, o := range list {
		if o.Name == "" || len(o.TokenHash) != sha256.Size {
			return nil, errors.New("operator without name or with a token hash that is not 32 bytes")
		}
		if seen[string(o.TokenHash)] || seen["name "+o.Name] {
			return nil, fmt.Errorf("operator %q: name or token given twice", o.Name)
		}
		seen[string(o.TokenHash)], seen["name "+o.Name] = true, true
	}
	return append(operators(nil), list...), nil
}

func (o operators) authorize(token string) (string, error) {
	hash := sha256.Sum256([]byte(token))
	found := -1
	for i := range o {
		found = subtle.ConstantTimeSelect(subtle.ConstantTimeCompare(hash[:], o[i].TokenHash), i, found)
	}
	if token == "" || found < 0 {
		return "", ErrUnauthorized
	}
	return o[found].Name, nil
}

// AuthorizeCounter gives the name of the counter or operator with a token. A counter's token opens nothing of the desk. The
// error is ErrUnauthorized.
func (d *Desk) AuthorizeCounter(token string) (string, error) {
	name, err := d.counters.authorize(token)
	if operator, asOperator := d.operators.authorize(token); asOperator == nil {
		return operator, nil
	}
	return name, err
}
