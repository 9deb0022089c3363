// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package admin_test

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/wsgateway/websocket-gateway-operator/gateway/admin"
	"github.com/wsgateway/websocket-gateway-operator/gateway/control"
)

// pod notes what it is ordered to do.
type pod struct {
	state       *control.State
	connections *control.Connections
	orders      chan any
	// held, if not nil, is what State waits for.
	held chan struct{}
}

func newPod() *pod {
	return &pod{state: &control.State{}, connections: &control.Connections{}, orders: make(chan any, 10)}
}

func (p *pod) State() *control.State {
	if p.held != nil {
		p.orders <- "state"
		<-p.held
	}
	return p.state
}

func (p *pod) Connections(l *control.Listing) *control.Connections {
	p.orders <- l
	return p.connections
}

func (p *pod) CloseConnections(r *control.CloseRequest) (*control.CloseAnswer, error) {
	p.orders <- r
	return &control.CloseAnswer{Matched: 1}, nil
}

func (p *pod) Drain(r *control.DrainRequest) (*control.Drain, error) {
	p.orders <- r
	return nil, &admin.RefusedError{Status: http.StatusConflict, Message: "it ends"}
}

func (p *pod) Explain(_ context.Context, r *control.ExplainRequest) (any, error) {
	p.orders <- r
	return map[string]string{"verdict": "refused"}, nil
}

// ask sends a request to the control port of a pod.
func ask(p *pod, method, target, body string, change func(*http.Request)) *httptest.ResponseRecorder {
	request := httptest.NewRequest(method, "http://localhost:19001"+target, strings.NewReader(body))
	if method == http.MethodPost {
		request.Header.Set("Content-Type", "application/json")
		request.Header.Set(control.Header, control.HeaderValue)
	}
	if change != nil {
		change(request)
	}
	answer := httptest.NewRecorder()
	admin.Control(p, time.Now).ServeHTTP(answer, request)
	return answer
}

const closeChat = `{"route":"chat","atMost":3,"claimedBy":"ann"}`

func TestNothingIsDoneForRequestsThatAWebPageCouldSend(t *testing.T) {
	t.Parallel()
	set := func(name, value string) func(*http.Request) {
		return func(r *http.Request) { r.Header.Set(name, value) }
	}
	for name, tt := range map[string]struct {
		change func(*http.Request)
		want   int
	}{
		"an administrator":                 {nil, http.StatusOK},
		"one who forwarded another port":   {func(r *http.Request) { r.Host = "127.0.0.1:8080" }, http.StatusOK},
		"a page whose name leads here":     {func(r *http.Request) { r.Host = "rebound.example:19001" }, http.StatusForbidden},
		"a page of another port":           {set("Origin", "http://localhost:3000"), http.StatusForbidden},
		"a sandboxed page":                 {set("Origin", "null"), http.StatusForbidden},
		"an image in a page":               {set("Sec-Fetch-Site", "cross-site"), http.StatusForbidden},
		"a page of a neighbouring name":    {set("Sec-Fetch-Site", "same-site"), http.StatusForbidden},
		"a form":                           {set("Content-Type", "text/plain"), http.StatusUnsupportedMediaType},
		"a form that says nothing":         {set("Content-Type", ""), http.StatusUnsupportedMediaType},
		"a page that cannot send a header": {set(control.Header, ""), http.StatusForbidden},
		"another value of the header":      {set(control.Header, "true"), http.StatusForbidden},
	} {
		for target, body := range map[string]string{
			control.PathClose: closeChat, control.PathDrain: `{"claimedBy":"ann"}`,
			control.PathExplain: `{"head":"R0VU","port":443,"client":"192.0.2.1"}`,
		} {
			p := newPod()
			answer := ask(p, http.MethodPost, target, body, tt.change)
			want := tt.want
			if want == http.StatusOK && target == control.PathDrain {
				want = http.StatusConflict // what the pod says
			}
			if answer.Code != want || (len(p.orders) == 1) != (tt.want == http.StatusOK) {
				t.Errorf("%s: %s: status %d, %d orders: %s", name, target, answer.Code, len(p.orders), answer.Body)
			}
			if answer.Header().Get("Access-Control-Allow-Origin") != "" {
				t.Errorf("%s: pages are invited", name)
			}
		}
	}
}

func TestReadingIsRefusedToPagesToo(t *testing.T) {
	t.Parallel()
	for _, target := range []string{control.PathPage, control.PathState, control.PathConnections, control.PathProfiles + "heap"} {
		for name, change := range map[string]func(*http.Request){
			"image":   func(r *http.Request) { r.Header.Set("Sec-Fetch-Site", "cross-site") },
			"rebound": func(r *http.Request) { r.Host = "rebound.example" },
		} {
			if answer := ask(newPod(), http.MethodGet, target, "", change); answer.Code != http.StatusForbidden {
				t.Errorf("%s: %s: status %d", target, name, answer.Code)
			}
		}
		for _, site := range []string{"none", "same-origin"} {
			if answer := ask(newPod(), http.MethodGet, target, "", func(r *http.Request) { r.Header.Set("Sec-Fetch-Site", site) }); answer.Code != http.StatusOK {
				t.Errorf("%s: %s: status %d: %s", target, site, answer.Code, answer.Body)
			}
		}
		if answer := ask(newPod(), http.MethodPost, target, "", nil); answer.Code != http.StatusMethodNotAllowed {
			t.Errorf("POST %s: status %d", target, answer.Code)
		}
	}
}

