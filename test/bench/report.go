// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package bench

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"slices"
	"time"

	"github.com/wsgateway/websocket-gateway-operator/test/paired"
)

// Report is the whole comparison, as it is written to a file.
type Report struct {
	Machine string `json:"machine"`
	// TLS is how the connections were secured, those of all contenders.
	TLS string `json:"tls"`
	// Order of the contenders: ours, the one that it is compared with, others.
	Order []string `json:"order"`
	// Contenders are their versions and settings.
	Contenders map[string]string `json:"contenders"`
	// Parts tells what was measured when: a report may be put together of several
	// runs.
	Parts map[string]Measured `json:"parts"`
	Rows  []ReportRow         `json:"rows"`
}

// Measured tells of a part how often it was measured, and when for the last time.
type Measured struct {
	Rounds int       `json:"rounds"`
	At     time.Time `json:"at"`
}

// ReportRow is one measured thing.
type ReportRow struct {
	Part string `json:"part,omitempty"`
	Name string `json:"name"`
	Unit string `json:"unit"`
	// Rounds has the figures of each contender, in the order of the rounds.
	Rounds map[string][]float64 `json:"rounds"`
	// Median of those of each contender that has any.
	Median map[string]float64 `json:"median"`
	// Ratio of the first contender to each other: the median of the ratios of the
	// rounds, since what slows the machine slows a whole round, and an interval
	// around it.
	Ratio   map[string]paired.Result `json:"ratio"`
	Budget  *Budget                  `json:"budget,omitempty"`
	Verdict Verdict                  `json:"verdict,omitempty"`
}

// ratios are first ÷ other of each round.
func ratios(first, other []float64) []float64 {
	var out []float64
	for i := range min(len(first), len(other)) {
		if other[i] != 0 {
			out = append(out, first[i]/other[i])
		}
	}
	return out
}

// NewRow sums up what the rounds have found; ratios are those of the first in order
// to the others, and so is the verdict; shares have none. Budget may be nil.
func NewRow(name, unit string, order []string, rounds map[string][]float64, budget *Budget) ReportRow {
	out := ReportRow{
		Name: name, Unit: unit, Rounds: rounds, Budget: budget,
		Median: map[string]float64{}, Ratio: map[string]paired.Result{},
	}
	for i, name := range order {
		if len(rounds[name]) > 0 {
			out.Median[name] = paired.Of(rounds[name]).Median
		}
		if compared := ratios(rounds[order[0]], rounds[name]); i > 0 && len(compared) > 0 && unit != percent {
			out.Ratio[name] = paired.Of(compared)
		}
	}
	if budget == nil {
		return out
	}
	if budget.Than == "" {
		if value, ok := out.Median[order[0]]; ok {
			out.Verdict = budget.of(value)
		}
	} else if ratio, ok := out.Ratio[budget.Than]; ok {
		out.Verdict = budget.of(ratio.Median)
	}
	return out
}

// missed counts the rows that are above what they must be.
func (r *Report) missed() int {
	n := 0
	for _, row := range r.Rows {
		if row.Verdict == AboveMust {
			n++
		}
	}
	return n
}

// errOther is a report of something else.
var errOther = errors.New("it is of another machine, of other programs or of other settings: remove it, or measure all parts again")

// Merge takes from an earlier report the parts that this one has not measured. Both
// have to be of the same machine and programs.
func (r *Report) Merge(earlier *Report) error {
	if r.Machine != earlier.Machine || r.TLS != earlier.TLS || !slices.Equal(r.Order, earlier.Order) ||
		!maps.Equal(r.Contenders, earlier.Contenders) {
		return errOther
	}
	var kept []ReportRow
	for _, row := range earlier.Rows {
		if _, again := r.Parts[row.Part]; !again {
			kept = append(kept, row)
		}
	}
	for name, part := range earlier.Parts {
		if _, again := r.Parts[name]; !again {
			r.Parts[name] = part
		}
	}
	r.Rows = append(kept, r.Rows...)
	order := known()
	slices.SortStableFunc(r.Rows, func(a, b ReportRow) int {
		return slices.Index(order, a.Part) - slices.Index(order, b.Part)
	})
	return nil
}

// read reads an earlier report; nil if there is none.
func read(path string) (*Report, error) {
	content, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil //nolint:nilnil // there may be none
	}
	if err != nil {
		return nil, fmt.Errorf("read the earlier report: %w", err)
	}
	var r Report
	if err := json.Unmarshal(content, &r); err != nil {
		return nil, fmt.Errorf("read the earlier report %s: %w", path, err)
	}
	return &r, nil
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

// save writes the report as JSON, as tables and as a figure.
func (r *Report) save(base string) error {
	for ending, writeTo := range map[string]func(io.Writer) error{
		".json": r.JSON, ".txt": r.Table, ".md": r.Markdown, ".svg": r.Figure,
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
