package mdoctest_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"mobileid/mdoc/mdoctest"
)

// TestVectorsChild is run by TestMissingVectors as a process of its own; by itself it reads one vector.
func TestVectorsChild(t *testing.T) {
	if d := mdoctest.LoadAnnexD(t); len(d.Bytes(t, "device_response")) == 0 {
		t.Error("an empty vector")
	}
}

// TestMissingVectors shows that a missing folder fails a test in CI and skips it, with a message, elsewhere.
func TestMissingVectors(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	missing := filepath.Join(t.TempDir(), "missing")
	for _, c := range []struct {
		ci, want string
		fails    bool
	}{{"true", "are missing: set MOBILEID_VECTORS", true}, {"", "are not here: set MOBILEID_VECTORS", false}} {
		child := exec.CommandContext(t.Context(), self, "-test.run=^TestVectorsChild$", "-test.v")
		child.Env = append(os.Environ(), "CI="+c.ci, "MOBILEID_VECTORS="+missing)
		out, err := child.CombinedOutput()
		if (err != nil) != c.fails || !strings.Contains(string(out), c.want) {
			t.Errorf("CI=%q: %v\n%s", c.ci, err, out)
		}
	}
}
