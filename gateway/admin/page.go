// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package admin

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"fmt"
	"html/template"
	"net/http"
	"strings"
	"time"

	"github.com/wsgateway/websocket-gateway-operator/gateway/contract"
	"github.com/wsgateway/websocket-gateway-operator/gateway/control"
)

//go:embed page.html
var pageText string

//go:embed page.css
var pageStyle string

const (
	// topConnections is how many of the page's orders are shown.
	topConnections = 20
	// refreshEvery is how often the page asks again, while nobody stops it.
	refreshEvery = 5 * time.Second
	// certificateSoon is when the page begins to warn. Certificates are renewed
	// long before.
	certificateSoon = 7 * 24 * time.Hour
)

// page is the status page.
type page struct {
	pod      Pod
	template *template.Template
	policy   string
}

// view is what the template shows. All of its texts may be an attacker's: the
// template escapes them by where they stand.
type view struct {
	*control.State
	Top     *control.Connections
	Style   template.CSS
	Refresh int
	Sort    control.Sort
	Sorts   []control.Sort
}

func newPage(pod Pod) *page {
	// The style is allowed by its hash, and nothing else is: no script, no image,
	// no frame, no form, nothing from elsewhere.
	sum := sha256.Sum256([]byte(pageStyle))
	return &page{
		pod: pod,
		policy: "default-src 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) +
			"'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
		template: template.Must(template.New("page").Funcs(template.FuncMap{
			"ago": ago, "until": remaining, "bytes": sized, "when": when, "lower": strings.ToLower, "soon": soon, "join": strings.Join,
			"plain": func(d contract.Duration) string { return time.Duration(d).String() },
		}).Parse(pageText)),
	}
}

func (p *page) serve(w http.ResponseWriter, r *http.Request) {
	shown := &view{
		State: p.pod.State(), Style: template.CSS(pageStyle), //nolint:gosec // our own file
		Refresh: int(refreshEvery.Seconds()), Sort: control.SortRate,
		Sorts: []control.Sort{control.SortRate, control.SortBytes, control.SortMessages, control.SortIdle, control.SortOpened, control.SortNewest},
	}
	query := r.URL.Query()
	if query.Get("refresh") == "off" {
		shown.Refresh = 0
	}
	for _, sort := range shown.Sorts {
		if query.Get("sort") == string(sort) {
			shown.Sort = sort
		}
	}
	shown.Top = p.pod.Connections(&control.Listing{Sort: shown.Sort, Limit: topConnections})
	// Whole before the first byte is sent: half a page would look like good news.
	var text bytes.Buffer
	if err := p.template.Execute(&text, shown); err != nil {
		fail(w, err)
		return
	}
	for name, value := range map[string]string{
		"Content-Type": "text/html; charset=utf-8", "Content-Security-Policy": p.policy, "X-Content-Type-Options": "nosniff",
		"X-Frame-Options": "DENY", "Referrer-Policy": "no-referrer", "Cross-Origin-Opener-Policy": "same-origin",
		"Cross-Origin-Resource-Policy": "same-origin", "Cache-Control": "no-store",
	} {
		w.Header().Set(name, value)
	}
	_, _ = w.Write(text.Bytes())
}

// when is a time for people.
func when(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05Z") }

// ago is how long something has been, at most in two units.
func ago(now, then time.Time) string { return rough(now.Sub(then)) }

// remaining is how long something will be; "over" when it has been.
func remaining(now, then time.Time) string {
	if !then.After(now) {
		return "over"
	}
	return rough(then.Sub(now))
}

func soon(now, then time.Time) bool { return then.Sub(now) < certificateSoon }

func rough(d time.Duration) string {
	d = max(d, 0).Round(time.Second)
	days, hours, minutes := int(d.Hours())/24, int(d.Hours())%24, int(d.Minutes())%60
	switch {
	case days > 0:
		return fmt.Sprintf("%dd %dh", days, hours)
	case hours > 0:
		return fmt.Sprintf("%dh %dm", hours, minutes)
	case minutes > 0:
		return fmt.Sprintf("%dm %ds", minutes, int(d.Seconds())%60)
	}
	return fmt.Sprintf("%ds", int(d.Seconds()))
}

// sized is a number of bytes for people.
func sized(n uint64) string {
	const unit = 1024
	if n < unit {
		return fmt.Sprintf("%d B", n)
	}
	value, names := float64(n)/unit, "KMGTPE"
	for value >= unit && len(names) > 1 {
		value, names = value/unit, names[1:]
	}
	return fmt.Sprintf("%.1f %ciB", value, names[0])
}
