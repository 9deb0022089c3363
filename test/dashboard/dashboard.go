// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

// Package dashboard reads the chart's Grafana dashboards, asks a Prometheus each of
// their queries, and draws what it answers: the same panels, places, legends and
// units, and no Grafana.
package dashboard

import (
	"encoding/json"
	"fmt"
	"strings"
)

// Board is one dashboard, in the fields that matter here.
type Board struct {
	Title  string  `json:"title"`
	Panels []Panel `json:"panels"`
}

// Panel is one panel; its Type is row, stat, table or timeseries.
type Panel struct {
	ID      int    `json:"id"`
	Type    string `json:"type"`
	Title   string `json:"title"`
	GridPos Place  `json:"gridPos"`
	Targets []struct {
		Expr         string `json:"expr"`
		LegendFormat string `json:"legendFormat"`
		Instant      bool   `json:"instant"`
	} `json:"targets"`
	FieldConfig struct {
		Defaults Defaults `json:"defaults"`
	} `json:"fieldConfig"`
	Transformations []struct {
		ID      string   `json:"id"`
		Options organize `json:"options"`
	} `json:"transformations"`
}

// Place is where a panel is: in columns, of which there are 24, and rows.
type Place struct{ X, Y, W, H int }

// Defaults say how values are shown.
type Defaults struct {
	Unit       string `json:"unit"`
	NoValue    string `json:"noValue"`
	Thresholds struct {
		Steps []Step `json:"steps"`
	} `json:"thresholds"`
}

// Step is a colour from a value on; a nil Value stands for the first.
type Step struct {
	Color string   `json:"color"`
	Value *float64 `json:"value"`
}

// organize is the one transformation that the tables use.
type organize struct {
	ExcludeByName map[string]bool   `json:"excludeByName"`
	RenameByName  map[string]string `json:"renameByName"`
}

// Parse reads the JSON of a dashboard. What it could not draw is an error.
func Parse(content []byte) (*Board, error) {
	board := &Board{}
	if err := json.Unmarshal(content, board); err != nil {
		return nil, fmt.Errorf("read dashboard: %w", err)
	}
	for i := range board.Panels {
		panel := &board.Panels[i]
		switch panel.Type {
		case "row", "stat", "table", "timeseries":
		default:
			return nil, fmt.Errorf("dashboard %q: panel %q has the unknown type %q", board.Title, panel.Title, panel.Type)
		}
		if _, known := units()[panel.FieldConfig.Defaults.Unit]; !known && panel.Type != "row" {
			return nil, fmt.Errorf("dashboard %q: panel %q has the unknown unit %q", board.Title, panel.Title, panel.FieldConfig.Defaults.Unit)
		}
	}
	return board, nil
}

// expanded is a query with its variables filled in, by their names without the
// dollar.
func expanded(expr string, variables map[string]string) string {
	for name, value := range variables {
		expr = strings.ReplaceAll(expr, "$"+name, value)
	}
	return expr
}
