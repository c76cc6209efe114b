package phone

import (
	"mobileid/tsm/applet"
	"mobileid/tsm/jpkiapplet"
	"mobileid/tsm/se"
)

// Applets are the programs built into every modelled element: each that opens one needs them all.
func Applets() []se.Kind { return []se.Kind{applet.Kind(), jpkiapplet.Kind(jpkiapplet.Options{})} }
