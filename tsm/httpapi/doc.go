// Package httpapi is the HTTP face of the trusted service manager.
//
//	POST /v1/orders                              a signed order of the issuer (COSE_Sign1, RFC 9052)
//	POST /gp/seram/order                         a phone asks for a session (GlobalPlatform SERAM 2.0.0)
//	POST /gp/seram/handshake?sessionId=          protocol, format and version
//	POST /gp/seram/remoteManagement?sessionId=   the phone's report, answered with an order
//	POST /v1/rekeys, /v1/releases                an operator: exchange an element's keys, release a parked one
//	GET  /v1/orders/{id}                         an operator: how far an order is, also in the numbers of BSI TR-03165
//	GET  /livez, /readyz                         health
//
// The document of these doors is schemas/tsm-openapi.yaml. Errors are RFC 9457
// documents of package schemas/problem with constant texts; the cause goes to
// the log. The door of orders is served at an address of its own, where only
// the issuer gets to (mutual TLS); an order proves itself besides, by its
// signature. Phones are not authenticated. TLS, time-outs, recovery from
// panics and the access log are the server's in front.
//
// Start with Phones and Orders; New is both on one address.
package httpapi
