package pki

import "mobileid/mdoc/verdict"

const unread = "the certificate could not be read"

// chainChecks are the ids that [Anchors.Check] lists for every profile.
var chainChecks = [...]string{
	"chain.certificate", "chain.profile.serial", "chain.profile.signature_algorithm", "chain.profile.period", "chain.profile.key",
	"chain.profile.key_usage", "chain.profile.eku", "chain.profile.basic_constraints", "chain.critical_extensions", "chain.path",
	"chain.signature", "chain.authority_key_id", "chain.validity",
}

// Unchecked lists the checks of [Anchors.Check] for purpose p as not run: for a caller that has no anchors to check with.
// It is empty for a profile that does not exist.
func Unchecked(p Profile, why string) verdict.Verdict {
	var v verdict.Verdict
	if r, err := p.rules(); err == nil {
		listUnreached(&v, r, why)
	}
	return v
}

// listUnreached adds the checks of a chain that are not listed yet as not run.
func listUnreached(v *verdict.Verdict, r rules, why string) {
	list := func(ids ...string) {
		for _, id := range ids {
			if _, listed := v.Outcome(id); !listed {
				v.NotRun(id, r.clause, why)
			}
		}
	}
	list(chainChecks[:]...)
	if r.country {
		list("chain.country", "chain.state")
	}
	if r.seID {
		list("chain.profile.se_id")
	}
	if r.dns {
		list("chain.profile.dns_name")
	}
}
