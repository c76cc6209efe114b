package card

// The checks of Inspect that Check does not make. One id stands for one thing that was read, and is listed when it was.
var (
	ruleTokenFormat     = rule{"token.format", "JPKI-AP 0006; PKCS#11 v2.40, 3.2"}
	ruleTokenPresence   = rule{"token.presence", "JPKI-AP 0008"}
	ruleFileSignatureCA = rule{"cert.ca_file", "JPKI-AP 0002; RFC 5280, 4.1"}
	ruleFileAuthCA      = rule{"auth.ca_file", "JPKI-AP 000B; RFC 5280, 4.1"}
	ruleFileStatus      = rule{"card.certificate.status", "RFC 5280, 5; 公的個人認証法 第17条"}

	ruleAttributesBasic = rule{"attributes.basic_data", "補助AP 0005"}
	ruleSessionKey      = rule{"attributes.session_key", "補助AP 0006"}
	ruleNumberFormat    = rule{"number.format", "補助AP 0001"}

	ruleAgeFormat     = rule{"age.format", "券面AP 0001"}
	ruleAgeSignature  = rule{"age.signature", "券面AP 0001, DF13"}
	ruleAgeActiveAuth = rule{"age.active_auth", "券面AP, COMPUTE DIGITAL SIGNATURE over the challenge, by DF12"}
	ruleBasicFormat   = rule{"face.basic_data", "券面AP 0003"}
	ruleFaceImages    = rule{"face.images", "券面AP 0002, DF25, DF26, DF2A; ISO/IEC 15948"}

	ruleNumberImageFormat     = rule{"number_image.format", "券面AP 0005"}
	ruleNumberImageSignature  = rule{"number_image.signature", "券面AP 0005, DF43"}
	ruleNumberImageActiveAuth = rule{"number_image.active_auth", "券面AP, COMPUTE DIGITAL SIGNATURE over the challenge, by DF42"}

	ruleAgreeFaceKey = rule{"agree.face_key", "券面AP: DF12 = DF24 = DF42"}
	ruleCardNumber   = rule{"card.number", "共通カードAP 0001"}
)
