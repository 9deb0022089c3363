// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package gateway_test

import (
	"encoding/json"
	"fmt"
	"os"
	"strconv"
	"testing"
	"text/tabwriter"

	"github.com/wsgateway/websocket-gateway-operator/test/paired"
)

// costRow is what something costs with monitors, against what it costs without.
type costRow struct {
	What string `json:"what"`
	// Off is the median of the cost without, in Unit.
	Off  float64 `json:"off"`
	Unit string  `json:"unit"`
	// On is what it costs with: times as much, or, for bytes, so many more.
	On      paired.Result  `json:"on"`
	Bound   float64        `json:"bound"`
	Verdict paired.Verdict `json:"verdict"`
}

func newRow(what, unit string, off float64, on paired.Result, bound float64) costRow {
	return costRow{What: what, Unit: unit, Off: off, On: on, Bound: bound, Verdict: on.Against(bound)}
}

// present prints a table for people and the same as JSON, in one line, for programs.
// The benchmark fails where a bound is exceeded beyond doubt.
func present(b *testing.B, title string, rows []costRow) {
	b.Helper()
	table := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintf(table, "\n%s\toff\ton\t95 %% interval\tpairs\tbound\tverdict\n", title)
	for i := range rows {
		r := &rows[i]
		format := func(value float64) string { return "x " + strconv.FormatFloat(value, 'f', 3, 64) }
		if r.Unit == "B" {
			format = func(value float64) string { return fmt.Sprintf("%+.0f B", value) }
		}
		_, _ = fmt.Fprintf(table, "%s\t%.4g %s\t%s\t%s to %s\t%d\t%s\t%s\n", r.What, r.Off, r.Unit,
			format(r.On.Median), format(r.On.Low), format(r.On.High), r.On.Pairs, format(r.Bound), r.Verdict)
		if r.Verdict == paired.Above {
			b.Errorf("%s: all of the interval is above the bound", r.What)
		}
	}
	if err := table.Flush(); err != nil {
		b.Fatal(err)
	}
	if err := json.NewEncoder(os.Stdout).Encode(map[string]any{"benchmark": title, "rows": rows}); err != nil {
		b.Fatal(err)
	}
}

// pairsOr is how many pairs are measured.
func pairsOr(b *testing.B, usual int) int {
	b.Helper()
	text := os.Getenv("WSGATEWAY_BENCH_PAIRS")
	if text == "" {
		return usual
	}
	pairs, err := strconv.Atoi(text)
	if err != nil || pairs < 1 {
		b.Fatalf("WSGATEWAY_BENCH_PAIRS %q is no number of pairs", text)
	}
	return pairs
}
