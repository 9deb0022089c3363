// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package main_test

import (
	"bufio"
	"context"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/debug"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/lestrrat-go/jwx/v3/jwk"

	"github.com/wsgateway/websocket-gateway-operator/test/auditschema"
	"github.com/wsgateway/websocket-gateway-operator/test/wstest"
)

// The programs under test: as a user gets it, and with the race detector when
// the test itself has it.
var plainProgram, program string

// schema is what every audit record of theirs is held against.
var schema *auditschema.Schema

func TestMain(m *testing.M) {
	folder, err := os.MkdirTemp("", "wsgw-test-*")
	if err == nil {
		err = build(folder)
	}
	if err == nil {
		schema, err = auditschema.Load("../../" + auditschema.File)
	}
	code := 1
	if err == nil {
		code = m.Run()
	} else {
		fmt.Fprintln(os.Stderr, "prepare the tests of wsgw:", err)
	}
	if err := os.RemoveAll(folder); err != nil {
		fmt.Fprintln(os.Stderr, err)
	}
	os.Exit(code)
}

func build(folder string) error {
	plainProgram = filepath.Join(folder, "wsgw")
	program = plainProgram
	if out, err := exec.Command("go", "build", "-o", plainProgram, ".").CombinedOutput(); err != nil {
		return fmt.Errorf("%w\n%s", err, out)
	}
	info, _ := debug.ReadBuildInfo()
	for _, setting := range info.Settings {
		if setting.Key == "-race" && setting.Value == "true" {
			program = filepath.Join(folder, "wsgw-race")
			if out, err := exec.Command("go", "build", "-race", "-o", program, ".").CombinedOutput(); err != nil {
				return fmt.Errorf("%w\n%s", err, out)
			}
		}
	}
	return nil
}

// output keeps the lines that a program writes. It may be used concurrently.
type output struct {
	mu    sync.Mutex
	lines []string
	more  chan struct{}
	// end is closed when nothing more will come.
	end chan struct{}
}

func newOutput() *output { return &output{more: make(chan struct{}, 1), end: make(chan struct{})} }

func (o *output) follow(from io.Reader) {
	defer close(o.end)
	scanner := bufio.NewScanner(from)
	scanner.Buffer(nil, 1<<20)
	for scanner.Scan() {
		o.mu.Lock()
		o.lines = append(o.lines, scanner.Text())
		o.mu.Unlock()
		select {
		case o.more <- struct{}{}:
		default:
		}
	}
}

// find returns the lines that hold text.
func (o *output) find(text string) []string {
	o.mu.Lock()
	defer o.mu.Unlock()
	var found []string
	for _, line := range o.lines {
		if strings.Contains(line, text) {
			found = append(found, line)
		}
	}
	return found
}

func (o *output) all() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return strings.Join(o.lines, "\n")
}

// await waits until n lines hold one of the texts. It has one reader at a time.
func (o *output) await(t *testing.T, n int, texts ...string) {
	t.Helper()
	timeout := time.After(time.Minute)
	for {
		found := 0
		for _, text := range texts {
			found += len(o.find(text))
		}
		if found >= n {
			return
		}
		select {
		case <-o.more:
		case <-o.end:
			t.Fatalf("the program has ended without %d lines with %q:\n%s", n, texts, o.all())
		case <-timeout:
			t.Fatalf("waited for %d lines with %q, got:\n%s", n, texts, o.all())
		}
	}
}

// process is a running wsgw.
type process struct {
	cmd        *exec.Cmd
	out, err   *output
	ended      chan error
	readyAfter time.Duration
	// ran is the processor's time of that, starved the time for which threads
	// of the program and of the test had to wait for a processor.
	ran, starved time.Duration
	addresses    map[string]string
	readingDone  sync.WaitGroup
}

// launch runs a program and waits for "ready".
func launch(t *testing.T, path string, args ...string) *process {
	t.Helper()
	_, before := scheduled(os.Getpid())
	started := time.Now()
	p := begin(t, path, nil, args...)
	p.out.await(t, 1, "ready")
	p.readyAfter = time.Since(started)
	_, after := scheduled(os.Getpid())
	p.ran, p.starved = scheduled(p.cmd.Process.Pid)
	p.starved += after - before
	p.addresses = map[string]string{}
	for _, field := range strings.Fields(p.out.find("ready")[0])[1:] {
		name, address, _ := strings.Cut(field, "=")
		p.addresses[name] = address
	}
	return p
}

