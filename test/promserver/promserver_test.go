// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package promserver_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"

	"github.com/wsgateway/websocket-gateway-operator/test/promserver"
)

const root = "../.."

// chart is what the chart renders now.
func chart(t *testing.T) *promserver.Chart {
	t.Helper()
	rendered, err := promserver.Render(t.Context(), root, "--set", "monitoring.monitors.interval=5s")
	if err != nil {
		t.Fatal(err)
	}
	read, err := promserver.Read(rendered)
	if err != nil {
		t.Fatal(err)
	}
	return read
}

type alert struct {
	Alert       string            `json:"alert"`
	Expr        string            `json:"expr"`
	For         string            `json:"for"`
	Labels      map[string]string `json:"labels"`
	Annotations map[string]string `json:"annotations"`
}

func alerts(t *testing.T, c *promserver.Chart, divideFor int64) map[string]alert {
	t.Helper()
	content, err := c.Rules(divideFor)
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		Groups []struct {
			Name  string  `json:"name"`
			Rules []alert `json:"rules"`
		} `json:"groups"`
	}
	if err := yaml.UnmarshalStrict(content, &file); err != nil {
		t.Fatal(err)
	}
	found := map[string]alert{}
	for _, group := range file.Groups {
		for _, one := range group.Rules {
			found[one.Alert] = one
		}
	}
	return found
}

func TestRulesAreThoseOfTheChartButForTheirPatience(t *testing.T) {
	c := chart(t)
	whole, shortened := alerts(t, c, 1), alerts(t, c, 60)
	for name, want := range map[string][2]string{
		"WSGatewayCertificateExpiresSoon": {"15m", "15s"},
		"WSGatewayCertificateStale":       {"1m", "1s"},
		"WSGatewayAuditLoss":              {"0s", "0s"},
	} {
		if got := [2]string{whole[name].For, shortened[name].For}; got != want {
			t.Errorf("%s waits %v, want %v", name, got, want)
		}
	}
	for name := range whole {
		before, after := whole[name], shortened[name]
		before.For, after.For = "", ""
		if diff := cmp.Diff(before, after); diff != "" {
			t.Errorf("%s (-chart +shortened):\n%s", name, diff)
		}
	}
	if len(whole) < 20 || len(whole) != len(shortened) {
		t.Errorf("%d alerts, shortened %d", len(whole), len(shortened))
	}
}

