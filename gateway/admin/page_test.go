// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package admin_test

import (
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"reflect"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/html"

	"github.com/wsgateway/websocket-gateway-operator/gateway/control"
)

// hostile is what a client, or a backend, may want a page to show.
const hostile = `"'><script>alert(1)</script><img src=x onerror=alert(2)>{{.}}javascript:alert(3)</style></title>`

// fill puts hostile texts wherever a text can be, and times and numbers elsewhere.
func fill(v reflect.Value) {
	switch v.Kind() {
	case reflect.String:
		v.SetString(hostile)
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Int, reflect.Int32, reflect.Int64:
		v.SetInt(7)
	case reflect.Uint64:
		v.SetUint(7)
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(v.Elem())
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 2, 2))
		fill(v.Index(0))
		fill(v.Index(1))
	case reflect.Map:
		value := reflect.New(v.Type().Elem()).Elem()
		fill(value)
		v.Set(reflect.MakeMap(v.Type()))
		v.SetMapIndex(reflect.ValueOf(hostile), value)
	case reflect.Struct:
		if _, ok := reflect.TypeAssert[time.Time](v); ok {
			v.Set(reflect.ValueOf(time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC)))
			return
		}
		for _, field := range v.Fields() {
			fill(field)
		}
	default:
		panic(v.Kind().String())
	}
}

func hostilePod() *pod {
	p := newPod()
	fill(reflect.ValueOf(p.state).Elem())
	fill(reflect.ValueOf(p.connections).Elem())
	return p
}

// elements are those of the page with all attributes that they may have.
var elements = map[string]string{
	"html": "lang", "head": "", "meta": "charset name content http-equiv", "title": "", "style": "", "body": "", "header": "", "h1": "", "h2": "",
	"span": "id class", "code": "", "nav": "", "a": "href", "dl": "class", "div": "class", "dt": "", "dd": "id", "p": "class id", "strong": "",
	"table": "id", "tbody": "", "tr": "", "th": "class", "td": "class colspan", "footer": "",
}

func TestWhatClientsChoseIsTextOnThePage(t *testing.T) {
	t.Parallel()
	for _, target := range []string{"/", "/?refresh=off&sort=bytes", "/?sort=" + "%22%3E%3Cscript%3E"} {
		answer := ask(hostilePod(), http.MethodGet, target, "", nil)
		if answer.Code != http.StatusOK {
			t.Fatalf("status %d: %s", answer.Code, answer.Body)
		}
		document, err := html.Parse(strings.NewReader(answer.Body.String()))
		if err != nil {
			t.Fatal(err)
		}
		shown := 0
		for node := range document.Descendants() {
			if node.Type == html.TextNode && strings.Contains(node.Data, hostile) {
				shown++
			}
			if node.Type == html.ElementNode {
				allowed, known := elements[node.Data]
				if !known {
					t.Errorf("the page has an element %s", node.Data)
				}
				for _, attribute := range node.Attr {
					if !strings.Contains(" "+allowed+" ", " "+attribute.Key+" ") {
						t.Errorf("%s has an attribute %s=%q", node.Data, attribute.Key, attribute.Val)
					}
					if attribute.Key == "href" && !strings.HasPrefix(attribute.Val, "/") {
						t.Errorf("a link leads to %q", attribute.Val)
					}
				}
			}
		}
		if shown < 30 {
			t.Errorf("%s: hostile texts are shown in %d places only: is the page complete?", target, shown)
		}
	}
}

func TestThePageLoadsNothingAndIsInNoFrame(t *testing.T) {
	t.Parallel()
	answer := ask(hostilePod(), http.MethodGet, "/", "", nil)
	_, style, _ := strings.Cut(answer.Body.String(), "<style>")
	style, _, _ = strings.Cut(style, "</style>")
	sum := sha256.Sum256([]byte(style))
	want := "default-src 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
	if got := answer.Header().Get("Content-Security-Policy"); got != want || len(style) < 500 {
		t.Errorf("policy %s\nwant   %s", got, want)
	}
	for name, want := range map[string]string{
		"X-Content-Type-Options": "nosniff", "X-Frame-Options": "DENY", "Referrer-Policy": "no-referrer", "Cache-Control": "no-store",
		"Content-Type": "text/html; charset=utf-8",
	} {
		if got := answer.Header().Get(name); got != want {
			t.Errorf("%s: %q", name, got)
		}
	}
}

func TestThePageRefreshesUntilSomebodyStopsIt(t *testing.T) {
	t.Parallel()
	for target, want := range map[string]bool{"/": true, "/?sort=bytes": true, "/?refresh=off": false} {
		if got := strings.Contains(ask(newPod(), http.MethodGet, target, "", nil).Body.String(), `http-equiv="refresh"`); got != want {
			t.Errorf("%s: refreshes %v", target, got)
		}
	}
	p := newPod()
	ask(p, http.MethodGet, "/?sort=idle", "", nil)
	if listing := (<-p.orders).(*control.Listing); listing.Sort != control.SortIdle || listing.Limit != 20 {
		t.Errorf("asked for %+v", listing)
	}
}

func TestThePageTellsWhenADrainIsOver(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		drain      control.Drain
		want, miss string
	}{
		"none":        {control.Drain{State: control.DrainNone}, "Problems", "drained by hand"},
		"by hand":     {control.Drain{State: control.DrainDone, Until: new(time.Date(2026, 3, 4, 13, 0, 0, 0, time.UTC))}, "Over by itself 2026-03-04 13:00:00Z", "stopping"},
		"of the end":  {control.Drain{State: control.DrainClosing, Stopping: true}, "The pod is stopping", "--undo"},
		"without one": {control.Drain{State: control.DrainClosing}, "--undo", "Over by itself"},
	} {
		p := newPod()
		p.state.Drain = tt.drain
		if body := ask(p, http.MethodGet, "/", "", nil).Body.String(); !strings.Contains(body, tt.want) || strings.Contains(body, tt.miss) {
			t.Errorf("%s: no %q, or %q, in\n%s", name, tt.want, tt.miss, body)
		}
	}
}