func begin(t *testing.T, path string, stdin io.Reader, args ...string) *process {
	t.Helper()
	p := &process{
		cmd: exec.Command(path, args...), out: newOutput(), err: newOutput(), ended: make(chan error, 1),
	}
	p.cmd.Stdin = stdin
	stdout, err := p.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	stderr, err := p.cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	p.readingDone.Go(func() { p.out.follow(stdout) })
	p.readingDone.Go(func() { p.err.follow(stderr) })
	go func() {
		p.readingDone.Wait()
		p.ended <- p.cmd.Wait()
	}()
	t.Cleanup(func() {
		_ = p.cmd.Process.Kill()
		p.readingDone.Wait()
		if races := p.err.find("DATA RACE"); len(races) > 0 {
			t.Errorf("data race in wsgw:\n%s", p.err.all())
		}
		if _, err := schema.CheckAll(p.out.all() + "\n"); err != nil {
			t.Error(err)
		}
	})
	return p
}

// stop sends SIGTERM and waits for the end.
func (p *process) stop(t *testing.T) error {
	t.Helper()
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	return p.wait(t)
}

func (p *process) wait(t *testing.T) error {
	t.Helper()
	select {
	case err := <-p.ended:
		return err
	case <-time.After(time.Minute):
		t.Fatalf("wsgw does not end; standard error:\n%s", p.err.all())
		return nil
	}
}

// inForce asks the admin port which configuration is in force.
func (p *process) inForce(t *testing.T) string {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+p.addresses["admin"]+"/report", nil)
	if err != nil {
		t.Fatal(err)
	}
	response, err := (&http.Client{Timeout: time.Minute}).Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	var report struct {
		Files map[string]struct{ InForce string }
	}
	if err := json.NewDecoder(response.Body).Decode(&report); err != nil {
		t.Fatal(err)
	}
	return report.Files["config.json"].InForce
}

// dialer opens connections to a listener, trusting the CA of the state folder.
func (p *process) dialer(t *testing.T, listener, state string, header http.Header, subprotocols ...string) wstest.Dialer {
	t.Helper()
	ca, err := os.ReadFile(filepath.Join(state, "ca.crt"))
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(ca) {
		t.Fatal("ca.crt holds no certificate")
	}
	return wstest.Dialer{Address: p.addresses[listener], CAs: pool, Header: header, Subprotocols: subprotocols}
}

// status opens a connection and returns the status of the answer.
func status(t *testing.T, dialer wstest.Dialer, url string) int {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	conn, response, err := dialer.Dial(ctx, url)
	if conn != nil {
		_ = conn.Close()
	}
	if response == nil {
		t.Fatalf("no answer: %v", err)
	}
	return response.StatusCode
}

// signingKey is the private half of the key in config/samples/standalone, as
// printed in RFC 7517 appendix A.2.
const signingKey = `{"kty":"EC","crv":"P-256","kid":"1","alg":"ES256",
	"x":"MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4",
	"y":"4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM",
	"d":"870MB6gfuTJ4HtUnUvYMyJpr5eUZNP4Bk43bVdj3eAE"}`

// token is a JWT that the sample's policy admits, if it lives.
func token(t *testing.T, lifetime time.Duration) string {
	t.Helper()
	return tokenFor(t, "chat", lifetime)
}

func tokenFor(t *testing.T, audience string, lifetime time.Duration) string {
	t.Helper()
	key, err := jwk.ParseKey([]byte(signingKey))
	if err != nil {
		t.Fatal(err)
	}
	return wstest.Token(t, key, "somebody", audience, lifetime)
}

func headers(pairs ...string) http.Header {
	header := http.Header{}
	for i := 0; i < len(pairs); i += 2 {
		header.Set(pairs[i], pairs[i+1])
	}
	return header
}
