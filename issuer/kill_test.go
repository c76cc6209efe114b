package issuer_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"mobileid/issuer"
	"mobileid/issuer/card/cardsim"
	"mobileid/issuer/issuertest"
	"mobileid/issuer/store"
	"mobileid/mdoc"
	"mobileid/mdoc/provisioning"
)

const (
	envKillFolder = "MOBILEID_TEST_KILL_FOLDER" // set in the process that is to be killed
	envKillPoint  = "MOBILEID_TEST_KILL_POINT"
	mostPoints    = 500
)

// TestKillAtEveryPoint runs an issuance, from the opening of the store to the receipt, in a process that kills itself at
// its first point, then at its second, and so on until one comes through. Points lie before and after each operation of
// the store, each signature and each submission to the TSM. All processes use one store, so that each starts from what
// the ones before it left. After each kill the store is opened here, examined, and must take a whole issuance.
func TestKillAtEveryPoint(t *testing.T) {
	if folder := os.Getenv(envKillFolder); folder != "" {
		at, err := strconv.Atoi(os.Getenv(envKillPoint))
		must(t, err)
		killedRun(t, folder, at)
		return
	}
	folder := t.TempDir()
	w := issuertest.New(t)
	must(t, os.WriteFile(filepath.Join(folder, "world"), w.Save(t), 0o600))
	savedCard, err := w.Card(t, "nineteen", nil).Save()
	must(t, err)
	must(t, os.WriteFile(filepath.Join(folder, "card"), savedCard, 0o600))

	points, last := 0, tally{}
	for unbroken := false; !unbroken; {
		if points == mostPoints {
			t.Fatalf("not through after %d points", points)
		}
		at := points + 1
		if unbroken = !runAndKill(t, folder, at); !unbroken {
			points++
		}
		last = restart(t, w, folder, at)
		if t.Failed() {
			t.Fatalf("after the kill at point %d", points)
		}
	}
	if points < 40 || last.signatures <= points {
		t.Errorf("%d points and %d signatures: the points do not cover an issuance", points, last.signatures)
	}
	t.Logf("%d points; %+v", points, last)
	fmt.Fprintf(os.Stdout, "kill test: %d points, %d signatures, %d rows, %d without a row, %d indexes twice\n",
		points, last.signatures, last.rows, last.withoutRow, last.twice)
}

// runAndKill runs this test in another process and tells whether it was killed.
func runAndKill(t *testing.T, folder string, at int) (killed bool) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestKillAtEveryPoint$", "-test.count=1")
	cmd.Env = append(os.Environ(), envKillFolder+"="+folder, fmt.Sprintf("%s=%d", envKillPoint, at))
	out, err := cmd.CombinedOutput()
	if err == nil {
		return false
	}
	exit, ok := errors.AsType[*exec.ExitError](err)
	if ok {
		if status, unix := exit.Sys().(syscall.WaitStatus); unix && status.Signaled() && status.Signal() == syscall.SIGKILL {
			return true
		}
	}
	t.Fatalf("point %d: the process ended by itself: %v\n%s", at, err, out)
	return false
}

func load(t *testing.T, folder string) (*issuertest.World, *cardsim.Card) {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join(folder, "world"))
	must(t, err)
	w := issuertest.Load(t, raw)
	raw, err = os.ReadFile(filepath.Join(folder, "card"))
	must(t, err)
	c, err := cardsim.ParseCard(raw)
	must(t, err)
	return w, c
}

// killedRun is one issuance that ends where it is told to.
func killedRun(t *testing.T, folder string, at int) {
	w, c := load(t, folder)
	issueOnce(t, w, c, folder, at, "element-01", uint64(2*at))
}

// issueOnce opens the store, makes an issuer and issues a credential up to the receipt.
func issueOnce(t *testing.T, w *issuertest.World, c *cardsim.Card, folder string, at int, seID string, counter uint64) {
	t.Helper()
	ctx := t.Context()
	inner, err := store.Open(filepath.Join(folder, "issuer.db"), true)
	must(t, err)
	defer func() { must(t, inner.Close()) }()
	k := newKiller(t, filepath.Join(folder, "journal"), at)
	config := w.Config(pointStore{inner, k})
	config.Signers = pointSigners{w, k}
	config.StatusKey = pointSigner{config.StatusKey, k, false}
	config.Orders = pointOrders{w.TSM, k}
	service, err := issuer.New(ctx, config)
	must(t, err)

	se := w.SE(t, seID)
	for range counter {
		se.Next() // an SE's counter outlives the process
	}
	a := w.Ordered(ctx, t, service, issuertest.Wallet{Card: c, SE: se, Slot: 1, Purpose: provisioning.PurposeSign})
	a.Attested(ctx, t, service)
	k.write("opened %x %x", sha256.Sum256(a.Issued), signedDigest(t, a.Issued))
	a.Committed(ctx, t, service)
	if state := a.State(ctx, t, service); state != string(store.Active) {
		t.Errorf("state %s after the receipt", state)
	}
}

// signedDigest is the digest that the document signer was given for a credential.
func signedDigest(t *testing.T, issuerSigned []byte) [32]byte {
	t.Helper()
	doc, err := mdoc.ParseIssuerSigned(issuerSigned)
	must(t, err)
	s, err := doc.Sign1()
	must(t, err)
	return sha256.Sum256(s.SigStructure(s.Payload()))
}

// tally is what the journal and the store say together.
type tally struct{ signatures, rows, withoutRow, twice int }

