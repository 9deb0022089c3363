// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package dashboard

import (
	"bytes"
	_ "embed"
	"fmt"
	"html/template"
	"maps"
	"math"
	"slices"
	"strings"

	"github.com/prometheus/common/model"
)

//go:embed page.html
var pageText string

// Measures of a picture in pixels: a cell of the grid, and what panels leave free.
const (
	Width   = 1280
	rowStep = 38
	gap     = 8
	head    = 58
)

// Height of the picture of a dashboard, in pixels.
func (b *Board) Height() int {
	bottom := 0
	for i := range b.Panels {
		bottom = max(bottom, b.Panels[i].GridPos.Y+b.Panels[i].GridPos.H)
	}
	return head + bottom*rowStep + 34
}

// sheet is a panel as the page draws it.
type sheet struct {
	*Panel

	Left, Top, Wide, High int
	Color                 string
	Big                   string
	Plot                  *plot
	Columns               []string
	Rows                  [][]string
}

// HTML draws a view as a page that needs nothing else. source says where the data
// are from.
func (v *View) HTML(source string) ([]byte, error) {
	var sheets []sheet
	for i := range v.Board.Panels {
		sheets = append(sheets, v.sheet(i))
	}
	parsed, err := template.New("page").Parse(pageText)
	if err != nil {
		return nil, fmt.Errorf("read the page: %w", err)
	}
	var out bytes.Buffer
	err = parsed.Execute(&out, map[string]any{
		"Title": v.Board.Title, "Sheets": sheets, "Source": source, "Width": Width, "Height": v.Board.Height(),
		"From": v.Scene.From.UTC().Format("2006-01-02 15:04"), "To": v.Scene.To.UTC().Format("15:04 UTC"),
		"Chosen": v.chosen(),
	})
	if err != nil {
		return nil, fmt.Errorf("draw dashboard %q: %w", v.Board.Title, err)
	}
	return out.Bytes(), nil
}

// chosen are the values of the dashboard's own variables.
func (v *View) chosen() string {
	var parts []string
	for _, name := range slices.Sorted(maps.Keys(v.Scene.Variables)) {
		if strings.HasPrefix(name, "__") {
			continue
		}
		value := v.Scene.Variables[name]
		if value == ".*" {
			value = "All"
		}
		parts = append(parts, name+": "+value)
	}
	return strings.Join(parts, "   ")
}

func (v *View) sheet(index int) sheet {
	panel := &v.Board.Panels[index]
	place := panel.GridPos
	column := float64(Width-gap) / 24
	s := sheet{
		Panel: panel, Left: gap + int(float64(place.X)*column), Top: head + place.Y*rowStep,
		Wide: int(float64(place.W)*column) - gap, High: place.H*rowStep - gap,
	}
	switch panel.Type {
	case "stat":
		s.Big, s.Color = v.stat(index)
	case "table":
		s.Columns, s.Rows = v.table(index)
	case "timeseries":
		s.Plot = v.plot(index, s.Wide, s.High)
	}
	return s
}

// stat is the last value, in the colour of its threshold.
func (v *View) stat(index int) (text, color string) {
	defaults := &v.Board.Panels[index].FieldConfig.Defaults
	text, value := defaults.NoValue, 0.0
	for _, answer := range v.Answers[index] {
		for _, series := range answer.Series {
			if n := len(series.Values); n > 0 {
				value = float64(series.Values[n-1].Value)
				text = units()[defaults.Unit](value)
			}
		}
	}
	for _, step := range defaults.Thresholds.Steps {
		if step.Value == nil || value >= *step.Value {
			color = step.Color
		}
	}
	return text, color
}

// table has a column for each label, and one for the value where it is not left
// out.
func (v *View) table(index int) (columns []string, rows [][]string) {
	panel := &v.Board.Panels[index]
	var how organize
	for _, transformation := range panel.Transformations {
		how = transformation.Options
	}
	names := map[string]bool{}
	for _, answer := range v.Answers[index] {
		for _, series := range answer.Series {
			for label := range series.Metric {
				names[string(label)] = true
			}
		}
	}
	columns = slices.Sorted(maps.Keys(names))
	if !how.ExcludeByName["Value"] && len(columns) > 0 {
		columns = append(columns, "Value")
	}
	for _, answer := range v.Answers[index] {
		for _, series := range answer.Series {
			rows = append(rows, row(series, columns, units()[panel.FieldConfig.Defaults.Unit]))
		}
	}
	for i, column := range columns {
		if renamed := how.RenameByName[column]; renamed != "" {
			columns[i] = renamed
		}
	}
	return columns, rows
}

func row(series *model.SampleStream, columns []string, write func(float64) string) []string {
	var cells []string
	for _, column := range columns {
		if column == "Value" {
			cells = append(cells, write(float64(series.Values[len(series.Values)-1].Value)))
			continue
		}
		cells = append(cells, string(series.Metric[model.LabelName(column)]))
	}
	return cells
}

// finite tells whether a value can be drawn.
func finite(v model.SampleValue) bool {
	return !math.IsNaN(float64(v)) && !math.IsInf(float64(v), 0)
}
