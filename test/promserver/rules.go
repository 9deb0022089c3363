// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package promserver

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/prometheus/common/model"
	"sigs.k8s.io/yaml"
)

// Rules is the file of rules that the chart renders, with one change: how long an
// alert waits before it fires ("for") is divided by a number. Expressions,
// thresholds, labels and annotations are those of an installation.
func (c *Chart) Rules(divideFor int64) ([]byte, error) {
	spec, err := clone(c.rules)
	if err != nil {
		return nil, err
	}
	groups, _ := spec["groups"].([]any)
	shortened := 0
	for _, group := range groups {
		fields, _ := group.(map[string]any)
		rules, _ := fields["rules"].([]any)
		for _, rule := range rules {
			if err := shorten(rule, divideFor); err != nil {
				return nil, err
			}
			shortened++
		}
	}
	if shortened == 0 {
		return nil, fmt.Errorf("the PrometheusRule of the chart has no rules")
	}
	content, err := yaml.Marshal(spec)
	if err != nil {
		return nil, fmt.Errorf("write the rules: %w", err)
	}
	return content, nil
}

// clone copies, so that a Chart can be asked twice.
func clone(spec map[string]any) (map[string]any, error) {
	content, err := json.Marshal(spec)
	if err != nil {
		return nil, fmt.Errorf("copy the rules: %w", err)
	}
	var copied map[string]any
	if err := json.Unmarshal(content, &copied); err != nil {
		return nil, fmt.Errorf("copy the rules: %w", err)
	}
	return copied, nil
}

func shorten(rule any, divideFor int64) error {
	fields, ok := rule.(map[string]any)
	if !ok {
		return fmt.Errorf("a rule of the chart is a %T", rule)
	}
	text, _ := fields["for"].(string)
	if text == "" {
		return nil
	}
	patience, err := model.ParseDuration(text)
	if err != nil {
		return fmt.Errorf("rule %v: for: %w", fields["alert"], err)
	}
	shorter := time.Duration(patience) / time.Duration(divideFor)
	fields["for"] = model.Duration(shorter.Truncate(time.Millisecond)).String()
	return nil
}
