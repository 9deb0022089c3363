// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package observe_test

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"github.com/wsgateway/websocket-gateway-operator/controllers/observe"
	"github.com/wsgateway/websocket-gateway-operator/gateway/contract"
)

func target() observe.Target {
	return observe.Target{
		Gateway: types.NamespacedName{Namespace: "ns", Name: "edge"}, Pod: "pod", UID: "uid", Address: "127.0.0.1",
	}
}

func report() contract.Report {
	return contract.Report{
		Version: 1, PodUID: "uid", BootID: "boot", Ready: true,
		Gateway: contract.GatewayRef{Namespace: "ns", Name: "edge"},
	}
}

// ask sends one question to a pod that answers by handler.
func ask(t *testing.T, handler http.HandlerFunc, etag string) (observe.Answer, error) {
	t.Helper()
	pod := httptest.NewServer(handler)
	t.Cleanup(pod.Close)
	address, err := url.Parse(pod.URL)
	if err != nil {
		t.Fatal(err)
	}
	return observe.NewHTTPReporter().OnPort(address.Port()).Report(t.Context(), target(), etag)
}

func answer(t *testing.T, report contract.Report) http.HandlerFunc {
	t.Helper()
	body, err := json.Marshal(report)
	if err != nil {
		t.Fatal(err)
	}
	return func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/report" {
			http.NotFound(w, r)
			return
		}
		if r.Header.Get("If-None-Match") == `"one"` {
			w.WriteHeader(http.StatusNotModified)
			return
		}
		w.Header().Set("ETag", `"one"`)
		_, _ = w.Write(body)
	}
}

func TestAPodAnswers(t *testing.T) {
	t.Parallel()
	got, err := ask(t, answer(t, report()), "")
	if err != nil || got.Report.BootID != "boot" || got.ETag != `"one"` {
		t.Errorf("Report() = %+v, %v", got, err)
	}
	if _, err := ask(t, answer(t, report()), `"one"`); !errors.Is(err, observe.ErrUnchanged) {
		t.Errorf("Report() with the known ETag = %v, want ErrUnchanged", err)
	}
}

func TestAnAnswerThatProvesNothingIsRefused(t *testing.T) {
	t.Parallel()
	otherPod, otherGateway := report(), report()
	otherPod.PodUID = "another"
	otherGateway.Gateway.Name = "another"
	tests := map[string]struct {
		handler http.HandlerFunc
		want    string
	}{
		"another pod has taken over the address":   {answer(t, otherPod), "another pod"},
		"a pod of another gateway":                 {answer(t, otherGateway), "another gateway"},
		"an error":                                 {http.NotFound, "404"},
		"no JSON":                                  {write("hello"), "decode report"},
		"more than fits":                           {write(strings.Repeat("x", 70<<10)), "longer than"},
		"sends the operator to somewhere else":     {http.RedirectHandler("http://127.0.0.1:1/", http.StatusFound).ServeHTTP, "302"},
		"headers without end":                      {longHeader, "ask pod"},
		"takes longer than the operator will wait": {slow, "ask pod"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := ask(t, tt.handler, "")
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("Report() = %v, want an error that says %q", err, tt.want)
			}
		})
	}
}

func write(body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(body)) }
}

func longHeader(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("X-Long", strings.Repeat("x", 64<<10))
}

func slow(_ http.ResponseWriter, r *http.Request) {
	select {
	case <-r.Context().Done():
	case <-time.After(10 * time.Second):
	}
}

func TestAPodThatIsNotThereIsAnError(t *testing.T) {
	t.Parallel()
	if _, err := observe.NewHTTPReporter().OnPort("1").Report(t.Context(), target(), ""); err == nil {
		t.Error("Report() of nobody succeeded")
	}
}
