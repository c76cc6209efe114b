// Package httpapi is the REST API of a till: a POS device scans the customer's QR code, carries two messages between the
// phone and this service, and gets the decision.
//
//	POST /v1/checks                JSON {"engagement": "mdoc:..."}    -> 201 {id, session_establishment, expires_at}
//	POST /v1/checks/{id}/messages  CBOR SessionData of the phone      -> 200 {result, session_termination}
//	GET  /livez, /readyz           health; readyz tells how old roots and lists are
//
// The first door gives the SessionEstablishment message for the phone, the second takes the phone's answer, both base64url
// without padding where they stand in JSON. A check takes one message and then is gone; so it is after its time-out. How
// many checks are open at once is bounded. Nothing of an answer is stored, and the portrait, where a profile has staff
// compare faces, passes through once.
//
// Both doors take a bearer token: whoever may begin a check has requests signed in the shop's name. Errors are RFC 9457
// documents with constant texts; the cause is logged. TLS, time-outs, recovery from panics and the access log are the
// server's in front. Whether the POS device shows the result to the right customer is not known here.
//
// Start with New.
package httpapi
