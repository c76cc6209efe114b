package se

import (
	"encoding/hex"

	"mobileid/tsm/gp"
)

// Names of the element's objects.
const (
	keyID                 = "se/id"
	keyAttestation        = "se/attestation-key"
	keyChain              = "se/attestation-chain"
	keyAnchors            = "se/issuer-anchors"
	keyCertificateAnchors = "se/certificate-anchors"
	keyReceipts           = "se/receipts"     // counter of the applets' receipts
	keyConfirm            = "se/confirmation" // counter of the ISD's receipts
	keyCardState          = "se/card-state"
	keyOption             = "se/option"
	keyTestElement        = "se/test-element"
	keyUnloaded           = "se/unloaded"
	prefixRegistry        = "registry/"
	prefixObjects         = "object/"
	prefixFile            = "file/"
	prefixCode            = "code/"
	prefixGone            = "gone/"
	prefixISD             = "isd/"
	prefixDomain          = "sd/"
)

func registryKey(aid gp.AID) string { return prefixRegistry + hexOf(aid) }

func objectKey(aid gp.AID, name string) string { return prefixObjects + hexOf(aid) + "/" + name }

// domainKey names what belongs to a security domain itself.
func domainKey(domain gp.AID) string {
	if domain == gp.ISD {
		return prefixISD
	}
	return prefixDomain + hexOf(domain) + "/"
}

func hexOf(aid gp.AID) string { return hex.EncodeToString([]byte(aid)) }
