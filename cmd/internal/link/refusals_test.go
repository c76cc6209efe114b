package link_test

import (
	"context"
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"mobileid/cmd/internal/link"
	"mobileid/issuer"
	"mobileid/issuer/httpapi"
	"mobileid/issuer/pairing"
	"mobileid/issuer/store"
	"mobileid/schemas/problem"
	"mobileid/tsm"
	"mobileid/tsm/issuerclient"
)

// failing is an issuer that answers the service manager with one error.
type failing struct {
	httpapi.Service
	err error
}

func (f failing) Attested(context.Context, []byte) ([]byte, error) { return nil, f.err }
func (f failing) Receipt(context.Context, []byte) error            { return f.err }

// said is a code of the issuer's doors: an error that leads to it, or what to change of a request for it, and whether it is its
// no to an attestation or receipt. One that only doors for others give has neither.
type said struct {
	code    string
	err     error
	spoil   func(*http.Request)
	forGood bool
}

// codes are by what package issuer/httpapi calls them.
func codes() map[string]said {
	return map[string]said{
		"problem.CodeMalformed":    {problem.CodeMalformed, &issuer.FieldError{Field: "receipt", Reason: "not a receipt"}, nil, true},
		"problem.CodeBodyTooLarge": {problem.CodeBodyTooLarge, &http.MaxBytesError{Limit: 1}, nil, true},
		"problem.CodeForbidden":    {problem.CodeForbidden, &issuer.RefusedError{What: "receipt", Checks: []string{"receipt.signature"}}, nil, true},
		"problem.CodeConflict":     {problem.CodeConflict, store.ErrRollback, nil, true},
		"CodeOrderUnknown":         {httpapi.CodeOrderUnknown, issuer.ErrOrder, nil, true},
		"CodeCredentialRevoked":    {httpapi.CodeCredentialRevoked, store.ErrRevoked, nil, true},
		"CodeDeviceRevoked":        {httpapi.CodeDeviceRevoked, store.ErrEpoch, nil, true},
		"CodeDeviceNotEmptied":     {httpapi.CodeDeviceNotEmptied, store.ErrWipePending, nil, true},
		"CodeExpired":              {httpapi.CodeExpired, store.ErrExpired, nil, true},
		"CodeEvidenceGone":         {httpapi.CodeEvidenceGone, issuer.ErrGone, nil, true},
		"CodeNoValidity":           {httpapi.CodeNoValidity, issuer.ErrValidity, nil, true},

		"problem.CodeNotFound":             {problem.CodeNotFound, nil, func(r *http.Request) { r.URL.Path = "/elsewhere" + r.URL.Path }, false},
		"problem.CodeMethodNotAllowed":     {problem.CodeMethodNotAllowed, nil, func(r *http.Request) { r.Method = http.MethodPut }, false},
		"problem.CodeUnsupportedMediaType": {problem.CodeUnsupportedMediaType, nil, func(r *http.Request) { r.Header.Set("Content-Encoding", "gzip") }, false},
		"problem.CodeUnavailable":          {problem.CodeUnavailable, issuer.ErrBusy, nil, false},
		"problem.CodeInternal":             {problem.CodeInternal, errors.New("disk on fire"), nil, false},
		"CodeListFull":                     {httpapi.CodeListFull, store.ErrListFull, nil, false},

		// Those of doors for others.
		"e.Code":                    {"card.expired", &issuer.RefusedError{What: "card reading", Checks: []string{"x"}, Code: "card.expired"}, nil, false},
		"refusal.CodeDuplicate":     {"card.duplicate", issuer.ErrDuplicate, nil, false},
		"problem.CodeUnauthorized":  {problem.CodeUnauthorized, issuer.ErrToken, nil, false},
		"CodeChallengeUsed":         {httpapi.CodeChallengeUsed, issuer.ErrUsed, nil, false},
		"CodeWrongCode":             {httpapi.CodeWrongCode, &pairing.CodeError{TriesLeft: 2}, nil, false},
		"CodeSessionTaken":          {httpapi.CodeSessionTaken, pairing.ErrTaken, nil, false},
		"CodeSessionStep":           {httpapi.CodeSessionStep, pairing.ErrStep, nil, false},
		"CodeSessionEnded":          {httpapi.CodeSessionEnded, pairing.ErrEnded, nil, false},
		"problem.CodeNotAcceptable": {problem.CodeNotAcceptable, nil, nil, false},
	}
}

