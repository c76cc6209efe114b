// Package gp holds the card management commands of GlobalPlatform Card
// Specification 2.3.1 (GPC_SPE_034) that this system uses, one definition for both
// ends: builders give the apdu.Command a server sends, parsers read the same command
// on the card, and the answers likewise.
//
//	SELECT, GET DATA, GET STATUS, INSTALL, STORE DATA, DELETE, SET STATUS
//
// Commands are built plain, class 80; package scp03 protects them. A parser for the
// card's side fails with an error that unwraps to an *apdu.StatusError, whose word is
// the answer to give.
//
// Start at [Select], [Install] and [StoreData]; the names of this system's applet
// stand in aid.go. Answers come from a card and are not trusted: everything is
// bounded and read strictly, objects of unknown tags are passed over as the
// specification demands.
//
// Not here: loading of code (the elements come with the applet loaded), PUT KEY,
// tokens of delegated management, and whether an operation is allowed at all.
package gp
