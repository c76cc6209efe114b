// Package seram holds the messages between a phone and the trusted service
// manager, GlobalPlatform SERAM 2.0.0 (Secure Element Remote Application
// Management, HTTP REST binding), and the phone's end of the conversation.
//
// The manager is the Remote Agent, an HTTP server; the phone is the Local
// Agent, which asks for commands and forwards APDUs between the manager and
// its secure element without reading them. Everything end to end is protected
// inside the APDUs by SCP03; SERAM itself protects nothing and this package
// trusts nothing it reads.
//
// The published schema and its examples disagree in places (the names of start
// and stop, chosenDataFormat, supportedVersions). What is written follows the
// examples; what is read is taken in either form, unknown members ignored. Not
// modelled: cookies, long polling, more than one session at a time.
//
// Start with Agent on the phone, with Report and Order on the server.
package seram
