//go:build !pkcs11

package hsm

import (
	"errors"
	"strings"
	"testing"
)

// A binary without modules says which one to run.
func TestWithoutModules(t *testing.T) {
	var o Opener
	defer o.Close()
	uri := "pkcs11:token=tsm;object=scp03-48" + tail
	_, err := o.CMAC(t.Context(), uri)
	_, also := o.Signer(uri)
	for _, err := range []error{err, also} {
		if !errors.Is(err, ErrNoModule) || !strings.Contains(err.Error(), "mobileid-tsm-pkcs11") {
			t.Errorf("got %v", err)
		}
	}
}
