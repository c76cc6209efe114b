package cbor

// LongHeads counts the heads of an item that are longer than preferred serialization has them (RFC 8949, 4.1), inside embedded
// CBOR (tag 24) as well. The standard wants the shortest form of senders; readers hash what they received. Floats are not
// looked at. An item that is not well-formed counts as far as it can be read.
func LongHeads(data []byte) int {
	return longHeads(data, maxDepth)
}

// longHeads reads the heads one after the other: in a well-formed item each is followed by its content or by the next head.
func longHeads(data []byte, depth int) int {
	count, embedded := 0, false
	for off := 0; off < len(data); {
		if b := data[off]; b&0x1f < 24 && b>>5 != majorBytes && b>>5 != majorText { // most heads: one byte, which is as short as can be
			off, embedded = off+1, false
			continue
		}
		h, err := readHead(data, off)
		if err != nil {
			return count
		}
		if h.major != majorSimple && h.next-off != headSize(h.arg) {
			count++
		}
		off = h.next
		if h.major == majorBytes || h.major == majorText {
			if h.arg > uint64(len(data)-off) {
				return count
			}
			end := off + int(h.arg) //nolint:gosec // bounded by the input just above
			if embedded && h.major == majorBytes && depth > 0 {
				count += longHeads(data[off:end], depth-1)
			}
			off = end
		}
		embedded = h.major == majorTag && h.arg == tagEmbedded
	}
	return count
}
