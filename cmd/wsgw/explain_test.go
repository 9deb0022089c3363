// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package main_test

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write what the tests find into the golden files")

const (
	explained = "testdata/explain"
	deviceKey = "0123456789abcdef0123456789abcdef"
	wrongKey  = "fedcba9876543210fedcba9876543210"
)

// explanation runs wsgw explain on the manifests of testdata/explain.
func explanation(t *testing.T, stdin string, args ...string) (out, log string, exit int) {
	t.Helper()
	return finished(t, stdin, append([]string{"explain", "-f", explained}, args...)...)
}

// finished is what the program says, and how it ends.
func finished(t *testing.T, stdin string, args ...string) (out, log string, exit int) {
	t.Helper()
	return endedWith(t, exec.Command(program, args...), stdin)
}

// finishedAs starts the program by another name.
func finishedAs(t *testing.T, name string, args ...string) (out, log string, exit int) {
	t.Helper()
	return endedWith(t, exec.Command(name, args...), "")
}

func endedWith(t *testing.T, cmd *exec.Cmd, stdin string) (out, log string, exit int) {
	t.Helper()
	cmd.Stdin = strings.NewReader(stdin)
	return ran(t, cmd)
}

// ran runs a program to its end.
func ran(t *testing.T, cmd *exec.Cmd) (out, log string, exit int) {
	t.Helper()
	var stdout, stderr strings.Builder
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	var failed *exec.ExitError
	if err != nil && !errors.As(err, &failed) {
		t.Fatal(err)
	}
	return stdout.String(), stderr.String(), cmd.ProcessState.ExitCode()
}

// secretFiles writes credentials into files and returns what names them.
func secretFiles(t *testing.T, secrets map[string]string) map[string]string {
	t.Helper()
	folder, at := t.TempDir(), map[string]string{}
	for name, value := range secrets {
		file := filepath.Join(folder, name)
		write(t, file, value+"\n")
		at[name] = "@" + file
	}
	return at
}

// foreignToken is one that only its issuer's keys could tell from a good one.
func foreignToken(claims string) string {
	encode := base64.RawURLEncoding.EncodeToString
	return encode([]byte(`{"alg":"ES256","kid":"1"}`)) + "." + encode([]byte(claims)) + "." + encode(make([]byte, 64))
}

