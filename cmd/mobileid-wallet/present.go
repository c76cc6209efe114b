package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"mobileid/cmd/internal/phone"
	"mobileid/cmd/internal/serve"
	"mobileid/cmd/internal/terminal"
	"mobileid/cmd/internal/usage"
	"mobileid/mdoc"
	"mobileid/mdoc/engagement"
	"mobileid/mdoc/holder"
	"mobileid/mdoc/pki"
	"mobileid/mdoc/session"
	"mobileid/mdoc/verdict"
	"mobileid/tsm/se"
	"mobileid/verifier/policy"

	qrcode "github.com/skip2/go-qrcode"
	"github.com/spf13/cobra"
)

// presentation is what the flags of present say.
type presentation struct {
	state, till, tokenFile, pinFile, dir, readerRoots, readerCRL string
	slot                                                         int
	yes                                                          bool
}

func (w *wallet) presentCommand() *cobra.Command {
	var p presentation
	c := &cobra.Command{
		Use:   "present",
		Short: "Show the credential of a slot to a till",
		Long: `Show the credential of a slot to a till: print the QR code, carry the messages between phone and till as the radio would, ask for
consent, and print what the till decided. The exit code is 0 only when the till accepted.

The PIN is used twice: to read the credential and to prove presence with its key. --yes agrees to all that is asked without
asking, and only to a reader whose certificate leads to the reader roots.`,
		Example: `  mobileid-wallet present --state phone.se --slot 1 --till http://127.0.0.1:8083 \
    --till-token-file state/verifier/token --pin-file pin --authority state`,
		Args: usage.AtMost(0),
		RunE: func(c *cobra.Command, _ []string) error { return w.present(c.Context(), p) },
	}
	stateFlag(c, &p.state)
	slotFlag(c, &p.slot)
	slotPINFlag(c, &p.pinFile)
	f := c.Flags()
	f.StringVar(&p.till, "till", "", "`URL` of mobileid-verifier")
	f.StringVar(&p.tokenFile, "till-token-file", "", "`FILE` with the bearer token of POS devices, mode 0600")
	f.StringVar(&p.dir, "authority", "", "`DIR` that mobileid pki new made, for its reader root")
	f.StringVar(&p.readerRoots, "reader-roots", "", "PEM `FILE` of the reader roots, in place of --authority")
	f.StringVar(&p.readerCRL, "reader-crl", "", "`FILE` with the reader root's revocation list in DER, beside --reader-roots; without one no reader is authenticated")
	f.BoolVar(&p.yes, "yes", false, "agree without asking, to an authenticated reader only")
	c.MarkFlagsOneRequired("authority", "reader-roots")
	c.MarkFlagsMutuallyExclusive("authority", "reader-roots")
	c.MarkFlagsMutuallyExclusive("authority", "reader-crl")
	return required(c, "state", "slot", "till", "till-token-file", "pin-file")
}

func (w *wallet) present(ctx context.Context, p presentation) error {
	slot, err := checkSlot(p.slot)
	if err != nil {
		return err
	}
	if err := checkURL("till", p.till); err != nil {
		return err
	}
	roots, err := p.roots()
	if err != nil {
		return err
	}
	revocations, err := p.revocations(roots, w.now())
	if err != nil {
		return err
	}
	token, err := serve.ReadPrivate(p.tokenFile, maxSecret)
	if err != nil {
		return fmt.Errorf("reading the till's token: %w", err)
	}
	defer clear(token)
	pin, err := w.pin(ctx, p.pinFile)
	if err != nil {
		return err
	}
	return w.withElement(p.state, func(element *se.SE) error {
		c, _, err := phone.Credential(ctx, element, slot, func(context.Context) (string, error) { return pin, nil })
		if err != nil {
			return err
		}
		h := &holder.Holder{Credentials: []*holder.Credential{c}, ReaderRoots: roots, ReaderRevocation: revocations, Consent: w.consent(p.yes),
			Restrictions: phone.Restrictions(), Now: w.now}
		return w.meet(ctx, h, newTill(p.till, strings.TrimSpace(string(token))))
	})
}

func (p presentation) roots() (*pki.Anchors, error) {
	path := p.readerRoots
	if path == "" {
		path = authority(p.dir).readerRoots()
	}
	text, err := serve.ReadRegular(path, maxRoots)
	if err != nil {
		return nil, fmt.Errorf("reading reader roots: %w", err)
	}
	roots, err := pki.ParseAnchorsPEM(text)
	if err != nil {
		return nil, fmt.Errorf("reading reader roots: %w", err)
	}
	return roots, nil
}

// revocations holds the reader root's list. A list that cannot be used is an error: the user should know why no reader
// counts as authenticated.
func (p presentation) revocations(roots *pki.Anchors, at time.Time) (*pki.RevocationLists, error) {
	lists, path := pki.NewRevocationLists(roots), p.readerCRL
	if p.readerRoots == "" {
		path = authority(p.dir).readerCRL()
	}
	if path == "" {
		return lists, nil
	}
	der, err := serve.ReadRegular(path, pki.MaxCRL)
	if err != nil {
		return nil, fmt.Errorf("reading the reader root's revocation list: %w", err)
	}
	if err := lists.Put(der, at); err != nil {
		return nil, fmt.Errorf("reading the reader root's revocation list: %w", err)
	}
	return lists, nil
}

