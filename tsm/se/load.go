package se

import (
	"bytes"
	"crypto/sha1" //nolint:gosec // a hash the specification allows for load files
	"crypto/sha256"
	"crypto/sha512"
	"crypto/subtle"

	"mobileid/mdoc/apdu"
	"mobileid/tsm/gp"
)

// loading is a load file on its way, between INSTALL [for load] and the last LOAD.
type loading struct {
	file   gp.InstallLoad
	domain gp.AID
	next   int
	data   []byte
}

// loadOverhead is what a stream may hold beside the file: signatures and headers.
const loadOverhead = 4 << 10

// installForLoad opens a load, GlobalPlatform Card Specification 2.3.1, 9.3.1.
func (ch *channel) installForLoad(c apdu.Command, i gp.InstallLoad) apdu.Response {
	s := ch.se
	if sw := ch.authorize(c, i.Token); sw != apdu.OK {
		return status(sw)
	}
	domain := ch.domain
	if i.Domain != "" && i.Domain != domain {
		d, ok := s.entry(i.Domain)
		if !ok || !d.isDomain() || !s.under(d, domain) {
			return status(apdu.ReferenceNotFound)
		}
		domain = i.Domain
	}
	switch {
	case s.taken(i.LoadFile):
		return status(apdu.Conditions)
	case int64(i.Limits.Code)+int64(i.Limits.NonVolatile) > int64(s.mem.Free()):
		return status(apdu.NoSpace)
	}
	i.Hash = bytes.Clone(i.Hash)
	ch.loading = &loading{file: i, domain: domain}
	return apdu.Response{Data: gp.Confirmation(), SW: apdu.OK}
}

// load answers LOAD, 11.6. Blocks may have any size and come in order; any fault drops the file.
func (ch *channel) load(c apdu.Command) apdu.Response {
	l := ch.loading
	ch.loading = nil
	if l == nil {
		return status(apdu.Conditions)
	}
	b, err := gp.ParseLoad(c)
	switch {
	case err != nil:
		return refused(err)
	case int(b.Number) != l.next:
		return status(apdu.Conditions)
	case len(l.data)+len(b.Data) > ch.se.mem.Free()+loadOverhead:
		return status(apdu.NoSpace)
	}
	l.data = append(l.data, b.Data...)
	l.next++
	if b.Last {
		return ch.loaded(l)
	}
	ch.loading = l
	return apdu.Response{Data: gp.Confirmation(), SW: apdu.OK}
}

// loaded checks the file and registers it. Its code is kept, as a card has to, and never run.
func (ch *channel) loaded(l *loading) apdu.Response {
	s := ch.se
	stream, err := gp.ParseLoadFileData(l.data)
	if err != nil || !hashes(l.file.Hash, stream.File) {
		return status(apdu.WrongData)
	}
	p, err := gp.ParsePackage(stream.File)
	if err != nil || p.AID != l.file.LoadFile {
		return status(apdu.WrongData)
	}
	if d, ok := s.entry(l.domain); !ok || d.locked || s.taken(p.AID) {
		return status(apdu.Conditions) // another channel was quicker
	}
	u := s.update()
	u.putFile(loadFile{aid: p.AID, domain: l.domain, version: []byte{p.Major, p.Minor}, modules: p.Applets}, stream.File)
	return u.finish(p.AID, l.domain)
}

// hashes tells whether a hash is that of the load file data block; none at all is allowed.
func hashes(hash, file []byte) bool {
	var sum []byte
	switch len(hash) {
	case 0:
		return true
	case sha1.Size:
		h := sha1.Sum(file) //nolint:gosec // see above
		sum = h[:]
	case sha256.Size224:
		h := sha256.Sum224(file)
		sum = h[:]
	case sha256.Size:
		h := sha256.Sum256(file)
		sum = h[:]
	case sha512.Size384:
		h := sha512.Sum384(file)
		sum = h[:]
	case sha512.Size:
		h := sha512.Sum512(file)
		sum = h[:]
	}
	return subtle.ConstantTimeCompare(hash, sum) == 1
}
