// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package browser_test

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"image"
	"image/color"
	"image/draw"
	"image/png"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"github.com/wsgateway/websocket-gateway-operator/gateway"
	"github.com/wsgateway/websocket-gateway-operator/gateway/contract"
	"github.com/wsgateway/websocket-gateway-operator/gateway/control"
	"github.com/wsgateway/websocket-gateway-operator/test/edge"
	"github.com/wsgateway/websocket-gateway-operator/test/wstest"
)

// pictureFile, if set, is where the picture of the status page is written.
const pictureFile = "WSGW_PICTURE"

// watched is a gateway with connections, and its status page.
type watched struct {
	audit *wstest.Journal
	page  string
	ca    *wstest.CA
	// public is where clients connect.
	public string
	open   []*websocket.Conn
}

// watch runs a gateway with a bit of everything that the page shows.
func watch(t *testing.T) *watched {
	t.Helper()
	echo, root := wstest.Echo(t), wstest.NewRoot(t)
	w := &watched{audit: &wstest.Journal{}, ca: wstest.NewCA(t)}
	root.TLSSecret(t, "public-tls", w.ca.Issue(t, "ws.example.com"))
	keys := map[string][]byte{}
	for i := range 8 {
		keys[fmt.Sprintf("device-%d", i)] = apiKey(i)
	}
	root.Secret(t, "device-keys", keys)
	root.Config(t, watchedConfig(), contract.Endpoints{Backends: map[string]contract.BackendEndpoints{"echo:8080": {Addresses: []string{echo.Address}}}})
	logs := &wstest.Journal{}
	holdRecords(t, w.audit)
	e := edge.Start(t, logs, gateway.Options{
		Root: root.Path, BindPorts: map[string]int32{"public": 0, "partners": 0}, ControlAddress: "127.0.0.1:0",
		PodName: "wsgw-edge-7d9c5b6f4-x2x8v", Version: "v0.1.0", Audit: w.audit, Logger: slog.New(slog.NewJSONHandler(logs, nil)),
	})
	w.page, w.public = "http://"+e.Addresses[gateway.ControlName], e.Addresses["public"]
	return w
}

func apiKey(i int) []byte { return fmt.Appendf(nil, "%032d", i) }

func watchedConfig() contract.Config {
	policy := contract.Policy{
		Name: "devices", Methods: []contract.Method{{APIKey: &contract.APIKey{Secret: "device-keys", From: []contract.Source{{Header: "X-Api-Key"}}}}},
		Origins: &contract.Origins{Allow: []string{"https://app.example.com"}, AllowMissing: true},
	}
	route := func(name string) contract.Route {
		return contract.Route{
			Name: name, Hostnames: []string{"ws.example.com"}, Path: contract.Path{Prefix: "/" + name}, Policy: "devices", Backends: []contract.Backend{{Name: "echo:8080"}},
		}
	}
	broken := route("reports")
	broken.Backends, broken.Fault = nil, contract.FaultBackendNotFound
	listener := contract.Listener{
		Name: "public", Port: 443, BindPort: 10443, Hostnames: []string{"ws.example.com"}, MinTLSVersion: "1.2", CertificateSecret: "public-tls",
	}
	partners := listener
	partners.Name, partners.Port, partners.BindPort, partners.Hostnames, partners.CertificateSecret = "partners", 8443, 8443, []string{"partners.example.com"}, "partners-tls"
	return contract.Config{
		Gateway: contract.GatewayRef{Namespace: "shop", Name: "edge"}, Listeners: []contract.Listener{listener, partners},
		Policies: []contract.Policy{policy}, Routes: []contract.Route{route("chat"), broken, route("telemetry")},
	}
}

