package mdoc

// The readers without reflection, for the tests that hold them to the generic decoder.
var (
	ReadDeviceResponse   = readDeviceResponse
	ReadDocument         = readDocument
	ReadIssuerSigned     = readIssuerSigned
	ReadItem             = readItem
	ReadDeviceNameSpaces = readDeviceNameSpaces
	ReadMSO              = readMSO
)
