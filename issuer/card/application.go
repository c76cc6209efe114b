package card

import (
	"fmt"

	"mobileid/mdoc/jpkiap"
)

// An Application is one of the card's applications (AP).
type Application uint8

// The applications. The numbers are this project's; they order the files of a Reading.
const (
	JPKI       Application = 1 // 公的個人認証AP
	Attributes Application = 2 // 券面事項入力補助AP
	Face       Application = 3 // 券面事項確認AP
	Common     Application = 4 // 共通カードAP
	Resident   Application = 5 // 住基AP
)

// AID is the application identifier (ISO/IEC 7816-4), nil for an unknown application.
func (a Application) AID() []byte {
	switch a {
	case JPKI:
		return jpkiap.AID()
	case Attributes:
		return []byte{0xD3, 0x92, 0x10, 0x00, 0x31, 0x00, 0x01, 0x01, 0x04, 0x08}
	case Face:
		return []byte{0xD3, 0x92, 0x10, 0x00, 0x31, 0x00, 0x01, 0x01, 0x04, 0x02}
	case Common:
		return []byte{0xD3, 0x92, 0x10, 0x00, 0x31, 0x00, 0x01, 0x01, 0x01, 0x00}
	case Resident:
		return []byte{0xD3, 0x92, 0x10, 0x00, 0x31, 0x00, 0x01, 0x01, 0x04, 0x01}
	default:
		return nil
	}
}

// String is the English name of the application.
func (a Application) String() string {
	switch a {
	case JPKI:
		return "JPKI"
	case Attributes:
		return "attributes"
	case Face:
		return "card face"
	case Common:
		return "common"
	case Resident:
		return "resident register"
	default:
		return fmt.Sprintf("application %d", uint8(a))
	}
}

// A FileID names an elementary file: the Application in bits 16 to 23, the EF identifier below.
type FileID uint32

// The files a [Reading] may hold. All others that can be read are below.
const (
	SignatureCertificate      FileID = 0x10001 // DER, opened by the signature password
	SignatureCA               FileID = 0x10002 // DER, free
	AuthenticationCertificate FileID = 0x1000A // DER, free
	NumberFile                FileID = 0x20001 // FF10 and filler, 17 bytes: the individual number
	AttributesFile            FileID = 0x20002 // FF20: name, address, birth date, sex
	IntegrityFile             FileID = 0x20003 // FF30: digests of the two above, signed
	AttributesCVFile          FileID = 0x20004 // 7F21: certificate of the key that signed FF30 and FF50
	AttributesKeyFile         FileID = 0x20007 // FF50: public key of the application, signed
	FaceFile                  FileID = 0x30002 // FF20: card face with the portrait, signed
	BasicFile                 FileID = 0x30003 // FF30: municipality code, not signed
	FaceCVFile                FileID = 0x30004 // 7F21: certificate of the key that signed FF20
)

// Further files that a [Client] reads. Of those called unknown nothing but the size is known.
const (
	TokenFile                FileID = 0x10006 // 160 bytes, free: kind of token
	PresenceFile             FileID = 0x10008 // 3 bytes, free: 8F8F00 when both certificates are there
	AuthenticationCA         FileID = 0x1000B // DER, free
	AttributesBasicFile      FileID = 0x20005 // FF40, free
	AttributesSessionKeyFile FileID = 0x20006 // A1: public key for secure messaging
	AttributesUnknownFile    FileID = 0x20008 // unknown, 16 bytes
	AgeFile                  FileID = 0x30001 // FF10: birth date, signed
	NumberImageFile          FileID = 0x30005 // FF40: the individual number as an image, signed
	FaceUnknownFile          FileID = 0x30006 // unknown, 16 bytes
	CardNumberFile           FileID = 0x40001 // record 1: manufacturing number, municipality, expiry
	CommonKeyIDFile          FileID = 0x40002 // 16 bytes
	ResidentKeyIDFile        FileID = 0x50002 // record 1: 16 bytes
)

// Private keys, for [Client.Sign] and [Client.Prove].
const (
	AuthenticationKey FileID = 0x10017
	SignatureKey      FileID = 0x1001A
	attributesKey     FileID = 0x20013
	faceKey           FileID = 0x3001A
	commonKey         FileID = 0x40019
)

// NewFileID joins an application and an EF identifier.
func NewFileID(a Application, ef uint16) FileID { return FileID(a)<<16 | FileID(ef) }

// Application is the application the file is in.
func (f FileID) Application() Application { return Application(f >> 16) } //nolint:gosec // bits 16 to 23

// EF is the identifier of the file inside its application.
func (f FileID) EF() uint16 { return uint16(f) } //nolint:gosec // the low 16 bits

// String names the file: "card face 0002".
func (f FileID) String() string { return fmt.Sprintf("%v %04X", f.Application(), f.EF()) }

// mayBeRead tells the files of a Reading from all others, and whether a Reading needs them.
func (f FileID) mayBeRead() (known, needed bool) {
	switch f {
	case SignatureCA, NumberFile:
		return true, false
	case SignatureCertificate, AuthenticationCertificate, AttributesFile, IntegrityFile, AttributesCVFile,
		AttributesKeyFile, FaceFile, BasicFile, FaceCVFile:
		return true, true
	default:
		return false, false
	}
}
