package inspect

import (
	"crypto/x509"
	"encoding/pem"
	"strings"

	"mobileid/cmd/mobileid/internal/inspect/annotate"
	"mobileid/cmd/mobileid/internal/inspect/apdulog"
	"mobileid/cmd/mobileid/internal/inspect/record"
)

// Found is one structure inside an input, without its encoding.
type Found struct {
	// Type is as in Report.
	Type string
	Data []byte
	diff []annotate.Difference
}

// Find recognises what is in an input, without printing it.
func Find(raw []byte) ([]Found, error) {
	m, f := unwrap(raw)
	if f != nil {
		return nil, f
	}
	_, found, f := m.look("", "")
	if f != nil {
		return nil, f
	}
	return found, nil
}

// look makes the tree of whatever the material is. as forces the type of binary data; pick is the path of one structure in JSON.
func (m material) look(as, pick string) (*annotate.Node, []Found, *annotate.Fault) {
	if as == "" {
		as = m.as
	}
	switch m.kind {
	case kindPEM:
		return lookPEM(m.data)
	case kindAPDU:
		return lookLog(m.data)
	case kindJSON:
		return lookJSON(m.data, as, pick)
	default:
		return look(m.data, as, 0)
	}
}

// errPrivate is the refusal of a private key. Nothing of it is repeated.
func errPrivate(offset int) *annotate.Fault {
	return annotate.Faultf(offset, "a private key: it is neither read nor printed")
}

// look makes the tree of binary data. as forces a type.
func look(data []byte, as string, base int) (*annotate.Node, []Found, *annotate.Fault) {
	switch {
	case as == "Certificate" || as == "CertificateList" || as == "" && looksDER(data):
		return lookDER(data, base)
	case as == "" && record.Looks(data), as == "NDEF":
		return lookNDEF(data, base)
	}
	if as == "" {
		as = annotate.Recognise(data)
	}
	switch as {
	case "COSE_Key", "CoseKeyBytes", "EReaderKeyBytes", "EDeviceKeyBytes":
		if annotate.HoldsPrivateKey(data) {
			return nil, nil, errPrivate(base)
		}
	}
	tree, f := annotate.Walk(data, as, base)
	if as == "" && f != nil && tree.Root != nil && tree.Root.Children == nil {
		f.Reason += "; the bytes are not recognised as anything else either"
	}
	if as == "" && tree.Root != nil {
		as = tree.Root.Type
	}
	return tree.Root, []Found{{Type: as, Data: data, diff: tree.Differences}}, f
}

// lookNDEF shows a message record by record, its engagement opened.
func lookNDEF(data []byte, base int) (*annotate.Node, []Found, *annotate.Fault) {
	found := []Found{{Type: "NDEF", Data: data}}
	root, f := record.Read(data, base, func(payload []byte, as string, at int) (*annotate.Node, *annotate.Fault) {
		node, inner, f := look(payload, as, at)
		found = append(found, inner...)
		return node, f
	})
	return root, found, f
}

// lookLog shows a log, and again what its commands and responses carried.
func lookLog(text []byte) (*annotate.Node, []Found, *annotate.Fault) {
	var found []Found
	root, f := apdulog.Read(text, func(message []byte) *annotate.Node {
		if !looksDER(message) && !record.Looks(message) && annotate.Recognise(message) == "" {
			return nil
		}
		node, inner, f := look(message, "", 0)
		if f != nil {
			return nil // it only looked like something
		}
		found = append(found, inner...)
		return node
	})
	return root, found, f
}

// looksDER reports whether data is a DER SEQUENCE with its length in two or more bytes, as every certificate, list and key is. A CBOR item
// that begins so is one byte long.
func looksDER(data []byte) bool {
	return len(data) > 2 && data[0] == 0x30 && (data[1] >= 0x81 && data[1] <= 0x83 || int(data[1]) == len(data)-2)
}

func lookDER(data []byte, base int) (*annotate.Node, []Found, *annotate.Fault) {
	node, err := annotate.Certificate(data, base)
	if err == nil {
		return node, []Found{{Type: "Certificate", Data: data}}, nil
	}
	if list, err := annotate.RevocationList(data, base); err == nil {
		return list, []Found{{Type: "CertificateList", Data: data}}, nil
	}
	if key, err := annotate.PublicKey(data, base); err == nil {
		return key, []Found{{Type: "SubjectPublicKeyInfo", Data: data}}, nil
	}
	if privateDER(data) {
		return nil, nil, errPrivate(base)
	}
	return node, nil, annotate.Faultf(base, "DER that is no certificate, revocation list or public key this module reads: %v", err)
}

func privateDER(data []byte) bool {
	_, pkcs8 := x509.ParsePKCS8PrivateKey(data)
	_, sec1 := x509.ParseECPrivateKey(data)
	_, pkcs1 := x509.ParsePKCS1PrivateKey(data)
	return pkcs8 == nil || sec1 == nil || pkcs1 == nil
}

// lookPEM reads every block; the tree is the block's own when there is one.
func lookPEM(text []byte) (*annotate.Node, []Found, *annotate.Fault) {
	root := &annotate.Node{Type: "PEM", Length: len(text), Meaning: "PEM text (RFC 7468)"}
	var found []Found
	for rest := text; ; {
		at := len(text) - len(rest)
		block, after := pem.Decode(rest)
		if block == nil {
			break
		}
		rest = after
		if strings.Contains(block.Type, "PRIVATE") {
			return root, found, errPrivate(at)
		}
		node, f, fl := lookDER(block.Bytes, 0)
		if fl != nil {
			fl.Offset = at
			return root, found, fl
		}
		root.Add(node.Join())
		found = append(found, f...)
	}
	switch {
	case len(root.Children) == 0 && strings.Contains(string(text), "PRIVATE KEY"):
		return root, nil, errPrivate(0)
	case len(root.Children) == 0:
		return root, nil, annotate.Faultf(0, "a PEM block that cannot be decoded")
	case len(root.Children) == 1:
		return root.Children[0], found, nil
	}
	return root, found, nil
}
