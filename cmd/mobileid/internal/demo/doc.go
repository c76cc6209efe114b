// Package demo runs the whole story in one process: a modelled My Number card is read over APDUs, an mdoc is issued for a
// key that was born in a modelled secure element, brought there over SCP03, shown to a till that is offline, and refused after
// the phone was handed over.
//
// The parties are those of the services: issuer, TSM and phone meet over HTTP on loopback, card and secure element are
// reached by APDUs, the till by the messages of the proximity session. Nothing is left out for the demonstration; what is
// modelled are the two chips and the radio. Persons, keys and certificates are made for the run and say TEST.
package demo
