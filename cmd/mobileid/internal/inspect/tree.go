package inspect

import (
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"maps"
	"slices"
	"strconv"
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
	_, found, f := m.look("")
	if f != nil {
		return nil, f
	}
	return found, nil
}

// look makes the tree of whatever the material is. as forces the type of binary data.
func (m material) look(as string) (*annotate.Node, []Found, *annotate.Fault) {
	if as == "" {
		as = m.as
	}
	switch m.kind {
	case kindPEM:
		return lookPEM(m.data)
	case kindAPDU:
		return lookLog(m.data)
	case kindJSON:
		return lookJSON(m.data)
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

// lookJSON finds the encoded structures among a document's strings, such as a vp_token's.
func lookJSON(text []byte) (*annotate.Node, []Found, *annotate.Fault) {
	root := &annotate.Node{Type: "JSON", Length: len(text), Meaning: "JSON document"}
	var v any
	if err := json.Unmarshal(text, &v); err != nil {
		at := 0
		if e, ok := errors.AsType[*json.SyntaxError](err); ok {
			at = int(e.Offset)
		}
		return root, nil, annotate.Faultf(at, "JSON that cannot be read")
	}
	j := &jsonReader{root: root}
	if f := j.read("", v); f != nil {
		return root, j.found, f
	}
	if len(root.Children) == 0 {
		return root, nil, annotate.Faultf(0, "a JSON document without an encoded structure")
	}
	return root, j.found, nil
}

type jsonReader struct {
	root  *annotate.Node
	found []Found
}

func (j *jsonReader) read(path string, v any) *annotate.Fault {
	const most = 64
	switch v := v.(type) {
	case map[string]any:
		if _, key := v["kty"]; key {
			return j.jwk(path, v)
		}
		for _, name := range slices.Sorted(maps.Keys(v)) {
			if f := j.read(path+"."+name, v[name]); f != nil {
				return f
			}
		}
	case []any:
		for i, e := range v {
			if f := j.read(path+"["+strconv.Itoa(i)+"]", e); f != nil {
				return f
			}
		}
	case string:
		if len(j.root.Children) < most {
			return j.text(path, v)
		}
	}
	return nil
}

// text shows a string if it is an encoded structure, and passes over every other.
func (j *jsonReader) text(path, s string) *annotate.Fault {
	data, err := base64.RawURLEncoding.DecodeString(strings.TrimRight(s, "="))
	if err != nil {
		if data, err = base64.StdEncoding.DecodeString(s); err != nil {
			return nil
		}
	}
	if len(data) < 8 || !looksDER(data) && annotate.Recognise(data) == "" {
		return nil
	}
	node, found, f := look(data, "", 0)
	if node != nil {
		part := &annotate.Node{Type: "joined", Name: strings.TrimPrefix(path, "."), Length: len(data), Meaning: "base64url in the document"}
		part.Add(node)
		j.root.Add(part.Join())
	}
	j.found = append(j.found, found...)
	return f
}

// jwk shows a public JSON Web Key (RFC 7517).
func (j *jsonReader) jwk(path string, v map[string]any) *annotate.Fault {
	for _, secret := range []string{"d", "k", "p", "q", "dp", "dq", "qi"} {
		if _, ok := v[secret]; ok {
			return errPrivate(0)
		}
	}
	node := &annotate.Node{Type: "JWK", Name: strings.TrimPrefix(path, "."), Clause: "RFC 7517", Meaning: "public key"}
	for _, name := range slices.Sorted(maps.Keys(v)) {
		if s, ok := v[name].(string); ok {
			node.Add(annotate.Note(name, s))
		}
	}
	j.root.Add(node)
	return nil
}
