// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package alerts_test

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"
)

// dashboard is what we read of the JSON that Grafana imports.
type dashboard struct {
	ID            *int    `json:"id"`
	UID           *string `json:"uid"`
	Title         string  `json:"title"`
	SchemaVersion int     `json:"schemaVersion"`
	Panels        []panel `json:"panels"`
	Templating    struct {
		List []struct {
			Name       string `json:"name"`
			Type       string `json:"type"`
			Definition string `json:"definition"`
		} `json:"list"`
	} `json:"templating"`
}

type panel struct {
	ID         int         `json:"id"`
	Type       string      `json:"type"`
	Title      string      `json:"title"`
	Datasource *datasource `json:"datasource"`
	GridPos    struct {
		H, W, X, Y int
	} `json:"gridPos"`
	Targets []struct {
		RefID      string      `json:"refId"`
		Expr       string      `json:"expr"`
		Datasource *datasource `json:"datasource"`
	} `json:"targets"`
}

type datasource struct {
	Type string `json:"type"`
	UID  string `json:"uid"`
}

// dashboards are those that an installation gets, by the name of their file.
func dashboards(t *testing.T) map[string]dashboard {
	t.Helper()
	out, err := render(t, "monitoring.dashboards.enabled=true")
	if err != nil {
		t.Fatalf("helm: %v\n%s", err, out)
	}
	found := map[string]dashboard{}
	for part := range strings.SplitSeq(string(out), "\n---\n") {
		if !strings.Contains(part, "\nkind: ConfigMap\n") {
			continue
		}
		var object struct {
			Metadata struct {
				Labels map[string]string `json:"labels"`
			} `json:"metadata"`
			Data map[string]string `json:"data"`
		}
		if err := yaml.Unmarshal([]byte(part), &object); err != nil {
			t.Fatal(err)
		}
		if object.Metadata.Labels["grafana_dashboard"] != "1" {
			t.Errorf("Grafana's sidecar does not find it: %v", object.Metadata.Labels)
		}
		for name, content := range object.Data {
			var read dashboard
			if err := json.Unmarshal([]byte(content), &read); err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			found[name] = read
		}
	}
	if len(found) != 3 {
		t.Fatalf("%d dashboards", len(found))
	}
	return found
}

func TestDashboardsAreWhatGrafanaImportsAnywhere(t *testing.T) {
	for name, board := range dashboards(t) {
		if board.ID != nil || board.UID != nil {
			t.Errorf("%s has an id or uid, which belong to one Grafana", name)
		}
		if board.Title == "" || board.SchemaVersion < 36 || len(board.Panels) < 10 {
			t.Errorf("%s: title %q, schema %d, %d panels", name, board.Title, board.SchemaVersion, len(board.Panels))
		}
		if first := board.Templating.List[0]; first.Name != "datasource" || first.Type != "datasource" {
			t.Errorf("%s lets nobody choose the data source: %+v", name, first)
		}
		ids, places := map[int]bool{}, map[[2]int]string{}
		for i := range board.Panels {
			checkPanel(t, name, &board.Panels[i], ids, places)
		}
	}
}

// checkPanel adds the panel's id and the cells that it covers to what is taken.
func checkPanel(t *testing.T, board string, p *panel, ids map[int]bool, places map[[2]int]string) {
	t.Helper()
	where := fmt.Sprintf("%s, panel %q", board, p.Title)
	if p.ID == 0 || ids[p.ID] || p.Title == "" {
		t.Errorf("%s: id %d, taken: %t", where, p.ID, ids[p.ID])
	}
	ids[p.ID] = true
	if p.GridPos.W < 1 || p.GridPos.H < 1 || p.GridPos.X+p.GridPos.W > 24 {
		t.Errorf("%s is outside the grid: %+v", where, p.GridPos)
	}
	for cell := range p.GridPos.W * p.GridPos.H {
		at := [2]int{p.GridPos.X + cell%p.GridPos.W, p.GridPos.Y + cell/p.GridPos.W}
		if other, taken := places[at]; taken {
			t.Errorf("%s covers %s", where, other)
			break
		}
		places[at] = where
	}
	if p.Type == "row" {
		return
	}
	want := datasource{Type: "prometheus", UID: "${datasource}"}
	if p.Datasource == nil || *p.Datasource != want || len(p.Targets) == 0 {
		t.Errorf("%s: data source %v, %d queries", where, p.Datasource, len(p.Targets))
	}
	for _, target := range p.Targets {
		if target.Datasource == nil || *target.Datasource != want || target.Expr == "" || target.RefID == "" {
			t.Errorf("%s: query %+v", where, target)
		}
	}
}

func TestQueriesOfDashboardsParseAndUseMetricsThatExist(t *testing.T) {
	promtool, known := promtool(t), everything(t)
	asPrometheus := strings.NewReplacer("$__rate_interval", "5m")
	var rules []map[string]string
	for name, board := range dashboards(t) {
		for _, variable := range board.Templating.List {
			for _, problem := range unknown(&known, variable.Definition) {
				t.Errorf("%s, variable %s: %s", name, variable.Name, problem)
			}
		}
		for i := range board.Panels {
			for _, target := range board.Panels[i].Targets {
				for _, problem := range unknown(&known, target.Expr) {
					t.Errorf("%s, panel %q: %s", name, board.Panels[i].Title, problem)
				}
				record := fmt.Sprintf("%s:panel%d:%s", strings.TrimSuffix(name, ".json"), board.Panels[i].ID, target.RefID)
				rules = append(rules, map[string]string{"record": record, "expr": asPrometheus.Replace(target.Expr)})
			}
		}
	}
	content, err := yaml.Marshal(map[string]any{"groups": []any{map[string]any{"name": "dashboards", "rules": rules}}})
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "queries.yaml")
	write(t, path, content)
	if out, err := exec.CommandContext(t.Context(), promtool, "check", "rules", path).CombinedOutput(); err != nil {
		t.Errorf("promtool: %v\n%s", err, out)
	}
}

func TestEachDashboardIsInTheDocumentation(t *testing.T) {
	page, err := os.ReadFile(root + "/docs/monitoring.md")
	if err != nil {
		t.Fatal(err)
	}
	for name, board := range dashboards(t) {
		if !strings.Contains(string(page), board.Title) {
			t.Errorf("docs/monitoring.md does not name %q of %s", board.Title, name)
		}
	}
}
