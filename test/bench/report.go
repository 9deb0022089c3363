// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package bench

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"text/tabwriter"
)

// Report is the whole comparison, as it is written to a file.
type Report struct {
	Machine    string            `json:"machine"`
	Contenders map[string]string `json:"contenders"`
	Rows       []ReportRow       `json:"rows"`
}

// ReportRow is one measured thing.
type ReportRow struct {
	Name string `json:"name"`
	Unit string `json:"unit"`
	// Rounds has the figures of each contender, in the order of the rounds.
	Rounds map[string][]float64 `json:"rounds"`
	Median map[string]float64   `json:"median"`
	// Ratio of the first contender to each other: the median of the ratios of the
	// rounds, since what slows the machine slows a whole round.
	Ratio map[string]float64 `json:"ratio"`
}

// median of figures; 0 where there are none.
func median(values []float64) float64 {
	if len(values) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(values))
	middle := len(sorted) / 2
	if len(sorted)%2 == 1 {
		return sorted[middle]
	}
	return (sorted[middle-1] + sorted[middle]) / 2
}

// ratio is the median of first ÷ other over the rounds.
func ratio(first, other []float64) float64 {
	var ratios []float64
	for i := range min(len(first), len(other)) {
		if other[i] != 0 {
			ratios = append(ratios, first[i]/other[i])
		}
	}
	return median(ratios)
}

// NewRow sums up what the rounds have found; ratios are those of the first in order
// to the others.
func NewRow(name, unit string, order []string, rounds map[string][]float64) ReportRow {
	out := ReportRow{Name: name, Unit: unit, Rounds: rounds, Median: map[string]float64{}, Ratio: map[string]float64{}}
	for i, name := range order {
		out.Median[name] = median(rounds[name])
		if compared := ratio(rounds[order[0]], rounds[name]); i > 0 && compared != 0 {
			out.Ratio[name] = compared
		}
	}
	return out
}

// Table writes medians, with the least and the most of the rounds, and ratios.
func (r *Report) Table(out io.Writer, order []string) error {
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	head := append([]string{"what"}, order...)
	for _, name := range order[1:] {
		head = append(head, order[0]+" ÷ "+name)
	}
	lines := [][]string{head}
	for _, row := range r.Rows {
		cells := []string{row.Name + ", " + row.Unit}
		for _, name := range order {
			cells = append(cells, spread(row.Median[name], row.Rounds[name]))
		}
		for _, name := range order[1:] {
			cells = append(cells, ratioText(row.Ratio[name]))
		}
		lines = append(lines, cells)
	}
	for _, cells := range lines {
		if _, err := fmt.Fprintln(table, strings.Join(cells, "\t")); err != nil {
			return fmt.Errorf("write the table: %w", err)
		}
	}
	return table.Flush()
}

func ratioText(value float64) string {
	if value == 0 {
		return "-"
	}
	return fmt.Sprintf("%.2f", value)
}

func spread(middle float64, values []float64) string {
	if len(values) == 0 {
		return "-"
	}
	return fmt.Sprintf("%.4g (%.4g-%.4g)", middle, slices.Min(values), slices.Max(values))
}

// JSON writes the report for programs.
func (r *Report) JSON(out io.Writer) error {
	encoder := json.NewEncoder(out)
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(r); err != nil {
		return fmt.Errorf("write the report: %w", err)
	}
	return nil
}

// save writes the report as JSON and as a table.
func (r *Report) save(base string, order []string) error {
	for ending, writeTo := range map[string]func(io.Writer) error{
		".json": r.JSON,
		".txt":  func(out io.Writer) error { return r.Table(out, order) },
		".svg":  func(out io.Writer) error { return r.Figure(out, order) },
	} {
		var text bytes.Buffer
		if err := writeTo(&text); err != nil {
			return err
		}
		if err := os.WriteFile(base+ending, text.Bytes(), 0o600); err != nil {
			return fmt.Errorf("write the report: %w", err)
		}
	}
	return nil
}
