// Package setool carries out the commands `mobileid se …`: it opens a GlobalPlatform card or secure element in a reader, or a
// modelled one from its file, and shows and manages what is on it, for people or as JSON.
//
// Keys come from private files, never from arguments, and are in no message. A failed authentication is never tried again.
//
// Not here: what the commands mean on the card (package tsm/gp/manager). Start with [Tool].
package setool
