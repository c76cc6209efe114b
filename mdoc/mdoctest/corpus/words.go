package corpus

import (
	"maps"
	"slices"
	"strings"
)

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

// words makes the last part of a case's name.
func words(s string) string {
	return strings.NewReplacer(" ", "-", "_", "-", "/", "-", ",", "").Replace(strings.ToLower(s))
}