// carry reaches a handler without a network.
type carry struct {
	to    http.Handler
	spoil func(*http.Request)
}

func (c carry) RoundTrip(r *http.Request) (*http.Response, error) {
	in := httptest.NewRequestWithContext(r.Context(), r.Method, r.URL.String(), r.Body)
	in.Header = r.Header.Clone()
	if c.spoil != nil {
		c.spoil(in)
	}
	rec := httptest.NewRecorder()
	c.to.ServeHTTP(rec, in)
	return rec.Result(), nil
}

// Both ends know every code of the issuer's doors: the service manager takes those for good that are the issuer's no to the message,
// and no other.
func TestRefusalsForGood(t *testing.T) {
	table := codes()
	named := codesOf(t, "../../../issuer/httpapi")
	for name := range named {
		if _, ok := table[name]; !ok {
			t.Errorf("the issuer's doors answer with %s: say in this table, and in package issuerclient, whether it refuses a message for good", name)
		}
	}
	for name, c := range table {
		if !named[name] {
			t.Errorf("no door of the issuer answers with %s", name)
		}
		door := httpapi.TSM(failing{err: c.err}, nil)
		if c.err == nil && c.spoil == nil {
			door = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				problem.New(http.StatusNotAcceptable, c.code, "").Write(w)
			})
		}
		client, err := issuerclient.New(issuerclient.Config{BaseURL: "https://issuer.test", Transport: carry{door, c.spoil}})
		check(t, err)
		_, attested := client.Attested(t.Context(), []byte("attestation"))
		for door, err := range map[string]error{"attestations": attested, "receipts": client.Receipt(t.Context(), []byte("receipt"))} {
			word := ""
			if refused, ok := errors.AsType[*tsm.RefusedError](err); ok {
				word = refused.Word
			}
			if err == nil || !strings.Contains(err.Error(), " "+c.code) || errors.Is(err, tsm.ErrIssuerRefused) != c.forGood || (word == c.code) != c.forGood {
				t.Errorf("%s at the door of %s: %v, word %q", name, door, err, word)
			}
		}
	}
}

// codesOf collects what a package gives [problem.New] as the code.
func codesOf(t *testing.T, dir string) map[string]bool {
	t.Helper()
	names, err := fs.Glob(os.DirFS(dir), "*.go")
	check(t, err)
	out := map[string]bool{}
	for _, name := range names {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), dir+"/"+name, nil, parser.SkipObjectResolution)
		check(t, err)
		ast.Inspect(file, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.CallExpr:
				if text(n.Fun) == "problem.New" && len(n.Args) == 3 {
					out[text(n.Args[1])] = true
				}
			case *ast.CompositeLit:
				if text(n.Type) == "problem.Problem" {
					t.Errorf("%s makes a problem without problem.New: its code is not found here", name)
				}
			}
			return true
		})
	}
	return out
}

// text is an identifier, with its package or value in front.
func text(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.Ident:
		return e.Name
	case *ast.SelectorExpr:
		return text(e.X) + "." + e.Sel.Name
	case *ast.BasicLit:
		return e.Value
	default:
		return "?"
	}
}

// The guard's no is not the issuer's: a certificate that runs out on an open connection refuses no message for good.
func TestGuardRefusesNoMessage(t *testing.T) {
	e := newEnds(t)
	l := e.open("issuer", "tsm")
	s := httptest.NewUnstartedServer(l.Guard(httpapi.TSM(failing{}, nil)))
	s.TLS = l.Server()
	s.StartTLS()
	t.Cleanup(s.Close)
	client, err := issuerclient.New(issuerclient.Config{BaseURL: s.URL, Transport: e.open("tsm", "issuer").Transport()})
	check(t, err)
	check(t, client.Receipt(t.Context(), []byte("receipt")))
	e.now.Add(int64(20 * 365 * 24 * time.Hour / time.Second))
	err = client.Receipt(t.Context(), []byte("receipt"))
	if err == nil || !strings.Contains(err.Error(), link.CodePeer) || errors.Is(err, tsm.ErrIssuerRefused) {
		t.Errorf("after the certificate's end: %v", err)
	}
}
