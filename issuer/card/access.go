package card

import (
	"fmt"
	"slices"
	"strings"
)

// form is how the content of a file ends.
type form uint8

const (
	formObject form = iota // one data object, TLV or DER, then filler
	formWhole              // up to the end of the file
	formRecord             // record 1
)

// fileForm tells how a file is read, and whether it is one that can be.
func (f FileID) fileForm() (form, bool) {
	switch f {
	case SignatureCertificate, SignatureCA, AuthenticationCertificate, AuthenticationCA, AttributesFile, IntegrityFile,
		AttributesCVFile, AttributesBasicFile, AttributesSessionKeyFile, AttributesKeyFile, AgeFile, FaceFile, BasicFile, FaceCVFile,
		NumberImageFile:
		return formObject, true
	case TokenFile, PresenceFile, NumberFile, AttributesUnknownFile, FaceUnknownFile, CommonKeyIDFile:
		return formWhole, true
	case CardNumberFile, ResidentKeyIDFile:
		return formRecord, true
	default:
		return 0, false
	}
}

// ReadableFiles lists the files that can be read from a token of the kind, in rising order.
func ReadableFiles(k Kind) []FileID {
	all := []FileID{
		SignatureCertificate, SignatureCA, TokenFile, PresenceFile, AuthenticationCertificate, AuthenticationCA,
		NumberFile, AttributesFile, IntegrityFile, AttributesCVFile, AttributesBasicFile, AttributesSessionKeyFile, AttributesKeyFile,
		AttributesUnknownFile,
		AgeFile, FaceFile, BasicFile, FaceCVFile, NumberImageFile, FaceUnknownFile, CardNumberFile, CommonKeyIDFile, ResidentKeyIDFile,
	}
	if k.Phone() {
		return slices.DeleteFunc(all, func(f FileID) bool { return f.Application() != JPKI })
	}
	return all
}

// OpenedBy lists the secrets of which any one opens the file or lets the key be used, none for a free one.
func (f FileID) OpenedBy(k Kind) []FileID {
	switch f {
	case SignatureCertificate, SignatureKey:
		return []FileID{SignaturePasswordFile}
	case AuthenticationKey:
		return []FileID{AuthenticationPINFile}
	case AuthenticationCertificate:
		if k.Phone() {
			return []FileID{AuthenticationPINFile}
		}
		return nil
	case NumberFile, IntegrityFile:
		return []FileID{AttributesPINFile, AttributesNumberAFile}
	case AttributesFile:
		return []FileID{AttributesPINFile, AttributesNumberBFile}
	case AttributesSessionKeyFile, AttributesKeyFile:
		return []FileID{AttributesPINFile, AttributesNumberAFile, AttributesNumberBFile}
	case AgeFile:
		return []FileID{BirthDateKeyFile}
	case FaceFile:
		return []FileID{FaceNumberAFile, FaceNumberBFile}
	case NumberImageFile:
		return []FileID{FaceNumberAFile}
	default:
		return nil
	}
}

// An AccessError says that the card did not open a file or key, and which secrets would.
type AccessError struct {
	File    FileID
	Secrets []SecretName
	// Err is the card's answer.
	Err error
}

func (e *AccessError) Error() string {
	if len(e.Secrets) == 0 {
		return fmt.Sprintf("%v is closed: %v", e.File, e.Err)
	}
	names := make([]string, len(e.Secrets))
	for i, n := range e.Secrets {
		names[i] = "the " + string(n)
	}
	return fmt.Sprintf("%v is opened by %s: %v", e.File, strings.Join(names, " or "), e.Err)
}

// Unwrap gives the card's answer, which is apdu.ErrSecurityStatus.
func (e *AccessError) Unwrap() error { return e.Err }
