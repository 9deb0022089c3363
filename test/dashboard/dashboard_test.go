// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package dashboard_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	promv1 "github.com/prometheus/client_golang/api/prometheus/v1"
	"github.com/prometheus/common/model"

	"github.com/wsgateway/websocket-gateway-operator/test/dashboard"
)

const files = "../../charts/websocket-gateway-operator/files/dashboards"

func parsed(t *testing.T, name string) *dashboard.Board {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(files, name))
	if err != nil {
		t.Fatal(err)
	}
	board, err := dashboard.Parse(content)
	if err != nil {
		t.Fatal(err)
	}
	return board
}

// oracle answers every query with the same.
type oracle struct {
	promv1.API

	asked   []string
	answer  func(query string) (value float64, there bool)
	from    time.Time
	failing error
}

func (o *oracle) series(query string) (model.Metric, model.SampleValue, bool) {
	o.asked = append(o.asked, query)
	value, there := o.answer(query)
	return model.Metric{"gateway_namespace": "team", "gateway": "edge", "outcome": "accepted", "state": "stale"}, model.SampleValue(value), there
}

//nolint:revive // the client of Prometheus has so many results
func (o *oracle) QueryRange(_ context.Context, query string, _ promv1.Range, _ ...promv1.Option) (model.Value, promv1.Warnings, promv1.Infos, error) {
	metric, value, there := o.series(query)
	if !there {
		return model.Matrix{}, nil, nil, o.failing
	}
	var values []model.SamplePair
	for i := range 10 {
		values = append(values, model.SamplePair{Timestamp: model.TimeFromUnix(o.from.Unix() + int64(5*i)), Value: value})
	}
	return model.Matrix{{Metric: metric, Values: values}}, nil, nil, o.failing
}

//nolint:revive // as above
func (o *oracle) Query(_ context.Context, query string, _ time.Time, _ ...promv1.Option) (model.Value, promv1.Warnings, promv1.Infos, error) {
	metric, value, there := o.series(query)
	if !there {
		return model.Vector{}, nil, nil, o.failing
	}
	return model.Vector{{Metric: metric, Value: value}}, nil, nil, o.failing
}

func scene() dashboard.Scene {
	from := time.Unix(1_800_000_000, 0)
	return dashboard.Scene{
		Variables: map[string]string{"namespace": ".*", "gateway": "edge", "__rate_interval": "20s"},
		From:      from, To: from.Add(10 * time.Minute), Step: 5 * time.Second,
	}
}

func TestEveryPanelOfEveryDashboardIsAskedForAndDrawn(t *testing.T) {
	for _, name := range []string{"fleet.json", "gateway.json", "security.json"} {
		t.Run(name, func(t *testing.T) {
			board, view := parsed(t, name), scene()
			api := &oracle{from: view.From, answer: func(string) (float64, bool) { return 1234, true }}
			seen, err := dashboard.Look(t.Context(), api, board, view)
			if err != nil {
				t.Fatal(err)
			}
			if empty := seen.Empty(); len(empty) > 0 {
				t.Errorf("without data: %v", empty)
			}
			for _, query := range api.asked {
				if strings.Contains(query, "$") {
					t.Errorf("a variable is left: %s", query)
				}
			}
			page, err := seen.HTML("from nowhere")
			if err != nil {
				t.Fatal(err)
			}
			for i := range board.Panels {
				if want := "<h2>" + board.Panels[i].Title + "</h2>"; !strings.Contains(string(page), want) {
					t.Errorf("panel %q is not drawn", board.Panels[i].Title)
				}
			}
			for _, want := range []string{board.Title, "from nowhere", "gateway: edge   namespace: All", "2027-01-15 08:00"} {
				if !strings.Contains(string(page), want) {
					t.Errorf("the page has no %q", want)
				}
			}
			if strings.Contains(string(page), "No data") || strings.Contains(string(page), "ZgotmplZ") {
				t.Errorf("something is not drawn:\n%s", page)
			}
			if height := board.Height(); height < 1000 || height > 2500 {
				t.Errorf("height %d", height)
			}
		})
	}
}

func TestQueriesWithoutDataAreNamedAndSaidToBe(t *testing.T) {
	board, view := parsed(t, "fleet.json"), scene()
	api := &oracle{from: view.From, answer: func(query string) (float64, bool) { return 7, !strings.Contains(query, "certificate_trouble") }}
	seen, err := dashboard.Look(t.Context(), api, board, view)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"Certificates in trouble: 1"}, seen.Empty()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	page, err := seen.HTML("")
	if err != nil || strings.Count(string(page), "No data") != 1 {
		t.Errorf("%d panels say that they have no data, want 1: %v", strings.Count(string(page), "No data"), err)
	}
}

func TestAQueryThatIsNotAnsweredIsAnError(t *testing.T) {
	api := &oracle{answer: func(string) (float64, bool) { return 0, false }, failing: errors.New("parse error")}
	_, err := dashboard.Look(t.Context(), api, parsed(t, "fleet.json"), scene())
	if err == nil || !strings.Contains(err.Error(), `panel "Open connections"`) {
		t.Errorf("error %v", err)
	}
}

func TestWhatCannotBeDrawnIsAnError(t *testing.T) {
	for name, content := range map[string]string{
		"an unknown type": `{"panels": [{"type": "heatmap", "title": "x"}]}`,
		"an unknown unit": `{"panels": [{"type": "stat", "title": "x", "fieldConfig": {"defaults": {"unit": "furlongs"}}}]}`,
		"no JSON":         `{`,
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := dashboard.Parse([]byte(content)); err == nil {
				t.Error("no error")
			}
		})
	}
}

func TestValuesAreWrittenAsPeopleReadThem(t *testing.T) {
	for _, row := range []struct {
		unit  string
		value float64
		want  string
	}{
		{"short", 0, "0"},
		{"short", 1234, "1.23 k"},
		{"short", 42, "42"},
		{"reqps", 0.0456, "0.0456 req/s"},
		{"ops", 12.345, "12.3 ops/s"},
		{"Bps", 1.5e6, "1.5 MB/s"},
		{"percentunit", 0.997, "99.7%"},
		{"percentunit", 1, "100%"},
		{"s", 0, "0 s"},
		{"s", 0.0042, "4.2 ms"},
		{"s", 0.00002, "20 µs"},
		{"s", 90, "1.5 mins"},
		{"s", 7 * 86400, "7 days"},
	} {
		content := `{"panels": [{"type": "stat", "title": "x", "targets": [{"expr": "x"}], "fieldConfig": {"defaults": {"unit": "` + row.unit + `"}}}]}`
		board, err := dashboard.Parse([]byte(content))
		if err != nil {
			t.Fatal(err)
		}
		api := &oracle{answer: func(string) (float64, bool) { return row.value, true }}
		view, err := dashboard.Look(t.Context(), api, board, scene())
		if err != nil {
			t.Fatal(err)
		}
		page, err := view.HTML("")
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(string(page), ">"+row.want+"</b>") {
			t.Errorf("%v in %s is not written as %q:\n%s", row.value, row.unit, row.want, page)
		}
	}
}
