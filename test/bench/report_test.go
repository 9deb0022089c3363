// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package bench_test

import (
	"encoding/xml"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/wsgateway/websocket-gateway-operator/test/bench"
	"github.com/wsgateway/websocket-gateway-operator/test/paired"
)

// The order in which a report names the contenders, ours first.
func order() []string { return []string{"gateway", "HAProxy", "nginx"} }

// share is a budget in multiples of HAProxy.
func share(must, aim float64) *bench.Budget {
	return &bench.Budget{Than: "HAProxy", Must: must, Aim: aim}
}

func TestARowHasMediansAndTheMedianOfRatiosOfItsRounds(t *testing.T) {
	// The second round was twice as slow for everybody, which is nobody's fault.
	row := bench.NewRow("CPU per echo", "µs", order(), map[string][]float64{
		"gateway": {8, 20, 9}, "HAProxy": {10, 20, 10}, "nginx": {16, 40, 20},
	}, nil)
	if diff := cmp.Diff(map[string]float64{"gateway": 9, "HAProxy": 10, "nginx": 20}, row.Median); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(map[string]paired.Result{
		"HAProxy": {Median: 0.9, Low: 0.8, High: 1, Pairs: 3}, "nginx": {Median: 0.5, Low: 0.45, High: 0.5, Pairs: 3},
	}, row.Ratio); diff != "" {
		t.Error(diff)
	}
	if row.Verdict != "" {
		t.Errorf("no budget, and yet the verdict %q", row.Verdict)
	}
}

func TestARowIsHeldAgainstItsBudget(t *testing.T) {
	for name, tt := range map[string]struct {
		ours, theirs []float64
		budget       *bench.Budget
		want         bench.Verdict
	}{
		"a ratio that is as aimed at":               {[]float64{3}, []float64{10}, share(0.5, 0.3), bench.WithinAim},
		"a ratio that is what it must be":           {[]float64{5}, []float64{10}, share(0.5, 0.3), bench.WithinMust},
		"a ratio that is more":                      {[]float64{5.1}, []float64{10}, share(0.5, 0.3), bench.AboveMust},
		"nobody to compare with":                    {[]float64{5}, nil, share(0.5, 0.3), ""},
		"no figure of ours":                         {nil, []float64{10}, share(0.5, 0.3), ""},
		"a figure with bounds of its own":           {[]float64{1.5}, []float64{4.7}, &bench.Budget{Must: 2, Aim: 1.3}, bench.WithinMust},
		"nothing where nothing may be":              {[]float64{0}, []float64{100}, &bench.Budget{}, bench.WithinAim},
		"one where nothing may be":                  {[]float64{1}, []float64{100}, &bench.Budget{}, bench.AboveMust},
		"bounds of its own without a figure of its": {nil, []float64{100}, &bench.Budget{}, ""},
	} {
		row := bench.NewRow("what", "µs", order(), map[string][]float64{"gateway": tt.ours, "HAProxy": tt.theirs}, tt.budget)
		if row.Verdict != tt.want {
			t.Errorf("%s: %q, want %q", name, row.Verdict, tt.want)
		}
	}
}

func TestATableHasOneLinePerRow(t *testing.T) {
	report := &bench.Report{Order: order(), Rows: []bench.ReportRow{
		bench.NewRow("CPU per echo", "µs", order(), map[string][]float64{"gateway": {8}, "HAProxy": {10}, "nginx": {16}}, share(0.95, 0.8)),
		// Shares are not compared.
		bench.NewRow("closed", "%", order(), map[string][]float64{"gateway": {1}, "HAProxy": {2}, "nginx": nil}, nil),
	}}
	var out strings.Builder
	if err := report.Markdown(&out); err != nil {
		t.Fatal(err)
	}
	got := strings.SplitN(out.String(), "\n", 5)
	want := []string{
		"| what | gateway | HAProxy | nginx | gateway ÷ HAProxy | gateway ÷ nginx | must be | verdict |",
		"|---|---|---|---|---|---|---|---|",
		"| CPU per echo, µs | 8 (8-8) | 10 (10-10) | 16 (16-16) | 0.80 (0.80-0.80) | 0.50 (0.50-0.50) | ≤ 0.95 × HAProxy, aim 0.8 | within aim |",
		"| closed, % | 1 (1-1) | 2 (2-2) | - | - | - | - | - |",
	}
	if diff := cmp.Diff(want, got[:4]); diff != "" {
		t.Error(diff)
	}
	out.Reset()
	if err := report.Table(&out); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(out.String(), "8 (8-8)") || !strings.Contains(out.String(), "within aim") {
		t.Errorf("the table for a terminal lacks something:\n%s", out.String())
	}
}

