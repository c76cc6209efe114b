// Package se is the modelled secure element of a phone: a GlobalPlatform card on one logical channel, with an issuer
// security domain (ISD) that is managed over SCP03, and applets built into the program.
//
// It follows GlobalPlatform Card Specification 2.3.1 (GPC_SPE_034) and Amendment D 1.2 (SCP03) where it answers at all:
// SELECT, GET DATA, INITIALIZE UPDATE, EXTERNAL AUTHENTICATE, GET STATUS, INSTALL [for install and make selectable] and
// [for personalization], STORE DATA, DELETE of an application, SET STATUS (lock, unlock). Everything else is 6D00 or 6A86.
//
// Rules of this element, stricter than the specification:
//
//   - EXTERNAL AUTHENTICATE opens a session at security level 33 only; every other level is 6A86 and no session.
//   - Management, GET STATUS included, needs a session (6982). In a session an unprotected command ends it.
//   - A session ends with SELECT, a new INITIALIZE UPDATE, a reset, or a fault of secure messaging.
//   - Load files are part of the program: LOAD is 6D00, DELETE of a load file 6985. PUT KEY is 6D00: the keys are the
//     factory's.
//   - A locked application can be selected (6283) and refuses its work; it can be personalized, so that it can be wiped
//     while it stays locked, and deleted.
//
// Everything that outlives a power cut is in package nvm, each change of the card in one transaction: registry, sequence
// counter and authentication failures of the key set, applet objects, receipt counter. After a failed or torn write
// [SE.Transmit] returns errors until the state file is opened again.
//
// This is a model. It protects nothing from whoever has its state file, which holds every key in clear; the chip it stands
// for is what does. It trusts its factory content and its clock. It does not check what applets do with their objects.
//
// Start at [Manufacture] and [Open].
package se
