// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package main_test

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"github.com/wsgateway/websocket-gateway-operator/test/wstest"
)

const (
	sample = "../../config/samples/standalone"
	url    = "wss://ws.example.com/chat"
	origin = "https://app.example.com"
)

// What a busy machine keeps the program waiting for a processor does not count,
// what the program itself does with one always does.
func TestReadyWithinASecond(t *testing.T) {
	var best time.Duration
	for i := range 5 {
		p := launch(t, plainProgram, "run", "-f", sample, "--port", "public=0")
		t.Logf("ready after %v: ran for %v, waited for a processor for %v", p.readyAfter, p.ran, p.starved)
		if took := max(p.ran, p.readyAfter-p.starved); i == 0 || took < best {
			best = took
		}
		if err := p.stop(t); err != nil {
			t.Fatalf("end: %v\n%s", err, p.err.all())
		}
	}
	if best > time.Second {
		t.Errorf("the fastest of five runs was ready after %v, want at most one second", best)
	}
}

func TestTheSampleAsItStands(t *testing.T) {
	t.Parallel()
	echo := wstest.Echo(t)
	state := t.TempDir()
	p := launch(t, program, "run", "-f", sample, "--state", state, "--port", "public=0",
		"--backend", "default/echo:8080="+echo.Address)
	bearer := "Bearer " + token(t, time.Hour)
	tests := map[string]struct {
		header       []string
		subprotocols []string
		want         int
	}{
		"a token in the header":       {header: []string{"Origin", origin, "Authorization", bearer}, want: 101},
		"a token as subprotocol":      {header: []string{"Origin", origin}, subprotocols: []string{"bearer", token(t, time.Hour)}, want: 101},
		"no token":                    {header: []string{"Origin", origin}, want: 401},
		"an expired token":            {header: []string{"Origin", origin, "Authorization", "Bearer " + token(t, -time.Hour)}, want: 401},
		"a foreign page":              {header: []string{"Origin", "https://evil.example.com", "Authorization", bearer}, want: 403},
		"no page where one is needed": {header: []string{"Authorization", bearer}, want: 403},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			dialer := p.dialer(t, "public", state, headers(test.header...), test.subprotocols...)
			if got := status(t, dialer, url); got != test.want {
				t.Errorf("status %d, want %d; standard error:\n%s", got, test.want, p.err.all())
			}
		})
	}
	conn := p.dialer(t, "public", state, headers("Origin", origin, "Authorization", bearer)).MustDial(t, url)
	if err := conn.WriteMessage(websocket.TextMessage, []byte("hello")); err != nil {
		t.Fatal(err)
	}
	if _, data, err := conn.ReadMessage(); err != nil || string(data) != "hello" {
		t.Errorf("echo %q, %v", data, err)
	}
	if strings.Contains(p.out.all()+p.err.all(), strings.TrimPrefix(bearer, "Bearer ")) {
		t.Error("the token is in the output")
	}
}

func TestWithoutPortAListenerBindsItsContainerPort(t *testing.T) {
	t.Parallel()
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_, port, err := net.SplitHostPort(free.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	if err := free.Close(); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "gateway.yaml")
	write(t, file, strings.Replace(edited(0), "port: 443", "port: "+port, 1))
	p := launch(t, program, "run", "-f", file, "-f", filepath.Join(sample, "jwks.yaml"))
	if got, want := p.addresses["public"], "127.0.0.1:"+port; got != want {
		t.Errorf("bound %s, want %s", got, want)
	}
	if len(p.addresses) != 1 {
		t.Errorf("there is a port that nobody asked for: %v", p.addresses)
	}
}

