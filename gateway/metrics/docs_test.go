// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package metrics_test

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/wsgateway/websocket-gateway-operator/gateway/metrics"
)

// kind is what the page says of a metric in a form that can be compared.
type kind struct {
	Type   string
	Labels []string
}

func TestEveryMetricIsOnThePage(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../../docs/metrics.md")
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]kind{}
	quoted := regexp.MustCompile("`([a-z_]+)`")
	for line := range strings.Lines(string(page)) {
		cells := strings.Split(line, "|")
		if len(cells) < 6 || !strings.Contains(cells[1], "`wsgateway_") {
			continue
		}
		row := kind{Type: strings.TrimSpace(cells[2])}
		for _, label := range quoted.FindAllStringSubmatch(cells[3], -1) {
			row.Labels = append(row.Labels, label[1])
		}
		if len(strings.TrimSpace(cells[4])) < 10 {
			t.Errorf("%s is not explained", cells[1])
		}
		want[strings.Trim(cells[1], " `")] = row
	}

	set := metrics.New()
	set.WatchAudit(func() metrics.AuditStats { return metrics.AuditStats{} })
	set.Keep([]string{"r"}, []string{"l"})
	set.FileLoaded("config.json", true, time.Unix(1, 0))
	set.CertificateLoaded("l", true, time.Unix(1, 0))
	text := scrape(t, set)
	got := map[string]kind{}
	for _, found := range regexp.MustCompile(`(?m)^# TYPE (\S+) (\S+)$`).FindAllStringSubmatch(text, -1) {
		row := kind{Type: found[2]}
		sample := regexp.MustCompile(`(?m)^` + found[1] + `(?:_sum)?(?:\{([^}]*)\})? `).FindStringSubmatch(text)
		for _, label := range regexp.MustCompile(`([a-z_]+)="`).FindAllStringSubmatch(sample[1], -1) {
			row.Labels = append(row.Labels, label[1])
		}
		slices.Sort(row.Labels)
		got[found[1]] = row
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("metrics (-page +program):\n%s", diff)
	}
}