func TestTheConfigurationIsOneThatPrometheusTakes(t *testing.T) {
	c, folder := chart(t), t.TempDir()
	files := promserver.FilesIn(folder)
	rules, err := c.Rules(60)
	if err != nil {
		t.Fatal(err)
	}
	config, err := c.Config(files)
	if err != nil {
		t.Fatal(err)
	}
	for path, content := range map[string][]byte{
		files.Token: []byte("token"), files.Rules: rules, files.Pods: []byte("[]"), files.Services: []byte("[]"),
		filepath.Join(folder, "prometheus.yaml"): config,
	} {
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	out, err := exec.CommandContext(t.Context(), "promtool", "check", "config", filepath.Join(folder, "prometheus.yaml")).CombinedOutput()
	if err != nil {
		t.Errorf("promtool: %v\n%s\n%s", err, out, config)
	}
}

var update = flag.Bool("update", false, "write testdata/prometheus.yaml from what the monitors become")

func TestGoldenConfigurationOfTheMonitors(t *testing.T) {
	config, err := chart(t).Config(promserver.FilesIn("/folder"))
	if err != nil {
		t.Fatal(err)
	}
	if *update {
		if err := os.WriteFile("testdata/prometheus.yaml", config, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile("testdata/prometheus.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(config)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestWhatIsNotUnderstoodIsNotLeftOut(t *testing.T) {
	rendered, err := promserver.Render(t.Context(), root)
	if err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string][2]string{
		"a field of a monitor that is not known": {"\n  podMetricsEndpoints:\n  - port: admin\n", "\n  podMetricsEndpoints:\n  - port: admin\n    honorLabels: true\n"},
		"no monitor for the pods":                {"kind: PodMonitor", "kind: Something"},
		"a patience that is none":                {"for: 10m", "for: soon"},
	} {
		t.Run(name, func(t *testing.T) {
			if !strings.Contains(string(rendered), change[0]) {
				t.Fatalf("the chart does not render %q", change[0])
			}
			read, err := promserver.Read([]byte(strings.Replace(string(rendered), change[0], change[1], 1)))
			if err == nil {
				_, err = read.Rules(60)
			}
			if err == nil {
				t.Error("no error")
			}
		})
	}
}

func TestTargetsHaveTheLabelsOfDiscovery(t *testing.T) {
	pods := []corev1.Pod{{
		ObjectMeta: metav1.ObjectMeta{Namespace: "team", Name: "wsgw-edge-1", Labels: map[string]string{"wsgateway.dev/gateway": "edge"}},
		Spec: corev1.PodSpec{Containers: []corev1.Container{{
			Name: "gateway", Ports: []corev1.ContainerPort{{Name: "admin", ContainerPort: 19000}},
		}}},
		Status: corev1.PodStatus{Phase: corev1.PodRunning, PodIP: "192.0.2.7"},
	}, {ObjectMeta: metav1.ObjectMeta{Name: "has no address yet"}}}
	services := []corev1.Service{{ObjectMeta: metav1.ObjectMeta{Namespace: "system", Name: "metrics", Labels: map[string]string{"app": "operator"}}}}
	slices := []discoveryv1.EndpointSlice{{
		ObjectMeta: metav1.ObjectMeta{Namespace: "system", Labels: map[string]string{discoveryv1.LabelServiceName: "metrics"}},
		Ports:      []discoveryv1.EndpointPort{{Name: new("https"), Port: new(int32(8443))}},
		Endpoints: []discoveryv1.Endpoint{{
			Addresses: []string{"192.0.2.8"}, TargetRef: &corev1.ObjectReference{Kind: "Pod", Name: "operator-1"},
		}},
	}}
	ofPods, err := promserver.PodTargets(pods)
	if err != nil {
		t.Fatal(err)
	}
	ofServices, err := promserver.ServiceTargets(services, slices)
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range []struct {
		content []byte
		want    string
	}{
		{ofPods, `[{"targets":["192.0.2.7:19000"],"labels":{"__meta_kubernetes_namespace":"team","__meta_kubernetes_pod_container_name":"gateway",` +
			`"__meta_kubernetes_pod_container_port_name":"admin","__meta_kubernetes_pod_label_wsgateway_dev_gateway":"edge",` +
			`"__meta_kubernetes_pod_name":"wsgw-edge-1","__meta_kubernetes_pod_phase":"Running"}}]`},
		{ofServices, `[{"targets":["192.0.2.8:8443"],"labels":{"__meta_kubernetes_endpointslice_port_name":"https","__meta_kubernetes_namespace":"system",` +
			`"__meta_kubernetes_pod_name":"operator-1","__meta_kubernetes_service_label_app":"operator","__meta_kubernetes_service_name":"metrics"}}]`},
	} {
		var compact bytes.Buffer
		if err := json.Compact(&compact, row.content); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(row.want, compact.String()); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	}
}

func TestPrometheusRunsAndEnds(t *testing.T) {
	folder := t.TempDir()
	rules, err := chart(t).Rules(60)
	if err != nil {
		t.Fatal(err)
	}
	server, err := promserver.Start(t.Context(), folder, []byte("rule_files: ["+promserver.FilesIn(folder).Rules+"]\n"), rules)
	if err != nil {
		t.Fatal(err)
	}
	loaded, err := server.API.Rules(t.Context(), nil)
	if err != nil || len(loaded.Groups) < 5 {
		t.Errorf("%d groups of rules: %v\n%s", len(loaded.Groups), err, server.Log())
	}
	server.Stop()
	if _, err := server.API.Rules(t.Context(), nil); err == nil {
		t.Error("it answers after its end")
	}
	if _, err := promserver.Start(t.Context(), folder, []byte("nonsense: true\n"), rules); err == nil {
		t.Error("a wrong configuration is no error")
	}
}