func TestTheControlPortOfARunShowsAndCloses(t *testing.T) {
	t.Parallel()
	echo := wstest.Echo(t)
	state := t.TempDir()
	p := launch(t, program, "run", "-f", sample, "--state", state, "--port", "public=0", "--control-port", "0",
		"--backend", "default/echo:8080="+echo.Address)
	at := p.addresses["control"]
	if !strings.HasPrefix(at, "127.0.0.1:") {
		t.Fatalf("addresses %v", p.addresses)
	}
	conn := p.dialer(t, "public", state, headers("Origin", origin, "Authorization", "Bearer "+token(t, time.Hour))).MustDial(t, url)
	eventually(t, "the status page shows the connection", func() bool {
		return strings.Contains(fetched(t, http.MethodGet, "http://"+at+"/", ""), "somebody")
	})
	if said := fetched(t, http.MethodPost, "http://"+at+"/close", `{"route":"chat","atMost":1,"claimedBy":"ann"}`); !strings.Contains(said, `"matched":1`) {
		t.Errorf("close: %s", said)
	}
	if _, _, err := conn.ReadMessage(); !websocket.IsCloseError(err, websocket.CloseGoingAway) {
		t.Errorf("closed by %v", err)
	}
	p.out.await(t, 1, `"closed_by_administrator"`)
	// The records are where they are looked for: those of the files, opened, the order.
	if checked, err := schema.CheckAll(p.out.all() + "\n"); checked < 5 || err != nil {
		t.Errorf("%d records fit the schema; %v", checked, err)
	}
}

// fetched asks the control port.
func fetched(t *testing.T, method, address, document string) string {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, address, strings.NewReader(document))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("X-Wsgateway-Control", "1")
	response, err := (&http.Client{Timeout: 20 * time.Second}).Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}

func TestARouteWithoutABackendAnswers503(t *testing.T) {
	t.Parallel()
	state := t.TempDir()
	p := launch(t, program, "run", "-f", sample, "--state", state, "--port", "public=0")
	dialer := p.dialer(t, "public", state, headers("Origin", origin, "Authorization", "Bearer "+token(t, time.Hour)))
	if got := status(t, dialer, url); got != 503 {
		t.Errorf("status %d, want 503", got)
	}
	if len(p.err.find("add --backend")) == 0 {
		t.Errorf("standard error does not say what to do:\n%s", p.err.all())
	}
}

func TestConnectionsLiveThroughEdits(t *testing.T) {
	const connections, edits = 300, 40
	echo := wstest.Echo(t)
	state, file := t.TempDir(), filepath.Join(t.TempDir(), "gateway.yaml")
	write(t, file, edited(edits+1))
	p := launch(t, program, "run", "-f", file, "-f", filepath.Join(sample, "jwks.yaml"), "--state", state,
		"--port", "public=0", "--port", "second=0", "--admin", "127.0.0.1:0", "--backend", "echo="+echo.Address)
	dialer := p.dialer(t, "public", state, headers("Origin", origin, "Authorization", "Bearer "+token(t, time.Hour)))
	talkers := wstest.Talk(t, dialer, url, connections, 100*time.Millisecond)

	refused := 0
	for i := 1; i <= edits; i++ {
		text := edited(i)
		if i%10 == 0 {
			text, refused = invalid(i), refused+1
		}
		if i%2 == 0 {
			write(t, file, text)
		} else {
			replace(t, file, text)
		}
		p.err.await(t, i, "the edit is in force", "the edit is refused")
		if got := len(p.err.find("the edit is refused")); got != refused {
			t.Fatalf("edit %d: %d edits refused, want %d:\n%s", i, got, refused, p.err.all())
		}
	}
	// Every route that an edit added serves, beside the connections of before.
	if got := status(t, dialer, fmt.Sprintf("wss://ws.example.com/edit-%d/x", edits-1)); got != 101 {
		t.Errorf("the route of the last good edit answers %d, want 101", got)
	}
	digest := p.inForce(t)
	if last := p.err.find("the edit is in force"); !strings.Contains(last[len(last)-1], digest) {
		t.Errorf("in force is %s, the last edit was: %s", digest, last[len(last)-1])
	}
	talkers.Stop()
	if ended, _ := talkers.Ended(); len(ended) != 0 {
		t.Errorf("%d of %d connections were closed, the first by: %v", len(ended), connections, ended[0])
	}
	t.Logf("%d messages echoed on %d connections through %d edits, %d of them refused",
		talkers.Echoed(), connections, edits, refused)
	if talkers.Echoed() < connections {
		t.Errorf("only %d messages were echoed", talkers.Echoed())
	}
}

