// Package cardtool carries out the commands `mobileid card …`: it opens a card behind a reader or a model of one, asks for secrets, and
// prints what the card holds and what was checked of it, for people in English or Japanese or as JSON.
//
// Secrets come from the terminal without an echo, a private file or standard input; they are sent once, and are in no message. What is
// printed is the holder's own data. The individual number is read and printed only when it is asked for by itself.
//
// Not checked here: anything that needs the issuer (package issuer/card). Start with [Tool].
package cardtool
