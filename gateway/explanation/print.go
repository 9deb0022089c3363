// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package explanation

import (
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"
	"unicode"
)

// JSON writes the report as one JSON document.
func (r *Report) JSON(to io.Writer) error {
	encoder := json.NewEncoder(to)
	encoder.SetIndent("", "  ")
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(r); err != nil {
		return fmt.Errorf("write the explanation: %w", err)
	}
	return nil
}

// Text writes the report for people.
func (r *Report) Text(to io.Writer) error {
	var p page
	p.line("%s from %s", r.URL, r.Client)
	p.list("sent", r.Sent)
	p.list("shown in TLS, as rules read it", r.Certificate.lines())
	p.line("")
	for _, step := range r.Steps {
		p.line("%-9s  %-12s  %s", step.Result, step.Name, step.Text)
	}
	p.line("")
	p.line("%s", r.headline())
	if r.Next != "" {
		p.line("next: %s", r.Next)
	}
	r.admitted(&p)
	p.list("limits that apply too", r.Limits)
	p.list("notes", r.Notes)
	if _, err := io.WriteString(to, p.String()); err != nil {
		return fmt.Errorf("write the explanation: %w", err)
	}
	return nil
}

func (r *Report) headline() string {
	why := string(r.Reason)
	if r.WouldRefuse != "" {
		why = string(r.WouldRefuse)
	}
	if r.Detail != "" {
		why += ": " + r.Detail
	}
	switch {
	case r.WouldRefuse != "":
		return "ADMITTED, because the policy is in DryRun; it would refuse: " + why
	case r.Verdict == Admitted:
		return "ADMITTED"
	case r.Verdict == Unknown:
		return "CANNOT TELL: " + why
	case r.HTTPStatus == 0:
		return "REFUSED without an HTTP answer: " + why
	}
	return "REFUSED with status " + strconv.Itoa(r.HTTPStatus) + ": " + why
}

func (r *Report) admitted(p *page) {
	if who := r.Identity; who != nil {
		p.line("")
		p.line("identity: %s", strings.Join(strings.Fields(strings.Join([]string{who.Method, who.Issuer, who.Subject}, " ")), " "))
		if who.Ends != nil {
			p.line("ends:     %s, with the credential", who.Ends.Format(time.RFC3339))
		}
	}
	if r.Backend == nil {
		return
	}
	p.line("backend:  one of %s", strings.Join(r.Backend.OneOf, ", "))
	p.list("the backend is sent", r.Backend.Request)
	if r.Backend.Answered != "" {
		p.line("")
		p.line("the client is answered the subprotocol %s if the backend chooses none", r.Backend.Answered)
	}
}

// page is text in lines.
type page struct{ strings.Builder }

// line replaces what is not printable: a path could hold what makes a terminal
// show something else than there is.
func (p *page) line(format string, args ...any) {
	text := strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return unicode.ReplacementChar
		}
		return r
	}, fmt.Sprintf(format, args...))
	p.WriteString(strings.TrimRight(text, " ") + "\n")
}

func (p *page) list(title string, items []string) {
	if len(items) == 0 {
		return
	}
	p.line("")
	p.line("%s:", title)
	for _, item := range items {
		p.line("  %s", item)
	}
}