func TestADocumentIsReadStrictly(t *testing.T) {
	t.Parallel()
	for body, want := range map[string]int{
		closeChat: http.StatusOK,
		`{"rout":"chat","policy":"users","atMost":3,"claimedBy":"ann"}`: http.StatusBadRequest,
		closeChat + closeChat:            http.StatusBadRequest,
		closeChat + "x":                  http.StatusBadRequest,
		closeChat + "\n":                 http.StatusOK,
		"":                               http.StatusBadRequest,
		"null":                           http.StatusBadRequest,
		"[]":                             http.StatusBadRequest,
		`{"atMost":3,"claimedBy":"ann"}`: http.StatusBadRequest,
		`{"route":"chat","over":"soon","atMost":3,"claimedBy":"ann"}`:   http.StatusBadRequest,
		`{"route":"` + strings.Repeat("x", control.MaxBodyBytes) + `"}`: http.StatusRequestEntityTooLarge,
	} {
		p := newPod()
		answer := ask(p, http.MethodPost, control.PathClose, body, nil)
		if answer.Code != want || (len(p.orders) == 1) != (want == http.StatusOK) {
			t.Errorf("%.70s: status %d, want %d: %s", body, answer.Code, want, answer.Body)
		}
	}
	if answer := ask(newPod(), http.MethodGet, control.PathConnections+"?rout=chat", "", nil); answer.Code != http.StatusBadRequest {
		t.Errorf("a filter that is misspelt: status %d", answer.Code)
	}
	if answer := ask(newPod(), http.MethodPost, control.PathDrain, `{"claimedBy":"ann"}`, nil); answer.Code != http.StatusConflict || answer.Body.String() != `{"message":"it ends"}`+"\n" {
		t.Errorf("a refusal of the pod: status %d: %s", answer.Code, answer.Body)
	}
}

func TestOnlySoManyAreServedAtOnce(t *testing.T) {
	t.Parallel()
	p := newPod()
	p.held = make(chan struct{})
	server := httptest.NewServer(admin.Control(p, time.Now))
	t.Cleanup(server.Close)
	get := func() int {
		request, _ := http.NewRequestWithContext(t.Context(), http.MethodGet, server.URL+control.PathState, nil)
		answer, err := server.Client().Do(request)
		if err != nil {
			t.Error(err)
			return 0
		}
		_, _ = io.Copy(io.Discard, answer.Body)
		_ = answer.Body.Close()
		return answer.StatusCode
	}
	statuses := make(chan int, 4)
	for range 4 {
		go func() { statuses <- get() }()
	}
	for range 4 {
		<-p.orders // they are in there
	}
	if got := get(); got != http.StatusTooManyRequests {
		t.Errorf("the fifth: status %d", got)
	}
	close(p.held)
	for range 4 {
		if got := <-statuses; got != http.StatusOK {
			t.Errorf("one of the first: status %d", got)
		}
	}
}

func TestProfilesAreBounded(t *testing.T) {
	t.Parallel()
	for target, want := range map[string]int{
		"heap": 200, "goroutine?debug=1": 200, "allocs": 200, "threadcreate": 200,
		"cmdline": 404, "symbol": 404, "block": 404, "": 404, "..": 404,
		"profile?seconds=31": 400, "profile?seconds=0": 400, "profile?seconds=x": 400, "trace?seconds=6": 400,
	} {
		answer := ask(newPod(), http.MethodGet, control.PathProfiles+target, "", nil)
		if answer.Code != want && (target != ".." || answer.Code < 300) {
			t.Errorf("%s: status %d, want %d", target, answer.Code, want)
		}
		if want == http.StatusOK && answer.Body.Len() == 0 {
			t.Errorf("%s: empty", target)
		}
	}
}

// Longer than the server waits for a request.
func TestAProfileMayTakeLongerThanOtherAnswers(t *testing.T) {
	t.Parallel()
	server := httptest.NewUnstartedServer(admin.Control(newPod(), time.Now))
	server.Config.ReadTimeout, server.Config.WriteTimeout = 1500*time.Millisecond, 1500*time.Millisecond
	server.Start()
	t.Cleanup(server.Close)
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, server.URL+control.PathProfiles+"trace?seconds=2", nil)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := server.Client().Do(request)
	if err != nil {
		t.Fatal(err)
	}
	data, err := io.ReadAll(answer.Body)
	_ = answer.Body.Close()
	if err != nil || answer.StatusCode != http.StatusOK || !strings.HasPrefix(string(data), "go 1.") {
		t.Errorf("status %d, %v, %.40q", answer.StatusCode, err, data)
	}
}
