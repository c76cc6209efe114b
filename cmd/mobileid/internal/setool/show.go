package setool

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"text/tabwriter"

	"mobileid/cmd/internal/terminal"
	"mobileid/tsm/gp"
	"mobileid/tsm/gp/manager"
)

// listing is the JSON form of a registry.
type listing struct {
	Domain       *entry  `json:"issuer_domain,omitempty"`
	Applications []entry `json:"applications"`
	LoadFiles    []entry `json:"load_files"`
}

type entry struct {
	AID        string   `json:"aid"`
	State      string   `json:"state"`
	Privileges []string `json:"privileges,omitempty"`
	LoadFile   string   `json:"load_file,omitempty"`
	Version    string   `json:"version,omitempty"`
	Modules    []string `json:"modules,omitempty"`
	Domain     string   `json:"domain,omitempty"`
}

func entryOf(e gp.Entry, card bool) entry {
	out := entry{AID: e.AID.String(), State: gp.State(e.State).String(), LoadFile: name(e.LoadFile), Domain: name(e.Domain)}
	if card {
		out.State = gp.CardState(e.State).String()
	}
	if e.IsLoadFile {
		out.Version = version(e.Version)
		for _, m := range e.Modules {
			out.Modules = append(out.Modules, m.String())
		}
	} else {
		out.Privileges = e.Privileges.Names()
	}
	return out
}

// version writes the bytes of a load file's version with dots.
func version(b []byte) string {
	s := make([]string, len(b))
	for i, x := range b {
		s[i] = fmt.Sprint(x)
	}
	return strings.Join(s, ".")
}

// List shows the registry.
func (t *Tool) List(ctx context.Context) error {
	l := listing{Applications: []entry{}, LoadFiles: []entry{}}
	err := t.session(ctx, func(s *manager.Session) error {
		r, err := s.List(ctx)
		if r.Domain != nil {
			e := entryOf(*r.Domain, true)
			l.Domain = &e
		}
		for _, e := range r.Applications {
			l.Applications = append(l.Applications, entryOf(e, false))
		}
		for _, e := range r.LoadFiles {
			l.LoadFiles = append(l.LoadFiles, entryOf(e, false))
		}
		return err
	})
	if err != nil {
		return err
	}
	return t.show(l, func() error { return t.table(l) })
}

