package transport

import (
	"context"
	"sync"
)

// waiting is how many received messages a Mailbox holds before Put waits.
const waiting = 4

// Mailbox is what implementations of [Conn] share: received messages that wait for a Receive, and the one reason why the
// connection is over. It is safe for concurrent use.
type Mailbox struct {
	in   chan []byte
	done chan struct{}

	mu     sync.Mutex // guards all below
	reason error
	wake   func()
}

// NewMailbox makes an empty one.
func NewMailbox() *Mailbox {
	return &Mailbox{in: make(chan []byte, waiting), done: make(chan struct{})}
}

// Put adds a received message and waits while four wait already. It gives the error of ctx or of the finished connection.
func (m *Mailbox) Put(ctx context.Context, message []byte) error {
	select {
	case <-m.done:
		return m.Reason()
	default:
	}
	select {
	case m.in <- message:
		return nil
	case <-m.done:
		return m.Reason()
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Receive gives the next message. What has arrived goes before the end of the connection.
func (m *Mailbox) Receive(ctx context.Context) ([]byte, error) {
	select {
	case message := <-m.in:
		return message, nil
	default:
	}
	select {
	case message := <-m.in:
		return message, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-m.done:
	}
	select {
	case message := <-m.in:
		return message, nil
	default:
		return nil, m.Reason()
	}
}

// Finish ends the connection for a reason; the first one counts. It wakes whoever waits.
func (m *Mailbox) Finish(reason error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.reason != nil {
		return
	}
	m.reason = reason
	close(m.done)
	if m.wake != nil {
		m.wake()
	}
}

// Done is closed when the connection is over.
func (m *Mailbox) Done() <-chan struct{} { return m.done }

// Reason says why the connection is over, nil while it is not.
func (m *Mailbox) Reason() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.reason
}

// OnFinish has wake called when the connection ends, at once if it has. It replaces the one set before; nil removes it.
func (m *Mailbox) OnFinish(wake func()) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.wake = wake
	if m.reason != nil && wake != nil {
		wake()
	}
}
