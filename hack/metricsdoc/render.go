// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"fmt"
	"strings"
	"text/template"

	operator "github.com/wsgateway/websocket-gateway-operator/controllers/metrics"
	"github.com/wsgateway/websocket-gateway-operator/gateway/catalogue"
	gateway "github.com/wsgateway/websocket-gateway-operator/gateway/metrics"
)

//go:embed page.md.tmpl
var page string

// metric is one metric in docs/metrics.json, and one row of docs/metrics.md.
type metric struct {
	Name      string  `json:"name"`
	Program   string  `json:"program"`
	Type      string  `json:"type"`
	Unit      string  `json:"unit,omitempty"`
	Help      string  `json:"help"`
	Labels    []label `json:"labels,omitempty"`
	Stability string  `json:"stability"`
	// Samples are the names that can be in a query.
	Samples []string `json:"samples"`
}

type label struct {
	Name   string `json:"name"`
	Values string `json:"values"`
}

// files are the contents of what is generated, by the name of the file.
func files() (map[string][]byte, error) {
	pods, manager := metricsOf("gateway", gateway.Catalogue()), metricsOf("operator", operator.Catalogue())
	list, err := encode(append(append([]metric{}, pods...), manager...))
	if err != nil {
		return nil, err
	}
	parsed, err := template.New("page").Parse(page)
	if err != nil {
		return nil, fmt.Errorf("page: %w", err)
	}
	var text bytes.Buffer
	if err := parsed.Execute(&text, map[string]any{
		"Gateway": pods, "Operator": manager, "MaxSeries": gateway.MaxSeries,
	}); err != nil {
		return nil, fmt.Errorf("page: %w", err)
	}
	return map[string][]byte{"metrics.md": text.Bytes(), "metrics.json": list}, nil
}

func encode(all []metric) ([]byte, error) {
	var list bytes.Buffer
	encoder := json.NewEncoder(&list)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(map[string]any{"metrics": all}); err != nil {
		return nil, fmt.Errorf("list: %w", err)
	}
	return list.Bytes(), nil
}

func metricsOf(program string, made []catalogue.Metric) []metric {
	var all []metric
	for _, m := range made {
		one := metric{Name: m.Name, Program: program, Type: m.Type, Help: m.Help, Stability: string(m.Stability)}
		for _, l := range m.Labels {
			one.Labels = append(one.Labels, label(l))
		}
		all = append(all, one.complete())
	}
	return all
}

// complete derives what follows from name and type.
func (m metric) complete() metric {
	for _, unit := range []string{"seconds", "bytes"} {
		if strings.HasSuffix(strings.TrimSuffix(m.Name, "_total"), "_"+unit) {
			m.Unit = unit
		}
	}
	switch m.Type {
	case "histogram":
		m.Samples = []string{m.Name + "_bucket", m.Name + "_sum", m.Name + "_count"}
	case "summary":
		m.Samples = []string{m.Name + "_sum", m.Name + "_count"}
	default:
		m.Samples = []string{m.Name}
	}
	return m
}

// LabelCell is the text of the column of labels.
func (m metric) LabelCell() string {
	cells := make([]string, 0, len(m.Labels))
	for _, l := range m.Labels {
		cells = append(cells, "`"+l.Name+"`: "+l.Values)
	}
	return strings.Join(cells, "; ")
}
