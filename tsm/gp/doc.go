// Package gp holds the card management commands of GlobalPlatform Card
// Specification 2.3.1 (GPC_SPE_034), one definition for both ends: builders give the
// apdu.Command a server sends, parsers read the same command on the card, and the
// answers likewise.
//
//	SELECT, GET DATA, GET STATUS, SET STATUS, MANAGE CHANNEL
//	INSTALL in all forms, LOAD, STORE DATA, DELETE
//	PUT KEY, keys in data groups, key check values
//	tokens of delegated management, receipts
//
// Commands are built plain, class 80; package scp03 protects them. A parser for the
// card's side fails with an error that unwraps to an *apdu.StatusError, whose word is
// the answer to give.
//
// Start at [Select], [Install], [StoreData] and [PutKey]; the names of this system's
// applet stand in aid.go. Answers come from a card and are not trusted: everything is
// bounded and read strictly, objects of unknown tags are kept or passed over as the
// specification demands.
//
// Not here: whether an operation is allowed at all, what loaded code does, ciphered
// load files, and the old answer format of GET STATUS. Package gp/manager drives a
// card with these commands.
package gp
