// Package se is the modelled secure element of a phone: a GlobalPlatform card with an issuer security domain (ISD),
// supplementary security domains, four logical channels, and applets built into the program.
//
// It follows GlobalPlatform Card Specification 2.3.1 (GPC_SPE_034) and Amendment D 1.2 (SCP03):
//
//	SELECT, MANAGE CHANNEL, GET DATA, GET STATUS, SET STATUS, INITIALIZE UPDATE, EXTERNAL AUTHENTICATE,
//	INSTALL in all forms, LOAD, STORE DATA, PUT KEY, DELETE
//
// Content is managed by the ISD, by domains with Authorized Management, and by domains with Delegated Management under
// tokens of the issuer (key 70). With a receipt key (71) in the ISD every change of content is answered with a receipt.
//
// Rules of this element, stricter than the specification or left open by it:
//
//   - Management, GET STATUS included, needs a session (6982). In a session an unprotected command ends it.
//   - A session ends with SELECT, a new INITIALIZE UPDATE, a reset, the end of its channel, or a fault of secure messaging.
//   - STORE DATA is taken encrypted only (level 03 or above), and for an application at its kind's level or above.
//   - Applications are managed by the domain they belong to and those above it; personalized by the one they belong to alone.
//     Only that one can give them away, so the issuer cannot take back what it extradited; it can lock and delete it.
//   - A domain without keys of its own is reached with those of the domain it belongs to, until it has some.
//   - Load files of built-in applets are in the registry from the start, unless the factory left them out. DELETE takes one
//     out of the registry; LOAD of a file with its AID puts it back. Code that is loaded is checked, kept and never run.
//   - An application is selected on one channel at a time. What is selected on any is not deleted (6985).
//   - A locked application can be selected (6283) and refuses its work; it can be personalized, so that it can be wiped
//     while it stays locked, and deleted.
//   - Weak and published keys are refused for good, but in an element made for tests.
//
// Everything that outlives a power cut is in package nvm, each change of the card in one transaction: registry, load files,
// key sets with sequence counters and authentication failures, data objects, applet objects, receipt counters. After a
// failed or torn write [SE.Transmit] returns errors until the state file is opened again.
//
// This is a model. It protects nothing from whoever has its state file, which holds every key in clear; the chip it stands
// for is what does. It trusts its factory content and its clock. It does not check what applets do with their objects.
//
// Start at [Manufacture] and [Open].
package se