// restart examines the store as the kill left it, then issues on the device that was interrupted and examines again.
func restart(t *testing.T, w *issuertest.World, folder string, at int) tally {
	t.Helper()
	examine(t, folder, false)
	_, c := load(t, folder)
	issueOnce(t, w, c, folder, 0, "element-01", uint64(2*at+1))
	return examine(t, folder, true)
}

// examine opens the store and holds the journal against it. After a restart no row may be half-way any more.
func examine(t *testing.T, folder string, restarted bool) tally {
	t.Helper()
	s, err := store.Open(filepath.Join(folder, "issuer.db"), true)
	must(t, err)
	defer func() { must(t, s.Close()) }()
	journal, err := os.ReadFile(filepath.Join(folder, "journal"))
	if !errors.Is(err, os.ErrNotExist) {
		must(t, err)
	}
	sum, rows := hold(t, s, journal)
	list, err := s.Status(t.Context())
	must(t, err)
	active := 0
	for _, c := range rows {
		switch c.State {
		case store.Revoked:
			if !slices.Contains(list.Set, c.Index) {
				t.Error("a revoked row reads as valid")
			}
		case store.Active:
			active++
		case store.Reserved, store.Signed:
			if restarted {
				t.Errorf("a row is %s after a restart", c.State)
			}
		case store.Delivered, store.Suspended:
		}
	}
	if restarted && active != 1 {
		t.Errorf("%d active rows of one person", active)
	}
	return sum
}

// hold checks every line of the journal against the store: each signature has a row of its own, made before it; no index
// stands twice; and what was opened is what a row says was released.
func hold(t testing.TB, s store.Store, journal []byte) (sum tally, rows map[string]store.Credential) {
	t.Helper()
	ctx := t.Context()
	var (
		row     string                // of the last line that asked for one
		signed  = map[string]int{}    // signatures by row
		of      = map[string]string{} // row by signed digest
		indexes = map[uint64]string{}
	)
	rows = map[string]store.Credential{}
	for line := range strings.Lines(string(journal)) {
		f := strings.Fields(line)
		switch {
		case len(f) == 3 && f[0] == "row":
			row = f[1]
			c, err := s.Credential(ctx, row)
			if errors.Is(err, store.ErrNotFound) {
				row = "" // killed before it was made
				continue
			}
			must(t, err)
			if other, ok := indexes[c.Index]; ok && other != c.ID {
				sum.twice++
				t.Errorf("index %d stands in two rows", c.Index)
			}
			indexes[c.Index], rows[row] = c.ID, c
		case len(f) == 3 && f[0] == "signature":
			sum.signatures++
			if row == "" {
				sum.withoutRow++
				t.Error("a signature without a row")
				continue
			}
			if signed[row]++; signed[row] > 1 {
				t.Error("two signatures for a row")
			}
			of[f[2]] = row
		case len(f) == 3 && f[0] == "opened":
			c, ok := rows[of[f[2]]]
			if !ok || hex.EncodeToString(c.Digest) != f[1] || c.State == store.Reserved || c.State == store.Signed {
				t.Error("a credential came out that no row says was released")
			}
		default:
			t.Errorf("a line of the journal is broken: %q", line)
		}
	}
	sum.rows = len(rows)
	if sum.signatures > sum.rows {
		t.Errorf("%d signatures, %d rows", sum.signatures, sum.rows)
	}
	return sum, rows
}

// The examination sees what it is there to see.
func TestKillExaminationSees(t *testing.T) {
	folder := t.TempDir()
	w := issuertest.New(t)
	issueOnce(t, w, w.Card(t, "nineteen", nil), folder, 0, "element-01", 0)
	good, err := os.ReadFile(filepath.Join(folder, "journal"))
	must(t, err)
	s, err := store.Open(filepath.Join(folder, "issuer.db"), false)
	must(t, err)
	t.Cleanup(func() { must(t, s.Close()) })
	lines := bytes.SplitAfter(good, []byte("\n"))
	if len(lines) != 4 || len(lines[3]) != 0 {
		t.Fatalf("%d lines in the journal of one issuance, expected row, signature, opened", len(lines)-1)
	}
	for name, c := range map[string]struct {
		journal []byte
		want    string
	}{
		"unbroken":              {good, ""},
		"signature before row":  {bytes.Join([][]byte{lines[1], lines[0]}, nil), "without a row"},
		"row that was not made": {append([]byte("row none none\n"), lines[1]...), "without a row"},
		"two signatures":        {bytes.Join([][]byte{lines[0], lines[1], lines[1]}, nil), "two signatures"},
		"came out unsigned":     {bytes.Join([][]byte{lines[0], lines[2]}, nil), "no row says"},
		"broken line":           {lines[0][:9], "broken"},
	} {
		t.Run(name, func(t *testing.T) {
			seen := &recorder{TB: t}
			hold(seen, s, c.journal)
			if got := strings.Join(seen.errors, "; "); c.want == "" && got != "" || !strings.Contains(got, c.want) {
				t.Errorf("found %q, expected %q", got, c.want)
			}
		})
	}
}

// recorder is a testing.TB that keeps errors instead of failing.
type recorder struct {
	testing.TB
	errors []string
}

func (r *recorder) Error(a ...any) { r.errors = append(r.errors, fmt.Sprint(a...)) }
func (r *recorder) Errorf(format string, a ...any) {
	r.errors = append(r.errors, fmt.Sprintf(format, a...))
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
