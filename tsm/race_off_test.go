//go:build !race

package tsm_test

// raced tells that the race detector is on, with which everything takes longer.
const raced = false
