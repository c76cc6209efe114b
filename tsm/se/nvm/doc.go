// Package nvm is the non-volatile memory of the modelled secure element: named objects in one state file, changed in
// transactions that hold whole or not at all, whatever moment the power is cut.
//
// The file has two banks, of which one holds. That bank is a journal: a first frame with all objects, the base, and behind it a frame for
// each transaction, appended and then synced; a transaction holds from the moment its last byte is in place. [Open] replays the frames up to the first
// torn one and drops that. A frame that is not whole but has a whole one behind it cannot come from a power cut: such a file is refused as damaged, and a
// file that does not begin as ours is refused as foreign.
//
// When replaced content outweighs what lives, the file is compacted: the live objects become the base of the other bank, which holds from the sync of
// that on, being the later; then the former bank is overwritten with zeros. A transaction that replaces or erases an object marked Scrub is such
// a compaction itself, and erased keys are not in the file when Commit returns. What a power cut left in the bank that does not hold, of a base to
// come or of the content before, Open overwrites. What the medium below keeps of overwritten blocks is beyond this model.
//
// So zeros behind the last frame are nothing: they are what a bank had before it got shorter, and the next frame goes over them. Both banks are written
// in place, again and again in the blocks they have: nothing is made, renamed or freed, which is what keeps a file system's journal busy.
//
// After a failed write or sync, and after a power cut staged through Config.Tear, the memory is dead until it is opened again: what
// it would say could differ from what the file holds. It dies too, before it writes, when the file has lost its name to another.
//
// The file holds its objects in clear, keys included, because the chip it stands for would: its mode is 0600, and whoever can
// read or replace it holds the chip. The checksums find accidents, not attackers. One process at a time may have it open.
package nvm
