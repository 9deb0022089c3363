// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package bench

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/wsgateway/websocket-gateway-operator/test/paired"
)

// cells are the report as a table: medians, with the least and the most of the
// rounds, ratios with their intervals, and the budget of each row.
func (r *Report) cells() [][]string {
	head := append([]string{"what"}, r.Order...)
	for _, name := range r.Order[1:] {
		head = append(head, r.Order[0]+" ÷ "+name)
	}
	lines := [][]string{append(head, "must be", "verdict")}
	for _, row := range r.Rows {
		line := []string{row.Name + ", " + row.Unit}
		for _, name := range r.Order {
			line = append(line, spread(row.Median[name], row.Rounds[name]))
		}
		for _, name := range r.Order[1:] {
			line = append(line, ratioText(row.Ratio[name]))
		}
		verdict := string(row.Verdict)
		if verdict == "" {
			verdict = "-"
		}
		lines = append(lines, append(line, row.Budget.String(), verdict))
	}
	return lines
}

// Table writes the report for a terminal.
func (r *Report) Table(out io.Writer) error {
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	for _, cells := range r.cells() {
		if _, err := fmt.Fprintln(table, strings.Join(cells, "\t")); err != nil {
			return fmt.Errorf("write the table: %w", err)
		}
	}
	if err := table.Flush(); err != nil {
		return fmt.Errorf("write the table: %w", err)
	}
	if _, err := fmt.Fprintf(out, "\n%s\n", strings.Join(r.circumstances(), "\n")); err != nil {
		return fmt.Errorf("write the table: %w", err)
	}
	return nil
}

// Markdown writes the report for a page.
func (r *Report) Markdown(out io.Writer) error {
	var text strings.Builder
	for i, cells := range r.cells() {
		_, _ = fmt.Fprintf(&text, "| %s |\n", strings.Join(cells, " | "))
		if i == 0 {
			text.WriteString(strings.Repeat("|---", len(cells)) + "|\n")
		}
	}
	text.WriteString("\n")
	for _, line := range r.circumstances() {
		text.WriteString("- " + line + "\n")
	}
	if _, err := io.WriteString(out, text.String()); err != nil {
		return fmt.Errorf("write the table: %w", err)
	}
	return nil
}

// circumstances are what the figures hold for.
func (r *Report) circumstances() []string {
	lines := []string{"Machine: " + r.Machine, "Connections: " + r.TLS}
	for _, name := range r.Order {
		lines = append(lines, name+": "+r.Contenders[name])
	}
	var parts []string
	for _, name := range known() {
		if m, ok := r.Parts[name]; ok {
			parts = append(parts, fmt.Sprintf("%s %d, %s", name, m.Rounds, m.At.Format(time.DateTime)))
		}
	}
	return append(lines, "Rounds, and when the last of them was, in UTC: "+strings.Join(parts, "; "))
}

func ratioText(r paired.Result) string {
	if r.Pairs == 0 {
		return "-"
	}
	return fmt.Sprintf("%.2f (%.2f-%.2f)", r.Median, r.Low, r.High)
}

func spread(middle float64, values []float64) string {
	if len(values) == 0 {
		return "-"
	}
	return fmt.Sprintf("%s (%s-%s)", short(middle), short(slices.Min(values)), short(slices.Max(values)))
}

// short is a figure with as many digits as mean anything.
func short(value float64) string {
	if value >= 1000 {
		return fmt.Sprintf("%.0f", value)
	}
	return fmt.Sprintf("%.3g", value)
}