// measured is a report that has one row of each of some parts.
func measured(version string, figure float64, parts ...string) *bench.Report {
	r := &bench.Report{Machine: "m", Order: order(), Contenders: map[string]string{"gateway": version}, Parts: map[string]bench.Measured{}}
	for _, part := range parts {
		r.Parts[part] = bench.Measured{Rounds: 1}
		row := bench.NewRow("of "+part, "µs", order(), map[string][]float64{"gateway": {figure}}, nil)
		row.Part = part
		r.Rows = append(r.Rows, row)
	}
	return r
}

func TestPartsOfSeveralRunsBecomeOneReport(t *testing.T) {
	later := measured("v1", 2, "messages", "storm")
	if err := later.Merge(measured("v1", 1, "memory-4000", "messages", "reload")); err != nil {
		t.Fatal(err)
	}
	got := map[string]float64{}
	var names []string
	for _, row := range later.Rows {
		names = append(names, row.Name)
		got[row.Part] = row.Median["gateway"]
	}
	if diff := cmp.Diff([]string{"of memory-4000", "of messages", "of storm", "of reload"}, names); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(map[string]float64{"memory-4000": 1, "messages": 2, "storm": 2, "reload": 1}, got); diff != "" {
		t.Error(diff)
	}
	if len(later.Parts) != 4 {
		t.Errorf("%d parts", len(later.Parts))
	}
}

func TestWhatIsOfAnotherReleaseDoesNotJoinAReport(t *testing.T) {
	later := measured("v2", 2, "messages")
	if err := later.Merge(measured("v1", 1, "reload")); err == nil {
		t.Error("figures of two releases became one report")
	}
	if len(later.Rows) != 1 {
		t.Errorf("%d rows", len(later.Rows))
	}
}

func TestTheFigureIsWellFormedAndLeavesOutWhatCannotBeCompared(t *testing.T) {
	report := &bench.Report{Machine: "2 × <this>", Order: order(), Rows: []bench.ReportRow{
		bench.NewRow("CPU & more", "µs", order(), map[string][]float64{"gateway": {8}, "HAProxy": {10}, "nginx": {1600}}, share(0.95, 0.8)),
		bench.NewRow("closed", "%", order(), map[string][]float64{"gateway": {1}, "HAProxy": {0}, "nginx": {0}}, nil),
	}}
	var out strings.Builder
	if err := report.Figure(&out); err != nil {
		t.Fatal(err)
	}
	var words []string
	decoder := xml.NewDecoder(strings.NewReader(out.String()))
	for {
		token, err := decoder.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatalf("%v\n%s", err, out.String())
		}
		if data, ok := token.(xml.CharData); ok && strings.TrimSpace(string(data)) != "" {
			words = append(words, string(data))
		}
	}
	want := []string{
		"gateway", "HAProxy", "nginx", "HAProxy is 1; less is better; a red line is what gateway must reach; medians, 2 × <this>",
		"CPU & more", "0.80 (8 µs)", "1.00 (10 µs)", "160.00 (1600 µs)",
	}
	if diff := cmp.Diff(want, words[1:]); diff != "" {
		t.Error(diff)
	}
}