func TestExplainGolden(t *testing.T) {
	t.Parallel()
	secrets := map[string]string{
		"good": token(t, time.Hour), "expired": token(t, -time.Hour), "admin": tokenFor(t, "admin", time.Hour),
		"far": foreignToken(`{"iss":"https://far.example.com","aud":"chat","exp":4102444800}`), "key": deviceKey, "wrong": wrongKey,
	}
	at := secretFiles(t, secrets)
	bearer := func(name string) []string { return []string{"--header", "Authorization: Bearer " + at[name]} }
	page := []string{"--origin", "https://app.example.com"}
	for name, tt := range map[string]struct {
		url  string
		args [][]string
		exit int
	}{
		"allowed": {url: "wss://ws.example.com/chat/room?id=5&x=" + wrongKey, args: [][]string{
			bearer("good"), page, {"--subprotocol", "chat.v2", "--subprotocol", "other", "--header", "Cookie: a=" + wrongKey, "--header", "X-User: eve"},
		}},
		"allowed-token-among-the-subprotocols": {url: "wss://ws.example.com/chat", args: [][]string{
			page, {"--subprotocol", "bearer", "--subprotocol", at["good"]},
		}},
		"allowed-api-key":         {url: "wss://ws.example.com/chat", args: [][]string{{"--header", "X-API-Key: " + at["key"]}}},
		"anonymous":               {url: "wss://ws.example.com/open", args: [][]string{{"--source-ip", "203.0.113.7"}}},
		"told-by-a-proxy":         {url: "wss://ws.example.com/open", args: [][]string{{"--source-ip", "10.0.0.1", "--header", "X-Forwarded-For: 203.0.113.7"}}},
		"no-route":                {url: "wss://ws.example.com/feed", exit: 1},
		"wrong-origin":            {url: "wss://ws.example.com/chat", args: [][]string{bearer("good"), {"--origin", "https://app.example.com.evil.example"}}, exit: 1},
		"no-credential":           {url: "wss://ws.example.com/chat", args: [][]string{page}, exit: 1},
		"expired-token":           {url: "wss://ws.example.com/chat", args: [][]string{bearer("expired"), page}, exit: 1},
		"wrong-audience":          {url: "wss://ws.example.com/chat", args: [][]string{bearer("admin"), page}, exit: 1},
		"bad-api-key":             {url: "wss://ws.example.com/chat", args: [][]string{{"--header", "X-API-Key: " + at["wrong"]}}, exit: 1},
		"wrong-subprotocol":       {url: "wss://ws.example.com/chat", args: [][]string{bearer("good"), {"--subprotocol", "mqtt", "--subprotocol", at["wrong"]}}, exit: 1},
		"dry-run":                 {url: "wss://ws.example.com/tried", args: [][]string{bearer("expired"), {"--origin", "https://evil.example"}}},
		"misdirected":             {url: "wss://ws.example.com/", args: [][]string{{"--header", "Host: partners.example.com"}}, exit: 1},
		"unknown-name":            {url: "wss://nobody.example.com/chat", exit: 1},
		"unknown-port":            {url: "wss://ws.example.com:8443/chat", exit: 1},
		"malformed-request":       {url: "wss://ws.example.com/chat", args: [][]string{{"--header", "Connection: close"}}, exit: 1},
		"fault":                   {url: "wss://ws.example.com/broken", exit: 1},
		"key-set-not-fetched":     {url: "wss://ws.example.com/elsewhere", args: [][]string{bearer("far")}, exit: 3},
		"secret-not-in-the-files": {url: "wss://ws.example.com/lost", exit: 3},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			args := []string{"--url", tt.url}
			for _, more := range tt.args {
				args = append(args, more...)
			}
			out, log, exit := explanation(t, "", args...)
			if exit != tt.exit || log != "" {
				t.Errorf("exit %d, want %d; standard error %q", exit, tt.exit, log)
			}
			for secret, value := range secrets {
				if strings.Contains(out, value) || strings.Contains(out, value[:10]) {
					t.Errorf("the output holds the secret %q", secret)
				}
			}
			golden(t, filepath.Join(explained, name+".txt"), out)
		})
	}
}

// golden compares, but for the end of a token.
func golden(t *testing.T, file, got string) {
	t.Helper()
	got = regexp.MustCompile(`(ends: +)\S+Z`).ReplaceAllString(got, "${1}TIME")
	if *update {
		write(t, file, got)
		return
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", file, diff)
	}
}

func TestExplainAsJSON(t *testing.T) {
	t.Parallel()
	good := token(t, time.Hour)
	out, log, exit := explanation(t, "Bearer "+good, "--url", "wss://ws.example.com/chat", "-o", "json", "--header", "Authorization: @-")
	var got struct {
		Verdict    string
		HTTPStatus int
		Policy     string
		Identity   struct{ Method, Subject string }
		Steps      []struct{ Step, Result string }
		Backend    struct{ OneOf []string }
	}
	if err := json.Unmarshal([]byte(out), &got); err != nil || exit != 0 {
		t.Fatalf("exit %d, %v: %s%s", exit, err, out, log)
	}
	if got.Verdict != "admitted" || got.HTTPStatus != 101 || got.Policy != "users" || got.Identity.Subject != "somebody" || len(got.Backend.OneOf) != 2 {
		t.Errorf("got %+v", got)
	}
	for _, step := range got.Steps {
		if step.Result != "passed" {
			t.Errorf("step %+v", step)
		}
	}
	if strings.Contains(out, good) {
		t.Error("the token is in the output")
	}
}

func TestExplainReadsCredentialsFromFilesAndStandardInput(t *testing.T) {
	t.Parallel()
	good := token(t, time.Hour)
	at := secretFiles(t, map[string]string{"headers": "Origin: https://app.example.com\n\nAuthorization: Bearer " + good})
	for name, tt := range map[string]struct {
		stdin string
		args  []string
	}{
		"a token on standard input":  {good + "\n", []string{"--header", "Authorization: Bearer @-"}},
		"a subprotocol":              {good, []string{"--subprotocol", "bearer", "--subprotocol", "@-"}},
		"headers in a file":          {"", []string{"--header-file", strings.TrimPrefix(at["headers"], "@")}},
		"headers on standard input":  {"X-API-Key: " + deviceKey + "\n", []string{"--header-file", "-"}},
		"the last of several @words": {"", []string{"--header", "X-Note: a@b.example", "--header", "X-API-Key: " + deviceKey}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if out, log, exit := explanation(t, tt.stdin, append(tt.args, "--url", "wss://ws.example.com/chat")...); exit != 0 {
				t.Errorf("exit %d: %s%s", exit, out, log)
			}
		})
	}
}

