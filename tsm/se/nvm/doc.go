// Package nvm is the non-volatile memory of the modelled secure element: named objects in one state file, changed in
// transactions that hold whole or not at all, whatever moment the power is cut.
//
// The file is a journal. A transaction is one frame, appended in small physical writes (pages of [PageSize] bytes) and
// then synced; it holds from the moment its last page is in place. [Open] replays the frames up to the first torn one and
// drops that. A frame that is not whole but has a whole one behind it cannot come from a power cut: such a file is
// refused as damaged, and a file that does not begin as ours is refused as foreign.
//
// When replaced content outweighs what lives, the file is compacted: the live objects are written to a second file, which is
// synced and exchanges its name with the first, which is overwritten with zeros and waits for its next turn. A transaction that
// replaces or erases an object marked Scrub is such a compaction itself: it holds from the exchange on, and erased keys are in no
// file when Commit returns. What a power cut left in the second file, of the new content or of the old, Open overwrites. Where the file
// system cannot exchange names the new file is renamed over the old one; a cut before the overwriting then leaves the old content in
// blocks that have no name any more. What the medium below keeps of overwritten blocks is beyond this model.
//
// So zeros behind the last frame are nothing. They are what a file had before it got shorter, and the next frame goes over them. The second
// file lies beside the first, with .new behind its name, as long as the memory is open. A hard link to either sees what comes later too: copy a
// state file when it is closed.
//
// After a failed write, and after a power cut staged through Config.Tear, the memory is dead until it is opened again: what
// it would say could differ from what the file holds.
//
// The file holds its objects in clear, keys included, because the chip it stands for would: its mode is 0600, and whoever can
// read or replace it holds the chip. The checksums find accidents, not attackers. One process at a time may have it open.
package nvm
