// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

// Package promserver runs a real Prometheus on what the chart renders for the
// Prometheus operator: its monitors become scrape configurations, as that operator
// would write them, its rules are loaded as they are, but for their patience.
package promserver

import (
	"bytes"
	"fmt"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"
)

// Chart is what "helm template" has printed, as far as monitoring is concerned.
type Chart struct {
	// Dashboards by the name of their file.
	Dashboards map[string][]byte

	pods     monitor
	services monitor
	rules    map[string]any
}

// monitor is a PodMonitor or a ServiceMonitor, in the fields that the chart uses.
// Others are an error, since leaving them out would scrape something else.
type monitor struct {
	APIVersion string            `json:"apiVersion"`
	Kind       string            `json:"kind"`
	Metadata   metav1.ObjectMeta `json:"metadata"`
	Spec       monitorSpec       `json:"spec"`
}

type monitorSpec struct {
	NamespaceSelector struct {
		Any        bool     `json:"any"`
		MatchNames []string `json:"matchNames"`
	} `json:"namespaceSelector"`
	Selector struct {
		MatchLabels map[string]string `json:"matchLabels"`
	} `json:"selector"`
	PodMetricsEndpoints []endpoint `json:"podMetricsEndpoints"`
	Endpoints           []endpoint `json:"endpoints"`
}

type endpoint struct {
	Port            string       `json:"port"`
	Path            string       `json:"path"`
	Scheme          string       `json:"scheme"`
	Interval        string       `json:"interval"`
	BearerTokenFile string       `json:"bearerTokenFile"`
	Relabelings     []relabeling `json:"relabelings"`
	TLSConfig       struct {
		InsecureSkipVerify bool `json:"insecureSkipVerify"`
	} `json:"tlsConfig"`
}

type relabeling struct {
	SourceLabels []string `json:"sourceLabels"`
	TargetLabel  string   `json:"targetLabel"`
}

// Read takes what "helm template" has printed with monitors, alerts and dashboards
// enabled, all of which must be there.
func Read(rendered []byte) (*Chart, error) {
	c := &Chart{Dashboards: map[string][]byte{}}
	for part := range bytes.SplitSeq(rendered, []byte("\n---\n")) {
		var object struct {
			Kind     string            `json:"kind"`
			Metadata metav1.ObjectMeta `json:"metadata"`
			Spec     map[string]any    `json:"spec"`
			Data     map[string]string `json:"data"`
		}
		// A part may be a CRD or be empty; what matters is read strictly below.
		if err := yaml.Unmarshal(part, &object); err != nil {
			return nil, fmt.Errorf("read what the chart renders: %w", err)
		}
		var err error
		switch object.Kind {
		case "PodMonitor":
			err = yaml.UnmarshalStrict(part, &c.pods)
		case "ServiceMonitor":
			err = yaml.UnmarshalStrict(part, &c.services)
		case "PrometheusRule":
			c.rules = object.Spec
		case "ConfigMap":
			c.addDashboards(object.Metadata.Labels, object.Data)
		}
		if err != nil {
			return nil, fmt.Errorf("read the %s of the chart: %w", object.Kind, err)
		}
	}
	if c.pods.Kind == "" || c.services.Kind == "" || c.rules == nil || len(c.Dashboards) == 0 {
		return nil, fmt.Errorf("the chart renders PodMonitor %q, ServiceMonitor %q, %d parts of rules and %d dashboards: enable all in monitoring",
			c.pods.Metadata.Name, c.services.Metadata.Name, len(c.rules), len(c.Dashboards))
	}
	return c, nil
}

func (c *Chart) addDashboards(labels, files map[string]string) {
	if labels["grafana_dashboard"] == "" {
		return
	}
	for name, content := range files {
		c.Dashboards[name] = []byte(content)
	}
}
