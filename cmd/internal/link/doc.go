// Package link is the line between the issuer's service and the TSM: both ends listen, both call, and neither speaks to
// anybody else there. Orders go one way, attestations and receipts the other.
//
// The line is TLS 1.3 (RFC 8446) with certificates of both ends, each under the authorities that the other was given and
// for the one name that it was given. What goes over it is signed besides: the line keeps strangers from the doors, the
// signatures keep the ends honest.
//
// Files are looked at on each handshake: a renewed certificate, key or list of authorities counts from the next connection
// on, and one that cannot be used is told in the log while the one before stays in use. Each request is held against the
// files of its moment, so that a certificate that has expired, or whose authority was taken out, ends with it and not with
// its connection. There is no revocation list on the line: to revoke is to change authorities or peer.
//
// Start at [Settings]. [NewAuthority] makes certificates for tests and demonstrations.
package link
