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
)

// The order in which a report names the contenders, ours first.
func order() []string { return []string{"gateway", "HAProxy", "nginx"} }

func TestARowHasMediansAndTheMedianOfRatiosOfItsRounds(t *testing.T) {
	// The second round was twice as slow for everybody, which is nobody's fault.
	row := bench.NewRow("CPU per echo", "µs", order(), map[string][]float64{
		"gateway": {8, 20, 9}, "HAProxy": {10, 20, 10}, "nginx": {16, 40, 20},
	})
	if diff := cmp.Diff(map[string]float64{"gateway": 9, "HAProxy": 10, "nginx": 20}, row.Median); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(map[string]float64{"HAProxy": 0.9, "nginx": 0.5}, row.Ratio); diff != "" {
		t.Error(diff)
	}
}

func TestATableHasOneLinePerRow(t *testing.T) {
	report := &bench.Report{Rows: []bench.ReportRow{
		bench.NewRow("CPU per echo", "µs", order(), map[string][]float64{"gateway": {8}, "HAProxy": {10}, "nginx": {16}}),
		// Where nobody else loses anything there is no ratio.
		bench.NewRow("closed", "%", order(), map[string][]float64{"gateway": {1}, "HAProxy": {0}, "nginx": nil}),
	}}
	var out strings.Builder
	if err := report.Table(&out, order()); err != nil {
		t.Fatal(err)
	}
	var got [][]string
	for line := range strings.Lines(out.String()) {
		got = append(got, strings.Fields(line))
	}
	want := [][]string{
		{"what", "gateway", "HAProxy", "nginx", "gateway", "÷", "HAProxy", "gateway", "÷", "nginx"},
		{"CPU", "per", "echo,", "µs", "8", "(8-8)", "10", "(10-10)", "16", "(16-16)", "0.80", "0.50"},
		{"closed,", "%", "1", "(1-1)", "0", "(0-0)", "-", "-", "-"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestTheFigureIsWellFormedAndLeavesOutWhatCannotBeCompared(t *testing.T) {
	report := &bench.Report{Machine: "2 × <this>", Rows: []bench.ReportRow{
		bench.NewRow("CPU & more", "µs", order(), map[string][]float64{"gateway": {8}, "HAProxy": {10}, "nginx": {1600}}),
		bench.NewRow("closed", "%", order(), map[string][]float64{"gateway": {1}, "HAProxy": {0}, "nginx": {0}}),
	}}
	var out strings.Builder
	if err := report.Figure(&out, order()); err != nil {
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
		"gateway", "HAProxy", "nginx", "HAProxy is 1; less is better; medians, 2 × <this>",
		"CPU & more", "0.80 (8 µs)", "1.00 (10 µs)", "160.00 (1600 µs)",
	}
	if diff := cmp.Diff(want, words[1:]); diff != "" {
		t.Error(diff)
	}
}
