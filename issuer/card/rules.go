package card

// A rule is a check's stable id and where it comes from.
type rule struct{ id, clause string }

// The checks of a reading, in the order of the verdict. The card's files have no public specification; their rules name
// the file and object.
var (
	ruleFiles     = rule{"evidence.files", "card evidence: every file is there"}
	ruleChallenge = rule{"evidence.challenge", "card evidence: the issuer's challenge"}
	ruleBinding   = rule{"evidence.binding", "card evidence: the secure element asked for"}
	ruleSignature = rule{"evidence.signature", "RFC 8017, 8.2.2, over the statement"}

	ruleToken        = rule{"evidence.token", "card evidence: certificates of a card, not of a phone"}
	ruleCertFormat   = rule{"cert.format", "RFC 5280, 4.1"}
	ruleCertChain    = rule{"cert.chain", "RFC 5280, 6.1.3"}
	ruleCertValidity = rule{"cert.validity", "RFC 5280, 4.1.2.5"}
	ruleCertProfile  = rule{"cert.profile", "JPKI signature certificate profile"}
	ruleCertHolder   = rule{"cert.holder", "JPKI signature certificate profile, subjectAltName"}

	ruleCertBirthday = rule{"cert.birthday", "公的個人認証法施行規則 第13条: the fifth birthday after issue"}
	ruleCertStatus   = rule{"card.certificate.status", "RFC 5280, 6.3; RFC 6960"}
	ruleCertHold     = rule{"card.certificate.hold", "RFC 5280, 5.3.1 certificateHold"}

	ruleAuthFormat   = rule{"auth.format", "RFC 5280, 4.1"}
	ruleAuthChain    = rule{"auth.chain", "RFC 5280, 6.1.3"}
	ruleAuthValidity = rule{"auth.validity", "RFC 5280, 4.1.2.5"}
	ruleAuthProfile  = rule{"auth.profile", "JPKI user authentication certificate profile"}
	ruleAuthBirthday = rule{"auth.birthday", "公的個人認証法施行規則: the fifth birthday after issue"}
	ruleAuthStatus   = rule{"card.authentication.status", "RFC 5280, 6.3; RFC 6960"}
	ruleAuthHold     = rule{"card.authentication.hold", "RFC 5280, 5.3.1 certificateHold"}

	ruleAttributesFormat     = rule{"attributes.format", "補助AP 0002, 0003, 0004, 0007"}
	ruleAttributesCV         = rule{"attributes.cv_certificate", "補助AP 0004, 5F37"}
	ruleAttributesIntegrity  = rule{"attributes.integrity", "補助AP 0003, DF32 and DF33"}
	ruleAttributesKey        = rule{"attributes.key_record", "補助AP 0007, DF52"}
	ruleAttributesActiveAuth = rule{"attributes.active_auth", "補助AP, COMPUTE DIGITAL SIGNATURE over the challenge"}

	ruleFaceFormat     = rule{"face.format", "券面AP 0002, 0003, 0004"}
	ruleFaceCV         = rule{"face.cv_certificate", "券面AP 0004, 5F37"}
	ruleFaceSignature  = rule{"face.signature", "券面AP 0002, DF28"}
	ruleFacePortrait   = rule{"face.portrait", "ISO/IEC 15444-1, I.5.1"}
	ruleFaceActiveAuth = rule{"face.active_auth", "券面AP, COMPUTE DIGITAL SIGNATURE over the challenge"}

	ruleAgreeName         = rule{"agree.name", "補助AP 0002 DF22 = certificate otherName .1"}
	ruleAgreeAddress      = rule{"agree.address", "補助AP 0002 DF23 = certificate otherName .5"}
	ruleAgreeBirth        = rule{"agree.birth_date", "補助AP 0002 DF24 = 券面AP 0002 DF22 = certificate otherName .4"}
	ruleAgreeSex          = rule{"agree.sex", "補助AP 0002 DF25 = 券面AP 0002 DF23 = certificate otherName .3"}
	ruleAgreeMunicipality = rule{"agree.municipality", "券面AP 0003 DF34 = key ids of 0004 in both APs = CN of JPKI-AP 000A"}
	ruleAgreeExpiry       = rule{"agree.expiry", "公的個人認証法施行規則 第13条: no certificate outlives its card"}
	ruleCardExpiry        = rule{"card.expiry", "券面AP 0002, DF29"}

	ruleNumberConsent   = rule{"number.consent", "番号法 第19条, 第20条"}
	ruleNumberIntegrity = rule{"number.integrity", "補助AP 0003, DF31"}
	ruleNumberCheck     = rule{"number.check_digit", "平成26年総務省令第85号, 第5条"}
)