func TestExplainSaysWhatIsWrongWithTheCommandLine(t *testing.T) {
	t.Parallel()
	const good = "wss://ws.example.com/chat"
	for name, tt := range map[string]struct {
		args []string
		want string
	}{
		"no address":                 {nil, "--url: write it as wss://"},
		"another scheme":             {[]string{"--url", "https://ws.example.com/chat?token=" + wrongKey}, "--url: write it as wss://"},
		"a port of its own kind":     {[]string{"--url", "wss://ws.example.com:99999/"}, "the port is no number"},
		"a header without a name":    {[]string{"--url", good, "--header", wrongKey}, "write it as 'NAME: VALUE'"},
		"a header of two lines":      {[]string{"--url", good, "--header", "X-A: b\r\nX-API-Key: " + wrongKey}, "it holds a line break"},
		"a file that does not exist": {[]string{"--url", good, "--header", "X-A: @nothing"}, "no such file"},
		"no client address":          {[]string{"--url", good, "--source-ip", "somewhere"}, "--source-ip somewhere"},
		"another form of output":     {[]string{"--url", good, "-o", "xml"}, "it is text or json"},
		"standard input used twice":  {[]string{"--url", good, "--header", "X-A: @-", "--header", "X-B: @-"}, "only once"},
		"and once for manifests":     {[]string{"-f", "-", "--url", good, "--header", "X-A: @-"}, "only once"},
		"a second gateway":           {[]string{"-f", sample + "/gateway.yaml", "--url", good}, "was already in"},
		"an argument":                {[]string{good}, "unexpected"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			out, log, exit := explanation(t, "", tt.args...)
			if exit != 2 || out != "" || !strings.Contains(log, tt.want) || strings.Contains(log, wrongKey) {
				t.Errorf("exit %d, standard output %q, standard error %q", exit, out, log)
			}
		})
	}
}

// What explain says is what a gateway that runs does.
func TestExplainAgreesWithARunningGateway(t *testing.T) {
	t.Parallel()
	state := t.TempDir()
	p := launch(t, program, "run", "-f", explained, "--state", state, "--port", "public=0", "--backend", "echo=127.0.0.1:1")
	for i, tt := range []struct{ path, origin, authorization, key string }{
		{"/chat", "https://app.example.com", token(t, time.Hour), ""},
		{"/chat", "https://app.example.com", token(t, -time.Hour), ""},
		{"/chat", "https://evil.example", token(t, time.Hour), ""},
		{"/chat", "", "", deviceKey},
		{"/chat", "", "", wrongKey},
		{"/chat", "", "", ""},
		{"/tried", "https://evil.example", "", wrongKey},
		{"/open", "", "", ""},
		{"/open", "https://app.example.com", "", ""},
		{"/open/below", "", "", ""},
		{"/broken", "", "", deviceKey},
	} {
		args := []string{"--url", "wss://ws.example.com" + tt.path, "-o", "json"}
		header := headers()
		for name, value := range map[string]string{"Origin": tt.origin, "X-Api-Key": tt.key, "Authorization": "Bearer " + tt.authorization} {
			if strings.TrimPrefix(value, "Bearer ") != "" {
				header.Set(name, value)
				args = append(args, "--header", name+": "+value)
			}
		}
		out, log, _ := explanation(t, "", args...)
		var got struct{ HTTPStatus int }
		if err := json.Unmarshal([]byte(out), &got); err != nil {
			t.Fatalf("%v: %s%s", err, out, log)
		}
		want := status(t, p.dialer(t, "public", state, header), "wss://ws.example.com"+tt.path)
		if want == 502 || want == 503 && tt.path != "/broken" {
			want = 101 // the gateway has let it in, and there is no backend
		}
		if got.HTTPStatus != want {
			t.Errorf("%d: %s: explained %d, the gateway answers %d", i, tt.path, got.HTTPStatus, want)
		}
	}
}
