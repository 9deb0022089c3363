// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package metrics_test

import (
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/wsgateway/websocket-gateway-operator/gateway/catalogue"
	"github.com/wsgateway/websocket-gateway-operator/gateway/metrics"
)

// told is a metric as the text format tells it.
type told struct {
	Type, Help string
	Labels     []string
}

func TestTheCatalogueIsWhatIsServed(t *testing.T) {
	t.Parallel()
	set := watch(metrics.New())
	everything(set)
	set.Keep([]string{"a"}, []string{"b"})
	set.CertificateServed("b", "01", time.Unix(1, 0))
	text := scrape(t, set)
	got := map[string]told{}
	for _, found := range regexp.MustCompile(`(?m)^# HELP (\S+) (.*)\n# TYPE \S+ (\S+)$`).FindAllStringSubmatch(text, -1) {
		metric := told{Type: found[3], Help: found[2]}
		sample := regexp.MustCompile(`(?m)^` + found[1] + `(?:_sum)?(?:\{([^}]*)\})? `).FindStringSubmatch(text)
		for _, label := range regexp.MustCompile(`([a-z_]+)="`).FindAllStringSubmatch(sample[1], -1) {
			metric.Labels = append(metric.Labels, label[1])
		}
		slices.Sort(metric.Labels)
		got[found[1]] = metric
	}
	want := map[string]told{}
	for _, m := range metrics.Catalogue() {
		metric := told{Type: m.Type, Help: m.Help}
		for _, label := range m.Labels {
			metric.Labels = append(metric.Labels, label.Name)
			if len(label.Values) < 5 {
				t.Errorf("%s: label %s is not explained", m.Name, label.Name)
			}
		}
		slices.Sort(metric.Labels)
		want[m.Name] = metric
		if m.Stability != catalogue.Stable && m.Stability != catalogue.Alpha {
			t.Errorf("%s: stability %q", m.Name, m.Stability)
		}
		if strings.HasSuffix(m.Help, ".") || strings.Contains(m.Help, "|") {
			t.Errorf("%s: the help does not fit into a table: %q", m.Name, m.Help)
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("metrics (-catalogue +served):\n%s", diff)
	}
}

func TestOpenMetricsAreServedToWhoAsks(t *testing.T) {
	t.Parallel()
	set := watch(metrics.New())
	set.Established(time.Second, "0af7651916cd43dd8448eb211c80319c")
	text := ask(t, set, "application/openmetrics-text; version=1.0.0")
	if !strings.Contains(text, `# {trace_id="0af7651916cd43dd8448eb211c80319c"} 1.0`) {
		t.Errorf("the trace of a slow handshake is not named:\n%s", text)
	}
	if !strings.HasSuffix(text, "# EOF\n") || !strings.Contains(text, "\n# TYPE wsgateway_messages counter\n") {
		t.Errorf("this is not OpenMetrics:\n%s", text)
	}
}
