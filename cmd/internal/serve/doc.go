// Package serve is how every service of this module starts, logs, answers for
// its health and stops, so that no command has server code of its own.
//
// A service is one [Settings] struct read from a JSON file by [Load], one
// handler, and one [Command] that joins them. [Listen] binds, [Server.Serve]
// answers until its context ends and then lets the requests in hand finish.
//
// What the server itself enforces: bounds on header time, read time, write
// time, idle time, header size and body size; one random request id for each
// request; recovery from a panic as an RFC 9457 problem document that says
// nothing; and exactly one log event for each request. The event holds the
// route's pattern and never a path value, query, header or body, because
// those carry personal data and secrets.
//
// It trusts the handler to set Request.Pattern when it is not an
// [http.ServeMux] (which does), to give a status that means what it says, and
// to authenticate. It does not terminate client certificates beyond what the
// given tls.Config asks for, does not limit rates, and reads no forwarding
// header: the peer of a connection is whoever opened it.
package serve
