// Package apdulog reads a log of command and response APDUs (ISO/IEC 7816-4:2020) for `mobileid inspect`: instructions, applications and
// status words get their names, chained commands, responses in pieces and files read block by block are joined.
//
// It trusts nothing: a log is text somebody wrote. What was carried is given to the caller, who knows messages; whether the answers are
// genuine is not asked. Bytes that the writer masked stay masked.
//
// Start at [Read].
package apdulog