// edited is the sample with another route, policy, limit and, at times, hostname
// and listener.
func edited(i int) string {
	listener, hostnames := "", "ws.example.com"
	if i%3 == 0 {
		hostnames = fmt.Sprintf("ws.example.com, more-%d.example.com", i)
	}
	if i%4 == 1 {
		listener = "  - {name: second, port: 8443, hostnames: [second.example.com], tls: {certificate: {issuerRef: {name: ca}}}}\n"
	}
	return `apiVersion: wsgateway.dev/v1alpha1
kind: WebSocketGateway
metadata: {name: edge}
spec:
  listeners:
  - {name: public, port: 443, hostnames: [` + hostnames + `], tls: {certificate: {issuerRef: {name: ca}}}}
` + listener + `  authPolicies:
  - name: users
    anyOf: [{jwt: {issuer: "https://id.example.com", audiences: [chat, a` + fmt.Sprint(i) + `], algorithms: [ES256], jwks: {configMapRef: {name: jwks}}}}]
    origins: {allow: ["https://app.example.com"]}
  routes:
  - {name: chat, hostnames: [ws.example.com], path: {value: /chat}, authPolicy: users, backendRefs: [{name: echo, port: 8080}]}
  - {name: edit, path: {value: /edit-` + fmt.Sprint(i) + `}, authPolicy: users, backendRefs: [{name: echo, port: 8080}]}
  limits: {maxMessageBytes: ` + fmt.Sprint(100000+i) + `}
  lifecycle: {drain: {window: 1s}}
`
}

func invalid(i int) string {
	switch i % 40 {
	case 10:
		return "kind: [\n"
	case 20:
		return strings.Replace(edited(i), "port: 443", "port: 19000", 1)
	case 30:
		return ""
	default:
		return strings.Replace(edited(i), "authPolicy:", "authorisation:", 1)
	}
}

func write(t *testing.T, file, text string) {
	t.Helper()
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// replace writes beside the file and renames, as editors do.
func replace(t *testing.T, file, text string) {
	t.Helper()
	write(t, file+"~", text)
	if err := os.Rename(file+"~", file); err != nil {
		t.Fatal(err)
	}
}

func TestSIGTERMDrains(t *testing.T) {
	t.Parallel()
	echo := wstest.Echo(t)
	state, file := t.TempDir(), filepath.Join(t.TempDir(), "gateway.yaml")
	write(t, file, edited(0))
	p := launch(t, program, "run", "-f", file, "-f", filepath.Join(sample, "jwks.yaml"), "--state", state,
		"--port", "public=0", "--backend", "echo="+echo.Address)
	dialer := p.dialer(t, "public", state, headers("Origin", origin, "Authorization", "Bearer "+token(t, time.Hour)))
	talkers := wstest.Talk(t, dialer, url, 20, 50*time.Millisecond)
	if err := p.stop(t); err != nil {
		t.Errorf("end: %v", err)
	}
	talkers.Wait()
	ended, _ := talkers.Ended()
	if len(ended) != 20 {
		t.Fatalf("%d connections were closed, want 20", len(ended))
	}
	for _, reason := range ended {
		if !websocket.IsCloseError(reason, websocket.CloseServiceRestart) {
			t.Errorf("closed by %v, want code 1012", reason)
		}
	}
	for event, want := range map[string]int{"opened": 20, "closed": 20} {
		if got := len(p.out.find(fmt.Sprintf("%q:%q", "event.action", event))); got != want {
			t.Errorf("%d audit records %q, want %d", got, event, want)
		}
	}
}

func TestSecretsOfTheManifests(t *testing.T) {
	t.Parallel()
	echo := wstest.Echo(t)
	state, file := t.TempDir(), filepath.Join(t.TempDir(), "gateway.yaml")
	gateway := `apiVersion: wsgateway.dev/v1alpha1
kind: WebSocketGateway
metadata: {name: edge}
spec:
  listeners:
  - {name: public, port: 443, hostnames: [ws.example.com], tls: {certificate: {issuerRef: {name: ca}}}}
  authPolicies:
  - {name: devices, anyOf: [{apiKey: {secretRef: {name: keys}}}]}
  routes:
  - {name: chat, authPolicy: devices, backendRefs: [{name: echo, port: 8080}]}
`
	secret := func(data string) string {
		return gateway + "---\napiVersion: v1\nkind: Secret\nmetadata: {name: keys}\n" + data + "\n"
	}
	write(t, file, secret("stringData: {sensor: first-key-of-sixteen}"))
	p := launch(t, program, "run", "-f", file, "--state", state, "--port", "public=0", "--backend", "echo:8080="+echo.Address)
	try := func(key string) int {
		return status(t, p.dialer(t, "public", state, headers("X-API-Key", key)), url)
	}
	if got := try("first-key-of-sixteen"); got != 101 {
		t.Fatalf("the key answers %d, want 101:\n%s\n%s", got, p.err.all(), p.out.all())
	}
	path := filepath.Join(state, "secrets", "keys", "sensor")
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%s: mode %v, want 0600 (%v)", path, info.Mode(), err)
	}

	replace(t, file, secret("data: {sensor: c2Vjb25kLWtleS1vZi1zaXh0ZWVu}"))
	p.err.await(t, 1, "the edit is in force")
	eventually(t, "the new key opens and the old one does not", func() bool {
		return try("second-key-of-sixteen") == 101 && try("first-key-of-sixteen") == 401
	})
	replace(t, file, gateway)
	p.err.await(t, 2, "the edit is in force")
	eventually(t, "a policy whose Secret has gone answers 503", func() bool { return try("second-key-of-sixteen") == 503 })
	if text := p.out.all() + p.err.all(); strings.Contains(text, "first-key-of-sixteen") || strings.Contains(text, "second-key-of-sixteen") {
		t.Error("a key is in the output")
	}
}

