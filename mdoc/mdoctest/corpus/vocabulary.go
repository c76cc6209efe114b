package corpus

// spoil changes a presentation in one respect. The functions below are the words that cases are written in.
type spoil func(*presentation)

// item changes an item and lets its digest follow.
func item(id string, edit func(*node)) spoil {
	return func(p *presentation) {
		p.onItem = func(e element, n *node) {
			if e.id == id {
				edit(n)
			}
		}
	}
}

// tampered changes an item under its genuine digest.
func tampered(id string, edit func(*node)) spoil {
	return func(p *presentation) {
		p.onSpoil = func(e element, n *node) {
			if e.id == id {
				edit(n)
			}
		}
	}
}

func mso(edit func(*node)) spoil      { return func(p *presentation) { p.onMSO = edit } }
func auth(edit func(*node)) spoil     { return func(p *presentation) { p.onAuth = edit } }
func spaces(edit func(*node)) spoil   { return func(p *presentation) { p.onSpaces = edit } }
func proof(edit func(*node)) spoil    { return func(p *presentation) { p.onProof = edit } }
func document(edit func(*node)) spoil { return func(p *presentation) { p.onDocument = edit } }
func response(edit func(*node)) spoil { return func(p *presentation) { p.onResponse = edit } }

func payload(edit func([]byte) []byte) spoil { return func(p *presentation) { p.onPayload = edit } }
func rawResponse(edit func([]byte) []byte) spoil {
	return func(p *presentation) { p.onRaw = edit }
}

func headers(edit func(protected, unprotected *node)) spoil {
	return func(p *presentation) { p.onHeaders = edit }
}

func proofHeaders(edit func(protected, unprotected *node)) spoil {
	return func(p *presentation) { p.onProofHead = edit }
}

// set writes a value under a path of keys.
func set(value *node, path ...any) func(*node) {
	return func(n *node) { n.get(path[:len(path)-1]...).set(path[len(path)-1], value) }
}

func remove(path ...any) func(*node) {
	return func(n *node) { n.get(path[:len(path)-1]...).remove(path[len(path)-1]) }
}

func rename(to *node, path ...any) func(*node) {
	return func(n *node) { n.get(path[:len(path)-1]...).rename(path[len(path)-1], to) }
}

func double(path ...any) func(*node) {
	return func(n *node) { n.get(path[:len(path)-1]...).double(path[len(path)-1]) }
}

// flip changes the lowest bit of a byte of a string; a negative place counts from the end.
func flip(at int, path ...any) func(*node) {
	return func(n *node) {
		n = n.get(path...)
		n.str = append([]byte{}, n.str...)
		n.str[(at+len(n.str))%len(n.str)] ^= 1
	}
}

func all(edits ...spoil) spoil {
	return func(p *presentation) {
		for _, e := range edits {
			e(p)
		}
	}
}

// authorized lets the MSO authorize device-signed elements.
func authorized(authorizations *node) spoil {
	return mso(set(authorizations, "deviceKeyInfo", "keyAuthorizations"))
}

// deviceSigned adds an element that the device signs, and asks for it.
func deviceSigned(space, id string) spoil {
	return func(p *presentation) {
		p.onDevice = func(n *node) { n.set(space, mapOf(id, boolean(true))) }
		p.extra = append(p.extra, element{space: space, id: id})
	}
}
