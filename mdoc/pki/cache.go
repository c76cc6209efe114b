package pki

import "sync"

// maxLinks bounds the memory of verified links: 1024 certificates of at most 4 KiB. A nation's verifier meets a few
// dozen document signers at a time.
const maxLinks = 1024

type linkKey struct {
	profile Profile
	der     string
}

// linkCache remembers links that held, by profile and by the certificate's exact bytes: comparing them costs less than
// hashing them and leaves no room for a collision. Only an anchor's signature gets anything in, so a stranger cannot
// fill it. When it is full the oldest link makes room.
type linkCache struct {
	mu    sync.RWMutex // guards all below
	links map[linkKey]*link
	order []linkKey // ring of the keys in links, in the order they came
	next  int       // the oldest entry of order once it is full
}

func (c *linkCache) find(p Profile, der []byte) *link {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return c.links[linkKey{profile: p, der: string(der)}]
}

func (c *linkCache) keep(p Profile, l *link) {
	key := linkKey{profile: p, der: string(l.leaf.Raw)}
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, found := c.links[key]; found {
		return
	}
	if c.links == nil {
		c.links = make(map[linkKey]*link)
	}
	if len(c.order) < maxLinks {
		c.order = append(c.order, key)
	} else {
		delete(c.links, c.order[c.next])
		c.order[c.next] = key
		c.next = (c.next + 1) % maxLinks
	}
	c.links[key] = l
}
