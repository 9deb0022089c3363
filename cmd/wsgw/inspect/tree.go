// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package inspect

import (
	"fmt"
	"strings"
	"time"

	"github.com/wsgateway/websocket-gateway-operator/cmd/wsgw/text"
)

// shortSerial is how much of a serial number tells certificates apart.
const shortSerial = 16

// Text draws the report for people. now is what times are compared with; wide
// adds what is rarely needed.
func (r *Report) Text(now time.Time, wide bool) string {
	d := &drawing{report: r, now: now, wide: wide}
	root := text.NewTree("%s/%s  Ready=%s%s  %s", r.Namespace, r.Name, r.Ready, d.reason(), d.headline())
	root.Mark(r.Ready != "True")
	d.conditions(root)
	for i := range r.Listeners {
		d.listener(root, &r.Listeners[i])
	}
	for i := range r.Pods {
		d.pod(root, &r.Pods[i])
	}
	for i := range r.Routes {
		d.route(root, &r.Routes[i])
	}
	for i := range r.Attached {
		d.attached(root, &r.Attached[i])
	}
	for _, one := range r.Revocations {
		root.Add("Revocation "+one.Name, "Ready="+one.Ready, one.Reason, "until "+text.When(one.Until.Time, now),
			text.Count(one.Closed, "connection")+" closed").Mark(one.Ready != "True")
	}
	return root.String() + d.below()
}

type drawing struct {
	report *Report
	now    time.Time
	wide   bool
}

func (d *drawing) reason() string {
	if d.report.Reason == "" || d.report.Reason == ready {
		return ""
	}
	return " (" + d.report.Reason + ")"
}

func (d *drawing) headline() string {
	parts := []string{fmt.Sprintf("%d of %d pods ready", d.readyPods(), max(int(d.report.DesiredPods), len(d.report.Pods)))}
	if open, known := d.open(); known {
		parts = append(parts, text.Count(open, "connection"))
	}
	if len(d.report.Addresses) > 0 {
		parts = append(parts, "at "+strings.Join(d.report.Addresses, ", "))
	}
	if d.wide {
		parts = append(parts, fmt.Sprintf("generation %d", d.report.Generation), "config "+text.Or(short(d.report.ConfigDigest), "none"))
	}
	return strings.Join(parts, "  ")
}

func (d *drawing) readyPods() int {
	n := 0
	for i := range d.report.Pods {
		if d.report.Pods[i].Ready {
			n++
		}
	}
	return n
}

func (d *drawing) open() (connections int, known bool) {
	for i := range d.report.Pods {
		if d.report.Pods[i].Asked {
			connections, known = connections+d.report.Pods[i].Connections, true
		}
	}
	return connections, known
}

// conditions are one line when all is well: five times True tells nothing.
func (d *drawing) conditions(root *text.Tree) {
	good, bad := []string{}, []Condition{}
	for _, c := range d.report.Conditions {
		if c.Status == "True" && c.Type != "Stalled" && c.Type != "Reconciling" {
			good = append(good, c.Type)
		} else {
			bad = append(bad, c)
		}
	}
	if len(good) > 0 {
		root.Add("True: " + strings.Join(good, ", "))
	}
	for _, c := range bad {
		root.Add(c.Type+"="+c.Status, c.Reason, "for "+text.Span(d.now.Sub(c.Since))).Mark(true)
	}
}

func (d *drawing) listener(root *text.Tree, l *Listener) {
	branch := root.Add(fmt.Sprintf("Listener %s  :%d", l.Name, l.Port), strings.Join(l.Hostnames, ", "),
		strings.TrimSuffix("TLS "+strings.Join(l.TLSVersions, ", "), "TLS "), text.Count(l.Routes, "route"))
	c := &l.Certificate
	bad := c.Name != "" && c.State != ready || c.NotAfter == nil || c.NotAfter.Before(d.now)
	name := "Certificate " + c.Name
	if c.Name == "" {
		name = "Certificate of " + c.Source
	}
	served := "served by no pod"
	if c.NotAfter != nil {
		served = "serial " + d.serial(c.SerialNumber) + "  expires " + text.When(*c.NotAfter, d.now) + "  served by " + text.Count(c.ServedBy, "pod")
	}
	leaf := branch.Add(name, c.State, served, d.extra("issuer "+c.Source, c.Name != ""), d.renewal(c)).Mark(bad)
	if c.Message != "" {
		leaf.Add(c.Message)
	}
	// The objects of an issuance that went well are of no interest in a table of
	// what is.
	if c.Request != nil && (d.wide || c.Request.State != ready) {
		d.request(leaf, c.Request)
	}
}

func (d *drawing) renewal(c *Certificate) string {
	if !d.wide || c.RenewalTime == nil {
		return ""
	}
	return "renewal " + text.When(*c.RenewalTime, d.now)
}