// connect opens a connection, has it talk, and keeps it open.
func (w *watched) connect(t *testing.T, device int, path string, messages int) {
	t.Helper()
	dialer := wstest.Dialer{Address: w.public, CAs: w.ca.Pool, Header: http.Header{"X-Api-Key": {string(apiKey(device))}}}
	conn := dialer.MustDial(t, gatewayURL+path)
	for range messages {
		if err := conn.WriteMessage(websocket.TextMessage, []byte(strings.Repeat("tick ", 20*(device+1)))); err != nil {
			t.Fatal(err)
		}
		if _, _, err := conn.ReadMessage(); err != nil {
			t.Fatal(err)
		}
	}
	w.open = append(w.open, conn)
}

// browser runs one without a window to its end and returns what it prints.
func browser(t *testing.T, flags ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), visitTime)
	defer cancel()
	home := t.TempDir()
	command := exec.CommandContext(ctx, "chromium", append([]string{
		"--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run", "--no-proxy-server",
		"--disable-background-networking", "--disable-component-update", "--disable-sync", "--hide-scrollbars", "--user-data-dir=" + home,
	}, flags...)...)
	command.Env, command.WaitDelay = append(os.Environ(), "HOME="+home), time.Second
	out, err := command.Output()
	if err != nil {
		t.Fatalf("Chromium: %v; on Debian: apt-get install chromium", err)
	}
	return string(out)
}

func TestTheStatusPageShowsThePodAndRunsNothing(t *testing.T) {
	w := watch(t)
	for i := range 8 {
		w.connect(t, i, []string{"/chat/room/5", "/telemetry/plant-2"}[i%2], 3*i)
	}
	if file := os.Getenv(pictureFile); file != "" {
		w.picture(t, file)
	}
	// What a client can choose: of everything on the page, the path.
	w.connect(t, 1, "/chat/%3Cscript%3Edocument.title='owned'%3C/script%3E", 1)
	w.connect(t, 1, "/chat/<img/src=x/onerror=document.title='owned'>", 1)
	w.connect(t, 1, "/chat/{{.}}%22%27%3E%3Csvg/onload=document.title='owned'%3E", 1)
	shown := browser(t, "--dump-dom", "--virtual-time-budget=3000", w.page+"/?refresh=off&sort=newest")
	for _, want := range []string{
		"<title>shop/edge wsgw-edge-7d9c5b6f4-x2x8v: ready</title>", `id="connections"`, "device-7", "/telemetry/plant-2",
		"create the Secret partners-tls", "503: backend_not_found", "onerror=document.title", "device-keys",
	} {
		if !strings.Contains(shown, want) {
			t.Errorf("the page does not show %q", want)
		}
	}
	for _, element := range []string{"<script", "<img", "<svg", "<iframe"} {
		if strings.Contains(shown, element) {
			t.Errorf("the page has an element %s", element)
		}
	}
	if t.Failed() {
		t.Logf("%s", shown)
	}
}

// picture writes what the page looks like.
func (w *watched) picture(t *testing.T, file string) {
	t.Helper()
	path, err := filepath.Abs(filepath.Join("..", "..", file))
	if err != nil {
		t.Fatal(err)
	}
	// The rates are those of the last look at the traffic, and it takes some seconds.
	for _, conn := range w.open {
		go func() {
			for conn.WriteMessage(websocket.TextMessage, []byte("tick")) == nil {
				if _, _, err := conn.ReadMessage(); err != nil {
					return
				}
				time.Sleep(50 * time.Millisecond)
			}
		}()
	}
	time.Sleep(7 * time.Second)
	browser(t, "--screenshot="+path, "--window-size=1280,1240", w.page+"/?refresh=off")
	shrink(t, path)
}