// meet holds one session with the till and prints its decision, also when the session ended badly after it.
func (w *wallet) meet(ctx context.Context, h *holder.Holder, t *till) error {
	method, err := engagement.CentralClient(rand.Reader)
	if err != nil {
		return fmt.Errorf("making the engagement: %w", err)
	}
	device, err := session.NewDevice(nil, []engagement.RetrievalMethod{method})
	if err != nil {
		return fmt.Errorf("making the engagement: %w", err)
	}
	uri := device.Engagement().URI()
	code, err := qrcode.New(uri, qrcode.Low)
	if err != nil {
		return fmt.Errorf("drawing the QR code: %w", err)
	}
	if err := w.print("%s\n", code.ToSmallString(false)); err != nil {
		return err
	}
	if err := t.begin(ctx, uri); err != nil {
		return err
	}
	err = errors.Join(h.Present(ctx, t, device), t.Close())
	if t.result == nil {
		return err
	}
	err = errors.Join(err, w.decided(t.result))
	if t.result.Decision != policy.Accepted {
		err = errors.Join(err, fmt.Errorf("the till did not accept: %s", terminal.Printable(string(t.result.Decision))))
	}
	return err
}

func (w *wallet) decided(o *outcome) error {
	var b strings.Builder
	fmt.Fprintf(&b, "decision: %s (answer of %d bytes)\n", terminal.Printable(string(o.Decision)), o.BytesReceived)
	if o.ComparePortrait {
		b.WriteString("holds only if staff find the person in the portrait before them\n")
	}
	for _, r := range o.Reasons {
		fmt.Fprintf(&b, "reason: %s: %s / %s", terminal.Printable(string(r.Code)), terminal.Printable(r.Japanese), terminal.Printable(r.English))
		if r.Detail != "" {
			fmt.Fprintf(&b, " [%s]", terminal.Printable(r.Detail))
		}
		b.WriteString("\n")
	}
	table := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	for _, c := range o.Checks {
		mark := map[verdict.Outcome]string{verdict.Pass: "pass", verdict.Fail: "FAIL", verdict.NotRun: "not run"}[c.Outcome]
		fmt.Fprintf(table, "  %s\t%s\t%s\t%s\n", mark, terminal.Printable(c.ID), terminal.Printable(c.Clause), terminal.Printable(c.Measured))
	}
	if err := table.Flush(); err != nil {
		return err
	}
	return w.print("%s", b.String())
}

// consent shows the proposal and takes "y" or "yes" for all of it. Anything else, and the end of input, is no.
func (w *wallet) consent(always bool) holder.Consent {
	return func(ctx context.Context, p holder.Proposal) ([]holder.Element, error) {
		if err := w.print("%s", describe(p)); err != nil {
			return nil, err
		}
		authentic := p.Reader.Verdict.OK()
		if always && authentic {
			return p.Elements, w.print("agreed by --yes\n")
		}
		if always {
			return nil, w.print("not agreed: --yes is for authenticated readers only\n")
		}
		if err := w.print("Agree? 同意しますか? [y/N] "); err != nil {
			return nil, err
		}
		line, err := w.line(ctx)
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		if answer := strings.ToLower(strings.TrimSpace(line)); err == nil && (answer == "y" || answer == "yes") {
			return p.Elements, nil
		}
		return nil, w.print("not agreed\n")
	}
}

// describe shows the whole proposal: who asks, for which documents and elements, and what for.
func describe(p holder.Proposal) string {
	var b strings.Builder
	for d, document := range p.Documents {
		if document.Reader.Verdict.OK() {
			fmt.Fprintf(&b, "%s asks for %s:\n", terminal.Printable(document.Reader.Name), terminal.Printable(document.DocType))
		} else {
			fmt.Fprintf(&b, "A reader that is NOT authenticated asks for %s:\n", terminal.Printable(document.DocType))
		}
		for _, e := range p.Elements {
			if e.Document == d {
				b.WriteString(describeElement(e))
			}
		}
	}
	for _, u := range p.UseCases {
		for _, purpose := range u.Purposes {
			fmt.Fprintf(&b, "  purpose: %s\n", describePurpose(purpose.Key, purpose.Value))
		}
	}
	return b.String()
}

func describeElement(e holder.Element) string {
	line := "  " + terminal.Printable(e.NameSpace) + " " + terminal.Printable(e.Identifier)
	switch {
	case e.Instead.Identifier != "":
		line += " (instead of " + terminal.Printable(e.Instead.Identifier) + ")"
	case e.Asked != e.Identifier:
		line += " (asked as " + terminal.Printable(e.Asked) + ")"
	}
	if e.Retain {
		line += ", and will keep it"
	}
	return line + "\n"
}

func describePurpose(controller string, code int64) string {
	if controller == mdoc.PurposeController {
		switch code {
		case mdoc.PurposeIdentity:
			return "identification"
		case mdoc.PurposeDrivingPrivilege:
			return "driving privilege"
		case mdoc.PurposeAgeVerification:
			return "age verification"
		}
	}
	return terminal.Printable(controller) + " " + strconv.FormatInt(code, 10)
}