func eventually(t *testing.T, what string, is func() bool) {
	t.Helper()
	deadline := time.Now().Add(time.Minute)
	for !is() {
		if time.Now().After(deadline) {
			t.Fatalf("not so: %s", what)
		}
		time.Sleep(50 * time.Millisecond)
	}
}

func TestTheStateFolderIsUsedAgain(t *testing.T) {
	t.Parallel()
	state := filepath.Join(t.TempDir(), "new", "state")
	files := []string{"ca.crt", "ca.key", "secrets/wsgw-edge.public/tls.crt"}
	var earlier []string
	for i := range 2 {
		p := launch(t, program, "run", "-f", sample, "--state", state, "--port", "public=0")
		if err := p.stop(t); err != nil {
			t.Fatal(err)
		}
		for j, name := range files {
			data, err := os.ReadFile(filepath.Join(state, name))
			if err != nil {
				t.Fatal(err)
			}
			if i == 0 {
				earlier = append(earlier, string(data))
			} else if earlier[j] != string(data) {
				t.Errorf("%s is another one in the second run", name)
			}
		}
	}
	first := launch(t, program, "run", "-f", sample, "--state", state, "--port", "public=0")
	second := begin(t, program, nil, "run", "-f", sample, "--state", state, "--port", "public=0")
	if err := second.wait(t); err == nil || len(second.err.find("another wsgw runs")) != 1 {
		t.Errorf("a second run in the same folder ends with %v:\n%s", err, second.err.all())
	}
	if err := first.stop(t); err != nil {
		t.Error(err)
	}
	for name, want := range map[string]os.FileMode{"": 0o700, "ca.key": 0o600, "secrets": 0o700} {
		info, err := os.Stat(filepath.Join(state, name))
		if err != nil || info.Mode().Perm() != want {
			t.Errorf("%q has mode %v, want %v (%v)", name, info.Mode().Perm(), want, err)
		}
	}
}

func TestATemporaryStateFolderIsRemoved(t *testing.T) {
	t.Parallel()
	temporary := t.TempDir()
	p := begin(t, "/usr/bin/env", nil, "TMPDIR="+temporary, program, "run", "-f", sample, "--port", "public=0")
	p.out.await(t, 1, "ready")
	if entries, err := os.ReadDir(temporary); err != nil || len(entries) != 1 {
		t.Errorf("%d folders while it runs (%v)", len(entries), err)
	}
	if err := p.stop(t); err != nil {
		t.Fatal(err)
	}
	if entries, err := os.ReadDir(temporary); err != nil || len(entries) != 0 {
		t.Errorf("%d folders are left (%v)", len(entries), err)
	}
}

