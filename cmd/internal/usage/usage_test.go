package usage_test

import (
	"errors"
	"fmt"
	"io/fs"
	"testing"

	"mobileid/cmd/internal/usage"
)

func TestMistakes(t *testing.T) {
	mistake := usage.Errorf("--state FILE: %w", fs.ErrNotExist)
	if mistake.Error() != "--state FILE: file does not exist" || !errors.Is(mistake, fs.ErrNotExist) {
		t.Errorf("the mistake reads %q", mistake)
	}
	for name, c := range map[string]struct {
		err  error
		want bool
	}{
		"itself":   {mistake, true},
		"wrapped":  {fmt.Errorf("opening: %w", mistake), true},
		"joined":   {errors.Join(fs.ErrClosed, mistake), true},
		"a cause":  {&usage.Error{Err: fs.ErrInvalid}, true},
		"failure":  {fs.ErrNotExist, false},
		"no error": {nil, false},
	} {
		if got := usage.Is(c.err); got != c.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

func TestAtMost(t *testing.T) {
	args := []string{"first", "second"}
	if err := usage.AtMost(2)(nil, args); err != nil {
		t.Error(err)
	}
	if err := usage.AtMost(1)(nil, args); !usage.Is(err) || err.Error() != `"second" is one argument too many` {
		t.Errorf("one too many: %v", err)
	}
	if err := usage.AtMost(0)(nil, args); !usage.Is(err) || err.Error() != `"first" is one argument too many` {
		t.Errorf("two too many: %v", err)
	}
}
