package reader

import (
	"context"
	"fmt"

	"mobileid/mdoc/transport"
)

// Run drives one check over a connection: it sends the request, takes one message and ends the session. ctx bounds the
// whole; the connection is closed when Run returns. An error means that there is no response to judge: the QR code cannot
// be read, the connection was lost, or ctx ended. What the device sends, however wrong, gives a report.
func (r *Reader) Run(ctx context.Context, conn transport.Conn, uri string) (report *Report, err error) {
	defer func() { _ = conn.Close() }() // nothing is left to say; its error changes no verdict
	x, establishment, err := r.Begin(uri)
	if err != nil {
		return nil, err
	}
	defer x.Abandon()
	if err := conn.Send(ctx, establishment); err != nil {
		return nil, fmt.Errorf("sending request: %w", err)
	}
	message, err := conn.Receive(ctx)
	if err != nil {
		if end := x.Abandon(); end != nil {
			_ = conn.Send(ctx, end) // a courtesy; the device has its own time-out
		}
		return nil, fmt.Errorf("waiting for response: %w", err)
	}
	report, reply, err := x.Finish(message)
	if err != nil {
		return nil, err
	}
	if reply != nil {
		_ = conn.Send(ctx, reply) // the verdict stands whether or not the device hears of the end
	}
	return report, nil
}
