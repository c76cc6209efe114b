package ble

import "context"

// Event is what the other end did: it wrote or notified a value, or subscribed.
type Event struct {
	Characteristic Characteristic
	// Value is the value written or notified; in a subscription, what was written to the descriptor 2902.
	Value []byte
	// Subscription marks a write to the characteristic's descriptor.
	Subscription bool
}

// Radio is one BLE connection as one of its ends sees it. All methods may be called at the same time.
type Radio interface {
	// MTU gives the ATT_MTU in force: at least 23, and the same at both ends.
	MTU() int
	// Send writes a value without response (at the GATT client) or notifies it (at the server) and waits while the stack
	// has no room. Values arrive in the order of the calls. It MUST NOT keep value. When it fails nothing was sent, and
	// with an error other than ctx's the connection is gone.
	Send(ctx context.Context, c Characteristic, value []byte) error
	// Next waits for the next event. Events are given in the order in which they came; what came before the connection
	// was lost is given before the error. A caller whose ctx has ended gets ctx's error though an event waits.
	Next(ctx context.Context) (Event, error)
	// Close lets go out what was sent, disconnects, and wakes whoever waits. It may be called more than once.
	Close() error
}

// ClientRadio is the Radio of the GATT client, with the service and its characteristics discovered.
type ClientRadio interface {
	Radio
	// Read reads a value.
	Read(ctx context.Context, c Characteristic) ([]byte, error)
	// Subscribe sets bit 0 of the characteristic's descriptor 2902 (01 00 on the air) and waits for the confirmation.
	Subscribe(ctx context.Context, c Characteristic) error
}
