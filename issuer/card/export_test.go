package card

// ParseAnyFile runs the parser of a file, for fuzzing: none may panic, whatever the content.
func ParseAnyFile(id FileID, content []byte) (err error) {
	switch id {
	case SignatureCertificate, SignatureCA:
		c, err := parseCertificate(content)
		if err != nil {
			return err
		}
		if _, err = parseHolder(c); err != nil {
			return err
		}
		return checkSignatureProfile(c)
	case AuthenticationCertificate:
		c, err := parseCertificate(content)
		if err != nil {
			return err
		}
		if err = checkAuthenticationProfile(c); err != nil {
			return err
		}
		_, err = municipalityOf(c.Subject.CommonName)
		return err
	case NumberFile:
		_, err = parseNumber(content)
	case AttributesFile:
		_, err = parseAttributes(content)
	case IntegrityFile:
		_, err = parseIntegrity(content)
	case AttributesKeyFile:
		_, err = parseKeyRecord(content)
	case FaceFile:
		_, err = parseFace(content)
	case BasicFile:
		_, err = parseBasic(content)
	case AttributesCVFile, FaceCVFile:
		_, err = parseCVCertificate(content)
	case AttributesSessionKeyFile:
		_, err = parseSessionKey(content)
	default: // not parsed, or by exported functions
	}
	return err
}

// OtherNames exposes the subjectAltName parser.
func OtherNames(san []byte) ([7]string, error) { return otherNames(san) }
