// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package dashboard

import (
	"context"
	"fmt"
	"math"
	"regexp"
	"strings"
	"time"

	promv1 "github.com/prometheus/client_golang/api/prometheus/v1"
	"github.com/prometheus/common/model"
)

// Scene is what a dashboard is looked at with.
type Scene struct {
	// Variables are the dashboard's own and Grafana's, such as __rate_interval.
	Variables map[string]string
	From, To  time.Time
	// Step is the distance of two points.
	Step time.Duration
}

// View is a dashboard with the answers to its queries.
type View struct {
	Board *Board
	Scene Scene
	// Answers are those of the panel of the same index.
	Answers [][]Answer
}

// Answer is what came of one query.
type Answer struct {
	// Series have their legends in Names; for a table, one point each.
	Series model.Matrix
	Names  []string
}

// Look asks every query of a dashboard. A query that is not answered is an error.
func Look(ctx context.Context, api promv1.API, board *Board, scene Scene) (*View, error) {
	view := &View{Board: board, Scene: scene, Answers: make([][]Answer, len(board.Panels))}
	for i := range board.Panels {
		panel := &board.Panels[i]
		for j := range panel.Targets {
			target := &panel.Targets[j]
			series, err := ask(ctx, api, expanded(target.Expr, scene.Variables), target.Instant, scene)
			if err != nil {
				return nil, fmt.Errorf("dashboard %q, panel %q, query %d: %w", board.Title, panel.Title, j+1, err)
			}
			answer := Answer{Series: series}
			for _, one := range series {
				answer.Names = append(answer.Names, legend(target.LegendFormat, one.Metric))
			}
			view.Answers[i] = append(view.Answers[i], answer)
		}
	}
	return view, nil
}

func ask(ctx context.Context, api promv1.API, query string, instant bool, scene Scene) (model.Matrix, error) {
	if !instant {
		value, warnings, _, err := api.QueryRange(ctx, query, promv1.Range{Start: scene.From, End: scene.To, Step: scene.Step})
		if err != nil || len(warnings) > 0 {
			return nil, fmt.Errorf("ask %s: %v: %w", query, warnings, err)
		}
		matrix, ok := value.(model.Matrix)
		if !ok {
			return nil, fmt.Errorf("ask %s: the answer is a %s", query, value.Type())
		}
		return matrix, nil
	}
	value, warnings, _, err := api.Query(ctx, query, scene.To)
	if err != nil || len(warnings) > 0 {
		return nil, fmt.Errorf("ask %s: %v: %w", query, warnings, err)
	}
	vector, ok := value.(model.Vector)
	if !ok {
		return nil, fmt.Errorf("ask %s: the answer is a %s", query, value.Type())
	}
	var matrix model.Matrix
	for _, sample := range vector {
		matrix = append(matrix, &model.SampleStream{
			Metric: sample.Metric, Values: []model.SamplePair{{Timestamp: sample.Timestamp, Value: sample.Value}},
		})
	}
	return matrix, nil
}

// legend fills {{label}} in a format.
func legend(format string, metric model.Metric) string {
	if format == "" {
		return strings.TrimPrefix(metric.String(), "{}")
	}
	return regexp.MustCompile(`{{\s*(\w+)\s*}}`).ReplaceAllStringFunc(format, func(place string) string {
		return string(metric[model.LabelName(strings.Trim(place, "{} "))])
	})
}

// Empty lists the queries that were answered without a value, as "PANEL: QUERY
// NUMBER".
func (v *View) Empty() []string {
	var empty []string
	for i, answers := range v.Answers {
		for j, answer := range answers {
			if !answer.hasValue() {
				empty = append(empty, fmt.Sprintf("%s: %d", v.Board.Panels[i].Title, j+1))
			}
		}
	}
	return empty
}

func (a *Answer) hasValue() bool {
	for _, series := range a.Series {
		for _, pair := range series.Values {
			if !math.IsNaN(float64(pair.Value)) && !math.IsInf(float64(pair.Value), 0) {
				return true
			}
		}
	}
	return false
}
