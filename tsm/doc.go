// Package tsm is the trusted service manager: it brings sealed credentials to
// secure elements, locks and unlocks them there, and empties elements that change
// hands. On an operator's order it brings an element to another key set.
//
// It speaks SCP03 at security level 33 (GlobalPlatform Card Specification 2.3.1
// and its Amendment D 1.1.2, through packages scp03 and gp) inside the messages
// of SERAM 2.0.0 (package seram). A signed order of the issuer becomes a job:
// a script with a cursor, both in the store, so that a job goes on where it was
// when the phone or this process vanished in the middle. An order is carried
// out at most once, and one job at a time runs on an element.
//
// What a provisioning takes, counted at the phone: six HTTP round trips, one
// each for the session and the handshake and four of remote management:
//
//	POLLING               -> SELECT, INITIALIZE UPDATE with the key version noted last
//	their answers         -> EXTERNAL AUTHENTICATE, INSTALL (twice), DF01 generate, DF02 pages
//	attestation           -> (issuer: attestation in, sealed bytes out) DF10 DF15 DF1F
//	receipt               -> (issuer: receipt) next job, or stop
//
// Commands travel in scripts and their answers are checked afterwards; the first
// bad one ends the attempt. An answer that fails its R-MAC ends the secure
// channel and is counted for the element, as is a failed mutual authentication;
// an element with too many in a row is left alone until an operator releases
// it, long before it would block its keys.
//
// It trusts the issuer's order key for what to do, the store for what was done,
// and the element, once the secure channel stands, for its answers. It trusts
// the phone for nothing but carrying bytes: a phone can stop a job, not bend it.
// It verifies neither attestation nor receipt (the issuer does) and cannot read
// a credential: it holds cipher text, and no package it imports knows an
// element. A phone is not authenticated, so a stranger who knows an element's
// identity can hold its sessions up and have it parked; a parked
// provisioning or rekey waits for [Service.Release]. A wipe or a lock is never parked; past
// a lock of which the element lists nothing other jobs are run, past a wipe none.
// A receipt of a wipe that the issuer refuses is kept, and offered again after
// [Service.Release].
//
// An error word carries no R-MAC. So whether a lock stands, and which key sets are
// left, is read from a listing behind the command; an element that lists nothing to wipe
// is given an instance that its listing must show; which set an element has is found
// out by INITIALIZE UPDATE with its version, never by failing to authenticate; and a
// former set is deleted only from a session under the new one.
//
// Start with New, then Service.Submit for orders and Service.Open, Handshake
// and Report for phones, Service.Rekey, Release and OrderState for operators;
// Service.Run keeps house.
package tsm
