// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package promserver

import (
	"fmt"
	"maps"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"sigs.k8s.io/yaml"
)

// Files are the paths of what a configuration refers to.
type Files struct {
	// Pods and Services have everything that there is to scrape, see PodTargets and
	// ServiceTargets: Debian's Prometheus cannot ask a cluster itself. What is
	// selected from it is the configuration's business, as it would be there.
	Pods, Services string
	// Token is what Prometheus shows to the operator, Rules has the alerts.
	Token, Rules string
}

// FilesIn are the paths in a folder of Start.
func FilesIn(folder string) Files {
	return Files{
		Pods: filepath.Join(folder, "pods.json"), Services: filepath.Join(folder, "services.json"),
		Token: filepath.Join(folder, "token"), Rules: filepath.Join(folder, "rules.yaml"),
	}
}

// Config is the configuration of a Prometheus that scrapes what the monitors
// select, and evaluates the rules.
func (c *Chart) Config(files Files) ([]byte, error) {
	// A job for each endpoint, named as the Prometheus operator names them.
	var jobs []any
	for i := range c.pods.Spec.PodMetricsEndpoints {
		job := c.pods.job(&c.pods.Spec.PodMetricsEndpoints[i], origin{metaPod + "label_", metaPod + "container_port_name"}, files.Pods, files.Token)
		job["job_name"] = fmt.Sprintf("podMonitor/%s/%s/%d", c.pods.Metadata.Namespace, c.pods.Metadata.Name, i)
		jobs = append(jobs, job)
	}
	for i := range c.services.Spec.Endpoints {
		job := c.services.job(&c.services.Spec.Endpoints[i], origin{metaService + "label_", metaSlice + "port_name"}, files.Services, files.Token)
		job["job_name"] = fmt.Sprintf("serviceMonitor/%s/%s/%d", c.services.Metadata.Namespace, c.services.Metadata.Name, i)
		jobs = append(jobs, job)
	}
	content, err := yaml.Marshal(map[string]any{
		"global":         map[string]any{"evaluation_interval": "2s"},
		"rule_files":     []string{files.Rules},
		"scrape_configs": jobs,
	})
	if err != nil {
		return nil, fmt.Errorf("write the configuration of Prometheus: %w", err)
	}
	return content, nil
}

// job selects the targets of one endpoint among those in a file.
func (m *monitor) job(e *endpoint, of origin, targets, token string) map[string]any {
	job := map[string]any{
		"metrics_path": e.Path, "scrape_interval": e.Interval, "scrape_timeout": e.Interval,
		"file_sd_configs": []any{map[string]any{"files": []string{targets}}},
		"relabel_configs": m.relabelings(e, of),
	}
	if e.Scheme != "" {
		job["scheme"] = e.Scheme
	}
	if e.BearerTokenFile != "" {
		// In a cluster, the token of the pod; here, that of the same account.
		job["authorization"] = map[string]any{"credentials_file": token}
	}
	if e.TLSConfig.InsecureSkipVerify {
		job["tls_config"] = map[string]any{"insecure_skip_verify": true}
	}
	return job
}

// namespaces is a pattern of those that the selector means: a monitor that names
// none means its own.
func (m *monitor) namespaces() string {
	names := []string{m.Metadata.Namespace}
	switch {
	case m.Spec.NamespaceSelector.Any:
		return ".+"
	case len(m.Spec.NamespaceSelector.MatchNames) > 0:
		names = m.Spec.NamespaceSelector.MatchNames
	}
	return strings.Join(names, "|")
}

// origin is where a target's labels and the name of its port come from.
type origin struct{ labels, port string }

func (m *monitor) relabelings(e *endpoint, of origin) []any {
	list := []any{map[string]any{"action": "drop", "source_labels": []string{metaPod + "phase"}, "regex": "(Failed|Succeeded)"}}
	keep := func(label, pattern string) {
		list = append(list, map[string]any{"action": "keep", "source_labels": []string{label}, "regex": pattern})
	}
	keep(metaNamespace, m.namespaces())
	for _, label := range slices.Sorted(maps.Keys(m.Spec.Selector.MatchLabels)) {
		keep(of.labels+sanitized(label), regexp.QuoteMeta(m.Spec.Selector.MatchLabels[label]))
	}
	keep(of.port, regexp.QuoteMeta(e.Port))
	label := func(target string, sources ...string) {
		list = append(list, map[string]any{"source_labels": sources, "target_label": target})
	}
	label("namespace", metaNamespace)
	label("pod", metaPod+"name")
	label("container", metaPod+"container_name")
	list = append(list, map[string]any{"target_label": "job", "replacement": m.Metadata.Namespace + "/" + m.Metadata.Name})
	for _, own := range e.Relabelings {
		label(own.TargetLabel, own.SourceLabels...)
	}
	return list
}

// sanitized is a label as Prometheus names it: what is no letter and no digit is
// an underscore.
func sanitized(label string) string {
	return strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' {
			return r
		}
		return '_'
	}, label)
}
