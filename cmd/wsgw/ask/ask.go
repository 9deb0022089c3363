// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

// Package ask talks to gateway pods: to their control port, and to the port that
// tells their metrics. A pod is not trusted with more than an answer: it may be
// slow, or talk without end.
package ask

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"github.com/wsgateway/websocket-gateway-operator/cmd/wsgw/cluster"
	"github.com/wsgateway/websocket-gateway-operator/gateway/contract"
	"github.com/wsgateway/websocket-gateway-operator/gateway/control"
)

// Bounds of one question. A page of MaxLimit connections, each text at its
// longest, has some 5 MiB.
const (
	patience       = 20 * time.Second
	maxAnswerBytes = 16 << 20
)

// Pods asks pods. Connections to them are kept for the next question. It is safe
// for concurrent use; Close ends it.
type Pods struct {
	dialer cluster.Dialer

	mu      sync.Mutex
	clients map[target]*http.Client
}

type target struct {
	pod  types.NamespacedName
	port int
}

// New asks by way of dialer.
func New(dialer cluster.Dialer) *Pods {
	return &Pods{dialer: dialer, clients: map[target]*http.Client{}}
}

// Close closes the connections.
func (p *Pods) Close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, one := range p.clients {
		one.CloseIdleConnections()
	}
}

func (p *Pods) client(at target) *http.Client {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.clients[at] == nil {
		p.clients[at] = &http.Client{
			Timeout: patience,
			Transport: &http.Transport{
				// Whatever the URL says, this leads to the pod.
				DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
					return p.dialer.Dial(ctx, at.pod, at.port)
				},
				MaxIdleConnsPerHost:    1,
				MaxResponseHeaderBytes: 16 << 10,
				DisableCompression:     true,
			},
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		}
	}
	return p.clients[at]
}

// State asks a pod what it knows of itself.
func (p *Pods) State(ctx context.Context, pod types.NamespacedName) (*control.State, error) {
	state := &control.State{}
	return state, p.get(ctx, pod, control.PathState, state)
}

// Connections asks a pod for a part of what is open.
func (p *Pods) Connections(ctx context.Context, pod types.NamespacedName, listing *control.Listing) (*control.Connections, error) {
	found := &control.Connections{}
	return found, p.get(ctx, pod, control.PathConnections+"?"+listing.Query().Encode(), found)
}

// ConnectionsAll turns the pages of a listing until there are limit connections
// or no more; a limit of 0 means all.
func (p *Pods) ConnectionsAll(ctx context.Context, pod types.NamespacedName, listing control.Listing, limit int) (*control.Connections, error) {
	listing.Limit = control.MaxLimit
	if limit > 0 {
		listing.Limit = min(limit, control.MaxLimit)
	}
	all, err := p.Connections(ctx, pod, &listing)
	for err == nil && all.Next != "" && (limit == 0 || len(all.Connections) < limit) {
		var more *control.Connections
		listing.After = all.Next
		if more, err = p.Connections(ctx, pod, &listing); err == nil {
			all.Connections, all.Next = append(all.Connections, more.Connections...), more.Next
		}
	}
	return all, err
}

// CloseConnections ends connections of a pod, or counts them.
func (p *Pods) CloseConnections(ctx context.Context, pod types.NamespacedName, request *control.CloseRequest) (*control.CloseAnswer, error) {
	answer := &control.CloseAnswer{}
	return answer, p.post(ctx, pod, control.PathClose, request, answer)
}

// Drain empties a pod, or takes that back.
func (p *Pods) Drain(ctx context.Context, pod types.NamespacedName, request *control.DrainRequest) (*control.Drain, error) {
	answer := &control.Drain{}
	return answer, p.post(ctx, pod, control.PathDrain, request, answer)
}

// Explain asks a pod for its decision about a handshake; the answer goes into
// report.
func (p *Pods) Explain(ctx context.Context, pod types.NamespacedName, request *control.ExplainRequest, report any) error {
	return p.post(ctx, pod, control.PathExplain, request, report)
}

// Metrics are what Prometheus would be told.
func (p *Pods) Metrics(ctx context.Context, pod types.NamespacedName) ([]byte, error) {
	return p.do(ctx, target{pod, contract.AdminPort}, http.MethodGet, "/metrics", nil)
}

func (p *Pods) get(ctx context.Context, pod types.NamespacedName, path string, answer any) error {
	data, err := p.do(ctx, target{pod, contract.ControlPort}, http.MethodGet, path, nil)
	if err != nil {
		return err
	}
	return decode(pod, data, answer)
}

func (p *Pods) post(ctx context.Context, pod types.NamespacedName, path string, question, answer any) error {
	body, err := json.Marshal(question)
	if err != nil {
		return fmt.Errorf("encode the question to pod %s: %w", pod.Name, err)
	}
	data, err := p.do(ctx, target{pod, contract.ControlPort}, http.MethodPost, path, body)
	if err != nil {
		return err
	}
	return decode(pod, data, answer)
}

func decode(pod types.NamespacedName, data []byte, answer any) error {
	// Unknown fields are welcome: the pod may be of a newer release.
	if err := json.Unmarshal(data, answer); err != nil {
		return fmt.Errorf("pod %s: its answer is not understood: %w; use a wsgw of the gateway's release", pod.Name, err)
	}
	return nil
}

// RefusalError is the answer of a pod that does not do what it was asked for.
type RefusalError struct {
	Pod     string
	Status  int
	Message string
}

// Error implements error. The pod's words are quoted: they may repeat what a
// client has chosen.
func (r *RefusalError) Error() string {
	return fmt.Sprintf("pod %s answers %d: %s", r.Pod, r.Status, printable(r.Message))
}

func (p *Pods) do(ctx context.Context, at target, method, path string, body []byte) ([]byte, error) {
	address := "http://127.0.0.1:" + strconv.Itoa(at.port) + path
	request, err := http.NewRequestWithContext(ctx, method, address, bytes.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("ask pod %s: %w", at.pod.Name, err)
	}
	if method == http.MethodPost {
		request.Header.Set("Content-Type", "application/json")
		request.Header.Set(control.Header, control.HeaderValue)
	}
	response, err := p.client(at).Do(request)
	if err != nil {
		return nil, fmt.Errorf("ask pod %s: %w", at.pod.Name, unwrapURL(err))
	}
	defer response.Body.Close()
	data, err := io.ReadAll(io.LimitReader(response.Body, maxAnswerBytes+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("read the answer of pod %s: %w", at.pod.Name, err)
	case len(data) > maxAnswerBytes:
		return nil, fmt.Errorf("the answer of pod %s is longer than %d bytes", at.pod.Name, maxAnswerBytes)
	case response.StatusCode == http.StatusNotFound && path != "/metrics":
		return nil, &RefusalError{at.pod.Name, response.StatusCode, "it is of a release that cannot do this"}
	case response.StatusCode != http.StatusOK:
		return nil, refusal(at.pod, response.StatusCode, data)
	}
	return data, nil
}

func refusal(pod types.NamespacedName, status int, data []byte) *RefusalError {
	var said control.Error
	if err := json.Unmarshal(data, &said); err != nil || said.Message == "" {
		said.Message = string(data[:min(len(data), 256)])
	}
	return &RefusalError{pod.Name, status, said.Message}
}
