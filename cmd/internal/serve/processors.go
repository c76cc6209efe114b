package serve

import (
	"os"
	"runtime"
	"strconv"
)

// RoomForSyncs lets the program run on twice as many processors as it would, unless GOMAXPROCS says how many, and gives what takes that
// back. A goroutine that waits for a file to be synced keeps its processor until the scheduler notices, some twenty microseconds to some milliseconds
// later; with as many processors as cores, cores stand idle meanwhile. It is for a program that syncs a store of its own, called once as it starts.
func RoomForSyncs() (restore func()) {
	if n, err := strconv.ParseInt(os.Getenv("GOMAXPROCS"), 10, 32); err == nil && n > 0 { // as the runtime reads it
		return func() {}
	}
	before := runtime.GOMAXPROCS(0)
	runtime.GOMAXPROCS(2 * before)
	return func() { runtime.GOMAXPROCS(before) }
}