// shrink leaves a picture the colours that it has most of: text needs no more.
func shrink(t *testing.T, path string) {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	full, err := png.Decode(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	bounds, count := full.Bounds(), map[color.Color]int{}
	for y := range bounds.Dy() {
		for x := range bounds.Dx() {
			count[full.At(x, y)]++
		}
	}
	colours := slices.SortedFunc(maps.Keys(count), func(a, b color.Color) int {
		return cmp.Or(cmp.Compare(count[b], count[a]), strings.Compare(fmt.Sprint(a), fmt.Sprint(b)))
	})
	small := image.NewPaletted(bounds, colours[:min(len(colours), 48)])
	draw.Draw(small, bounds, full, bounds.Min, draw.Src)
	var out bytes.Buffer
	if err := (&png.Encoder{CompressionLevel: png.BestCompression}).Encode(&out, small); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, out.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
}

// What pages of others can send to localhost without asking first must change
// nothing and tell nothing.
func TestAPageOfOthersReachesNothing(t *testing.T) {
	w := watch(t)
	w.connect(t, 1, "/chat", 1)
	told := make(chan string, 1)
	mux := http.NewServeMux()
	mux.HandleFunc("POST /told", func(_ http.ResponseWriter, r *http.Request) {
		text, _ := io.ReadAll(io.LimitReader(r.Body, 64<<10))
		told <- string(text)
	})
	mux.HandleFunc("GET /{$}", func(out http.ResponseWriter, _ *http.Request) {
		out.Header().Set("Content-Type", "text/html; charset=utf-8")
		_, _ = fmt.Fprintf(out, othersPage, w.page, control.PathClose, control.PathDrain, control.Header)
	})
	others := httptest.NewServer(mux)
	t.Cleanup(others.Close)
	browser(t, "--dump-dom", "--virtual-time-budget=15000", "--disable-features=LocalNetworkAccessChecks", others.URL+"/")
	select {
	case text := <-told:
		for line := range strings.SplitSeq(text, "\n") {
			if strings.Contains(line, "shop/edge") || strings.Contains(line, "device-1") || strings.HasPrefix(line, "200") {
				t.Errorf("a page got %q", line)
			}
		}
		if strings.Count(text, "\n") < 6 {
			t.Errorf("the page has not tried everything: %q", text)
		}
	case <-time.After(visitTime):
		t.Fatal("the page has told nothing")
	}
	if err := w.open[0].WriteMessage(websocket.TextMessage, []byte("still there")); err != nil {
		t.Error(err)
	}
	if _, text, err := w.open[0].ReadMessage(); err != nil || string(text) != "still there" {
		t.Errorf("the connection: %q, %v", text, err)
	}
	if strings.Contains(w.audit.String(), `administered`) {
		t.Errorf("a page has ordered something:\n%s", w.audit)
	}
}

// othersPage tries what browsers let a page try with another origin.
const othersPage = `<!doctype html><title>others</title><script>
const base = %q, close = base + %q, drain = base + %q, header = %q
const order = JSON.stringify({route: "chat", atMost: 100, claimedBy: "a page"})
const tries = [
  () => fetch(base + "/state").then(r => r.text()),
  () => fetch(base + "/connections", {mode: "no-cors"}).then(r => r.status + " " + r.type),
  () => fetch(close, {method: "POST", mode: "no-cors", body: order}).then(r => r.status + " " + r.type),
  () => fetch(close, {method: "POST", mode: "no-cors", headers: {"Content-Type": "text/plain"}, body: order}).then(r => r.status + " " + r.type),
  () => fetch(close, {method: "POST", headers: {"Content-Type": "application/json", [header]: "1"}, body: order}).then(r => r.text()),
  () => fetch(drain, {method: "POST", headers: {[header]: "1"}, body: order}).then(r => r.text()),
  () => new Promise(done => {
    const frame = document.createElement("iframe")
    frame.onload = () => { try { done(frame.contentDocument.body.innerText) } catch (e) { done("closed: " + e.name) } }
    frame.src = base + "/"
    document.body.append(frame)
  }),
]
onload = async () => {
  let text = ""
  for (const one of tries) {
    try { text += (await one()).slice(0, 500).replaceAll("\n", " ") + "\n" } catch (e) { text += "refused: " + e.name + "\n" }
  }
  await fetch("/told", {method: "POST", body: text})
}
</script><body></body>
`
