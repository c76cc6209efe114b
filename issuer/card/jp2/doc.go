// Package jp2 makes the portrait of a My Number card showable: the card holds JPEG 2000 (a JP2 file, ISO/IEC 15444-1, annex I), which
// browsers and most phones do not show.
//
// Decoding untrusted pictures in the process that holds personal data is not done here. [ParseHeader] reads sizes alone; a [Decoder]
// runs OpenJPEG's opj_decompress as a process of its own, when the caller names it: with a bound on pixels, time, output and, on
// Linux, memory, no shell, no environment, and a folder of its own that is removed.
//
// Trusted: the program named. Not checked: who made the picture; that is the signature of the card face, over the JP2 as it is.
package jp2