func TestManifestsFromStandardInput(t *testing.T) {
	t.Parallel()
	var text []byte
	for _, name := range []string{"gateway.yaml", "jwks.yaml"} {
		data, err := os.ReadFile(filepath.Join(sample, name))
		if err != nil {
			t.Fatal(err)
		}
		text = append(append(text, "---\n"...), data...)
	}
	p := begin(t, program, strings.NewReader(string(text)), "run", "-f", "-", "--port", "public=0")
	p.out.await(t, 1, "ready")
	if err := p.stop(t); err != nil {
		t.Errorf("end: %v", err)
	}
}

func TestWrongInputs(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	file := func(name, text string) string {
		path := filepath.Join(folder, name)
		write(t, path, text)
		return path
	}
	two := edited(0) + "---\n" + strings.Replace(edited(0), "name: edge", "name: other", 1)
	noPair := strings.Replace(edited(0), "issuerRef: {name: ca}", "secretRef: {name: pair}", 1)
	tests := map[string]struct {
		args []string
		exit int
		want string
	}{
		"no command that exists":     {[]string{"serve"}, 2, "unknown command"},
		"no file":                    {[]string{"run"}, 2, "no file"},
		"a file without -f":          {[]string{"run", "gateway.yaml"}, 2, "name files with -f"},
		"an unknown flag":            {[]string{"run", "--files", "x"}, 2, "unknown flag: --files"},
		"a port without a listener":  {[]string{"run", "-f", sample, "--port", "8443"}, 2, "LISTENER=PORT"},
		"a port out of range":        {[]string{"run", "-f", sample, "--port", "public=70000"}, 2, "70000"},
		"a port of no listener":      {[]string{"run", "-f", sample, "--port", "privat=1"}, 2, "the gateway has public"},
		"a port twice":               {[]string{"run", "-f", sample, "--port", "public=1", "--port", "public=2"}, 2, "has a port already"},
		"a backend without a port":   {[]string{"run", "-f", sample, "--backend", "echo=localhost"}, 2, "SERVICE[:PORT]=HOST:PORT"},
		"a backend without a name":   {[]string{"run", "-f", sample, "--backend", "=127.0.0.1:80"}, 2, "SERVICE[:PORT]=HOST:PORT"},
		"a control port elsewhere":   {[]string{"run", "-f", sample, "--control-port", "0.0.0.0:19001"}, 2, "--control-port"},
		"a control port of no range": {[]string{"run", "-f", sample, "--control-port", "70000"}, 2, "70000"},
		"an admin port alone":        {[]string{"run", "-f", sample, "--admin", "9000"}, 2, "HOST:PORT"},
		"a file that is not there":   {[]string{"run", "-f", filepath.Join(folder, "none.yaml")}, 1, "none.yaml"},
		"a folder without manifests": {[]string{"run", "-f", t.TempDir()}, 1, "name the folder that holds them"},
		"no gateway":                 {[]string{"run", "-f", filepath.Join(sample, "jwks.yaml")}, 1, "0 WebSocketGateways"},
		"two gateways":               {[]string{"run", "-f", file("two.yaml", two)}, 1, "2 WebSocketGateways"},
		"a field that is not known":  {[]string{"run", "-f", file("field.yaml", invalid(40))}, 1, "spec.routes[0].authorisation: there is no such field"},
		"no certificate":             {[]string{"run", "-f", file("pair.yaml", noPair)}, 1, "no listener has a certificate"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := begin(t, program, nil, test.args...)
			var exit *exec.ExitError
			if err := p.wait(t); !errors.As(err, &exit) || exit.ExitCode() != test.exit {
				t.Errorf("ended with %v, want exit status %d", err, test.exit)
			}
			if text := p.err.all(); !strings.Contains(text, test.want) || strings.Count(text, "\n") > 0 {
				t.Errorf("standard error is %q, want one line with %q", text, test.want)
			}
			if text := p.out.all(); text != "" {
				t.Errorf("standard output is %q", text)
			}
		})
	}
}
