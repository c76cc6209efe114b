package se

import (
	"mobileid/mdoc/apdu"
	"mobileid/tsm/gp"
)

// Privileges of this element. What it cannot honour is not granted to anyone but shown by the ISD as real ones show it:
// DAP, default selection, ciphered load files, contactless, global services, trusted paths.
const (
	// domainPrivileges are those of the ISD.
	domainPrivileges gp.Privileges = 0x9EFE80
	// delegated marks a security domain that manages content with the issuer's tokens.
	delegated = gp.DelegatedManagement &^ gp.SecurityDomain

	applicationPrivileges = gp.CardLock | gp.CardTerminate | gp.CVMManagement
	subordinatePrivileges = gp.SecurityDomain | delegated | gp.CardLock | gp.CardTerminate | gp.CVMManagement |
		gp.AuthorizedManage | gp.GlobalDelete | gp.GlobalLock | gp.GlobalRegistry
)

// grantable tells whether a domain may give these privileges: nobody but the ISD gives what it does not have.
func (ch *channel) grantable(p gp.Privileges) bool {
	allowed := applicationPrivileges
	if p.Has(gp.SecurityDomain) {
		allowed = subordinatePrivileges
	}
	switch giver := ch.self(); {
	case p&^allowed != 0:
		return false
	case p.Has(delegated) && p.Has(gp.AuthorizedManage):
		return false // with tokens, or without
	default:
		return giver.aid == gp.ISD || p&^gp.SecurityDomain&^giver.privileges == 0
	}
}

// self is the entry of the domain the session is with.
func (ch *channel) self() entry {
	e, _ := ch.se.entry(ch.domain)
	return e
}

// under tells whether an entry belongs to a domain, directly or through domains between them.
func (s *SE) under(e entry, domain gp.AID) bool {
	for range len(s.registry) + 1 {
		if e.domain == domain {
			return true
		}
		if e.domain == gp.ISD {
			return false
		}
		e = s.registry[e.domain]
	}
	return false
}

// authorize tells whether the session's domain may manage content with this command: an authorized one without a token, a
// delegated one with the issuer's (Card Specification 2.3.1, 9.1.3). 6982 without the privilege or with a wrong token,
// 6A80 for a token nobody asked for.
func (ch *channel) authorize(c apdu.Command, token []byte) apdu.SW {
	switch self := ch.self(); {
	case self.privileges.Has(gp.AuthorizedManage):
		if len(token) != 0 {
			return apdu.WrongData
		}
		return apdu.OK
	case self.privileges.Has(gp.DelegatedManagement):
		return ch.se.verifyToken(c, token)
	default:
		return apdu.SecurityStatus
	}
}