func (t *Tool) table(l listing) error {
	w := tabwriter.NewWriter(t.o.Out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "KIND\tAID\tSTATE\tOF\tMORE")
	if l.Domain != nil {
		fmt.Fprintf(w, "issuer domain\t%s\t%s\t\t%s\n", l.Domain.AID, l.Domain.State, strings.Join(l.Domain.Privileges, ", "))
	}
	for _, e := range l.Applications {
		kind := "application"
		if slices.Contains(e.Privileges, "security domain") {
			kind = "security domain"
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", kind, e.AID, e.State, e.LoadFile, strings.Join(e.Privileges, ", "))
	}
	for _, e := range l.LoadFiles {
		more := "version " + e.Version
		if len(e.Modules) > 0 {
			more += ", modules " + strings.Join(e.Modules, ", ")
		}
		fmt.Fprintf(w, "load file\t%s\t%s\t%s\t%s\n", e.AID, e.State, e.Domain, more)
	}
	return w.Flush()
}

// information is the JSON form of what a card tells about itself.
type information struct {
	Domain      string            `json:"domain"`
	Locked      bool              `json:"locked"`
	MaxData     int               `json:"max_data,omitempty"`
	GlobalPlatf string            `json:"globalplatform,omitempty"`
	Channels    []string          `json:"secure_channels,omitempty"`
	KDD         string            `json:"diversification_data,omitempty"`
	IIN         string            `json:"iin,omitempty"`
	Image       string            `json:"card_image_number,omitempty"`
	Counter     *uint32           `json:"sequence_counter,omitempty"`
	URL         string            `json:"manager_url,omitempty"`
	CPLC        *production       `json:"production,omitempty"`
	Memory      *memory           `json:"memory,omitempty"`
	Keys        []keyInformation  `json:"keys"`
	Unread      map[string]string `json:"unread,omitempty"`
}

type production struct {
	Fabricator string `json:"ic_fabricator"`
	Type       string `json:"ic_type"`
	OS         string `json:"os"`
	Serial     string `json:"ic_serial"`
	Batch      string `json:"ic_batch"`
}

type memory struct {
	Applications uint32 `json:"applications"`
	NonVolatile  uint32 `json:"free_non_volatile"`
	Volatile     uint32 `json:"free_volatile"`
}

type keyInformation struct {
	Version string   `json:"version"`
	ID      string   `json:"id"`
	Kinds   []string `json:"kinds"`
}

func informationOf(i manager.Info) information {
	out := information{
		Domain: i.FCI.AID.String(), Locked: i.CardLocked, MaxData: i.FCI.MaxData, KDD: fmt.Sprintf("%X", i.KDD), IIN: fmt.Sprintf("%X", i.IIN),
		Image: fmt.Sprintf("%X", i.Image), Counter: i.Counter, URL: terminal.Printable(i.URL), Keys: keysOf(i.Keys),
	}
	if i.Recognition != nil {
		out.GlobalPlatf = i.Recognition.Version
		for _, c := range i.Recognition.Channels {
			out.Channels = append(out.Channels, fmt.Sprintf("SCP%02X i=%02X", c.SCP, c.Option))
		}
	}
	if c := i.CPLC; c != nil {
		out.CPLC = &production{
			Fabricator: fmt.Sprintf("%X", c.ICFabricator), Type: fmt.Sprintf("%X", c.ICType), OS: fmt.Sprintf("%X", c.OSID),
			Serial: fmt.Sprintf("%X", c.ICSerial), Batch: fmt.Sprintf("%X", c.ICBatch),
		}
	}
	if m := i.Memory; m != nil {
		out.Memory = &memory{Applications: m.Applications, NonVolatile: m.FreeNonVolatile, Volatile: m.FreeVolatile}
	}
	for tag, err := range i.Unread {
		if out.Unread == nil {
			out.Unread = map[string]string{}
		}
		out.Unread[fmt.Sprintf("%04X", tag)] = err.Error()
	}
	return out
}

func keysOf(keys []gp.KeyInformation) []keyInformation {
	out := []keyInformation{}
	for _, k := range keys {
		i := keyInformation{Version: fmt.Sprintf("%02X", k.Version), ID: fmt.Sprintf("%02X", k.ID)}
		for _, c := range k.Components {
			i.Kinds = append(i.Kinds, kind(c))
		}
		out = append(out, i)
	}
	return out
}

func kind(c gp.KeyComponent) string {
	switch c.Type {
	case gp.KeyAES:
		return fmt.Sprintf("AES-%d", 8*c.Length)
	case gp.KeyDES, gp.KeyDESCBC:
		return "triple DES"
	default:
		return fmt.Sprintf("type %02X of %d bytes", c.Type, c.Length)
	}
}

// Info shows what the card tells about itself; it needs no keys.
func (t *Tool) Info(ctx context.Context) error {
	raw, err := t.look(ctx)
	if err != nil {
		return err
	}
	i := informationOf(raw)
	return t.show(i, func() error {
		w := tabwriter.NewWriter(t.o.Out, 0, 0, 2, ' ', 0)
		for _, l := range i.lines() {
			if l[1] != "" {
				fmt.Fprintf(w, "%s\t%s\n", l[0], l[1])
			}
		}
		return w.Flush()
	})
}

// lines are name and value, for people.
func (i information) lines() [][2]string {
	domain := i.Domain
	if i.Locked {
		domain += " (the card is locked)"
	}
	out := [][2]string{
		{"issuer domain", domain}, {"GlobalPlatform", i.GlobalPlatf}, {"secure channels", strings.Join(i.Channels, ", ")},
		{"diversification data", i.KDD}, {"issuer number (IIN)", i.IIN}, {"card image number", i.Image}, {"manager", i.URL},
	}
	if i.Counter != nil {
		out = append(out, [2]string{"sequence counter", fmt.Sprint(*i.Counter)})
	}
	if c := i.CPLC; c != nil {
		out = append(out, [2]string{"chip", fmt.Sprintf("fabricator %s, type %s, OS %s, serial %s, batch %s", c.Fabricator, c.Type, c.OS, c.Serial, c.Batch)})
	}
	if m := i.Memory; m != nil {
		out = append(out, [2]string{"free memory", fmt.Sprintf("%d bytes, %d volatile; %d applications", m.NonVolatile, m.Volatile, m.Applications)})
	}
	for _, k := range i.Keys {
		out = append(out, [2]string{"key", fmt.Sprintf("version %s, id %s: %s", k.Version, k.ID, strings.Join(k.Kinds, ", "))})
	}
	for tag, why := range i.Unread {
		out = append(out, [2]string{"object " + tag, "cannot be read: " + why})
	}
	return out
}

// ShowKeys shows which keys the card has, not the keys; it needs no keys.
func (t *Tool) ShowKeys(ctx context.Context) error {
	raw, err := t.look(ctx)
	if err != nil {
		return err
	}
	keys := keysOf(raw.Keys)
	return t.show(keys, func() error {
		w := tabwriter.NewWriter(t.o.Out, 0, 0, 2, ' ', 0)
		fmt.Fprintln(w, "VERSION\tID\tKIND")
		for _, k := range keys {
			fmt.Fprintf(w, "%s\t%s\t%s\n", k.Version, k.ID, strings.Join(k.Kinds, ", "))
		}
		return w.Flush()
	})
}