func (d *drawing) request(above *text.Tree, r *Request) {
	branch := above.Add("CertificateRequest "+r.Name, r.State, r.Message).Mark(r.State != ready)
	for _, order := range r.Orders {
		o := branch.Add("Order "+order.Name, order.State, order.Message).Mark(order.State != "valid")
		for _, challenge := range order.Challenges {
			o.Add("Challenge "+challenge.Name, challenge.Type, challenge.DNSName, challenge.State, challenge.Message).
				Mark(challenge.State != "valid")
		}
	}
}

func (d *drawing) pod(root *text.Tree, p *Pod) {
	line := []string{"Pod " + p.Name, p.State}
	if p.Asked {
		line = append(line, "config "+p.Config, fmt.Sprintf("%d of %d connections", p.Connections, p.MaxConnections))
		if p.Drain != "" && p.Drain != "none" {
			line = append(line, p.drain())
		}
	} else if p.Ready {
		line = append(line, "not asked")
	}
	if d.wide {
		line = append(line, "node "+p.Node, "IP "+p.IP, d.extra("release "+p.Version, p.Version != ""), "config "+text.Or(short(p.ConfigDigest), "?"))
	}
	branch := root.Add(line...).Mark(!p.Ready || p.Asked && p.Config != configInForce)
	if p.ConfigError != "" {
		branch.Add(p.ConfigError).Mark(true)
	}
	for i := range p.Certificates {
		served := &p.Certificates[i]
		if served.NotAfter == nil {
			branch.Add(served.Listener, "serves no certificate").Mark(true)
			continue
		}
		branch.Add(served.Listener, "serial "+d.serial(served.SerialNumber), "expires "+text.When(*served.NotAfter, d.now)).
			Mark(served.NotAfter.Before(d.now))
	}
}

func (d *drawing) route(root *text.Tree, r *Route) {
	names := strings.Join(r.Hostnames, ", ")
	connections := ""
	if r.Connections != nil {
		connections = text.Count(*r.Connections, "connection")
	}
	branch := root.Add("Route "+r.Name, text.Or(names, "all hostnames"), r.Path, "policy "+text.Or(r.Policy, "MISSING"), connections).
		Mark(r.Fault != "" || r.Policy == "")
	if r.Fault != "" {
		branch.Add("answers 503: " + r.Fault).Mark(true)
	}
	if r.Limits != nil {
		branch.Add(tighter(r.Limits))
	}
	for i := range r.Backends {
		b := &r.Backends[i]
		line := []string{fmt.Sprintf("Backend %s:%d", b.Service, b.Port)}
		if len(r.Backends) > 1 {
			line = append(line, fmt.Sprintf("weight %d", b.Weight))
		}
		state, bad := fmt.Sprintf("%d of %d endpoints ready", b.Ready, len(b.Endpoints)), b.Ready == 0 && b.Weight > 0
		switch {
		case !b.Known:
			state, bad = "", false
		case !b.Found:
			state, bad = "no such Service", true
		}
		line = append(line, state)
		if len(b.Avoided) > 0 {
			line = append(line, "avoided after failures: "+strings.Join(b.Avoided, ", "))
		}
		line = append(line, d.extra(strings.Join(b.Endpoints, ", "), true))
		branch.Add(line...).Mark(bad)
	}
}

func (d *drawing) extra(s string, there bool) string {
	if !d.wide || !there {
		return ""
	}
	return s
}

func (d *drawing) serial(s string) string {
	if d.wide || len(s) <= shortSerial {
		return s
	}
	return s[:shortSerial] + "…"
}

// below are the problems, warnings and notes.
func (d *drawing) below() string {
	var out strings.Builder
	section := func(title, mark string, lines []string) {
		if len(lines) > 0 {
			out.WriteString("\n" + title + "\n")
		}
		for _, line := range lines {
			out.WriteString("  " + mark + " " + text.Printable(line) + "\n")
		}
	}
	if len(d.report.Problems) > 0 {
		out.WriteString("\nProblems\n")
	}
	for _, p := range d.report.Problems {
		out.WriteString("  ✗ " + text.Printable(p.Where+"  "+p.Reason) + "\n")
		if p.Message != "" {
			out.WriteString("    " + text.Printable(p.Message) + "\n")
		}
		if p.Remedy != "" {
			out.WriteString("    → " + text.Printable(p.Remedy) + "\n")
		}
	}
	section("Warnings", "!", d.report.Warnings)
	section("Not shown", "-", d.report.Notes)
	return out.String()
}

// short is as much of a digest as tells two apart.
func short(digest string) string {
	_, hex, found := strings.Cut(digest, ":")
	if !found {
		hex = digest
	}
	return hex[:min(len(hex), 12)]
}
