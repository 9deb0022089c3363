// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package observe

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"github.com/wsgateway/websocket-gateway-operator/gateway/contract"
)

// Target is a pod to ask.
type Target struct {
	Gateway types.NamespacedName
	Pod     string
	UID     types.UID
	// Address is the pod's IP address.
	Address string
}

// Answer is what a pod said.
type Answer struct {
	Report contract.Report
	// ETag changes whenever the report does, connections apart.
	ETag string
}

// Reporter asks one pod for its report. It is an interface because pods in
// tests have no address that answers. Implementations are safe for concurrent
// use.
type Reporter interface {
	// Report answers ErrUnchanged if the report is still the one with the ETag.
	Report(ctx context.Context, target Target, etag string) (Answer, error)
}

// ErrUnchanged means that the pod's report is the one that is known.
var ErrUnchanged = errors.New("report unchanged")

// Bounds of one question. A pod is not trusted: it may be slow, talk without
// end, or send the operator elsewhere.
const (
	askTimeout     = time.Second
	maxReportBytes = 64 << 10
)

// HTTPReporter asks pods on their admin port.
type HTTPReporter struct {
	client *http.Client
	port   string
}

// NewHTTPReporter answers a Reporter that asks on contract.AdminPort. Proxies
// of the environment are not used: pod addresses are only valid here.
func NewHTTPReporter() *HTTPReporter {
	return &HTTPReporter{
		port: strconv.Itoa(contract.AdminPort),
		client: &http.Client{
			Timeout: askTimeout,
			Transport: &http.Transport{
				DialContext:         (&net.Dialer{Timeout: askTimeout}).DialContext,
				MaxIdleConnsPerHost: 1,
				// Long enough for pods that are asked several times a second, too
				// short to hold a connection to every quiet pod of the cluster.
				IdleConnTimeout:        5 * time.Second,
				ResponseHeaderTimeout:  askTimeout,
				MaxResponseHeaderBytes: 8 << 10,
				DisableCompression:     true,
			},
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	}
}

// OnPort answers a copy that asks on another port; for tests.
func (h *HTTPReporter) OnPort(port string) *HTTPReporter {
	return &HTTPReporter{client: h.client, port: port}
}

// Report implements Reporter. It refuses the report of another pod or gateway:
// an address may have passed to a new pod since the caches saw the old one.
func (h *HTTPReporter) Report(ctx context.Context, target Target, etag string) (Answer, error) {
	address := "http://" + net.JoinHostPort(target.Address, h.port) + "/report"
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return Answer{}, fmt.Errorf("ask pod: %w", err)
	}
	if etag != "" {
		request.Header.Set("If-None-Match", etag)
	}
	response, err := h.client.Do(request)
	if err != nil {
		return Answer{}, fmt.Errorf("ask pod: %w", err)
	}
	defer func() { _ = response.Body.Close() }()
	switch response.StatusCode {
	case http.StatusNotModified:
		return Answer{}, ErrUnchanged
	case http.StatusOK:
	default:
		return Answer{}, fmt.Errorf("ask pod: answered %d instead of a report", response.StatusCode)
	}
	report, err := decode(response.Body)
	if err != nil {
		return Answer{}, err
	}
	if err := verify(&report, target); err != nil {
		return Answer{}, err
	}
	return Answer{Report: report, ETag: response.Header.Get("ETag")}, nil
}

func decode(body io.Reader) (contract.Report, error) {
	data, err := io.ReadAll(io.LimitReader(body, maxReportBytes+1))
	if err != nil {
		return contract.Report{}, fmt.Errorf("read report: %w", err)
	}
	if len(data) > maxReportBytes {
		return contract.Report{}, fmt.Errorf("read report: longer than %d bytes", maxReportBytes)
	}
	var report contract.Report
	// Unknown fields are welcome: the pod may be of a newer release.
	if err := json.Unmarshal(data, &report); err != nil {
		return contract.Report{}, fmt.Errorf("decode report: %w", err)
	}
	return report, nil
}

func verify(report *contract.Report, target Target) error {
	if report.PodUID != string(target.UID) {
		return fmt.Errorf("report of another pod: UID %q instead of %q", report.PodUID, target.UID)
	}
	of := types.NamespacedName{Namespace: report.Gateway.Namespace, Name: report.Gateway.Name}
	if of != target.Gateway {
		return fmt.Errorf("report of another gateway: %s instead of %s", of, target.Gateway)
	}
	return nil
}
