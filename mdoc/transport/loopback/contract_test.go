package loopback_test

import (
	"testing"

	"mobileid/mdoc/transport"
	"mobileid/mdoc/transport/loopback"
	"mobileid/mdoc/transport/transporttest"
)

func TestContract(t *testing.T) {
	transporttest.Run(t, transporttest.Subject{Open: func(_ testing.TB, maxMessage int) (transport.Conn, transport.Conn) {
		return loopback.Config{MaxMessage: maxMessage}.Pipe()
	}})
}
