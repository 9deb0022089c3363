// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package node

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"strings"
	"time"
)

// api asks the API server for the few things that are needed here. Manifests
// are left to kubectl.
type api struct {
	server string
	http   *http.Client
}

func (l Layout) newAPI() (*api, error) { return l.newAPIAs("admin") }

func (l Layout) newAPIAs(user string) (*api, error) {
	cert, err := tls.LoadX509KeyPair(l.key(user+".crt"), l.key(user+".key"))
	if err != nil {
		return nil, err
	}
	ca, err := os.ReadFile(l.key("ca.crt"))
	if err != nil {
		return nil, err
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(ca)
	transport := &http.Transport{TLSClientConfig: &tls.Config{
		Certificates: []tls.Certificate{cert}, RootCAs: roots, MinVersion: tls.VersionTLS12,
	}}
	return &api{server: l.Server(), http: &http.Client{Transport: transport, Timeout: 5 * time.Second}}, nil
}

// object is as much of a Node or Deployment as is needed here.
type object struct {
	Status struct {
		Conditions []struct {
			Type, Status, Message string
		}
	}
}

// wanted are the objects that make a usable cluster, and the condition by
// which each says so.
func wanted() [][2]string {
	return [][2]string{
		{"/api/v1/nodes/" + nodeName, "Ready"},
		{"/apis/apps/v1/namespaces/kube-system/deployments/coredns", "Available"},
		{"/apis/apps/v1/namespaces/cert-manager/deployments/cert-manager", "Available"},
	}
}

// healthy returns nil when everything wanted is there. What etcd says of a
// time before boot does not count.
func (a *api) healthy(ctx context.Context, boot time.Time) error {
	for _, want := range wanted() {
		if err := a.condition(ctx, want[0], want[1]); err != nil {
			return err
		}
	}
	var pods podList
	if err := a.get(ctx, "/api/v1/pods", &pods); err != nil {
		return err
	}
	for _, p := range pods.Items {
		own := p.Metadata.Namespace == "kube-system" || p.Metadata.Namespace == "cert-manager"
		switch {
		case own && !p.ready():
			return fmt.Errorf("pod %s is not ready", p.Metadata.Name)
		case p.ready() && !p.startedSince(boot):
			// After a crash, a pod is called ready until the kubelet has
			// looked at it, and its address may be another pod's by now.
			return fmt.Errorf("pod %s has not been started again yet", p.Metadata.Name)
		}
	}
	return nil
}

func (a *api) condition(ctx context.Context, path, condition string) error {
	name := path[strings.LastIndexByte(path, '/')+1:]
	var o object
	if err := a.get(ctx, path, &o); err != nil {
		return err
	}
	for _, c := range o.Status.Conditions {
		if c.Type == condition && c.Status == "True" {
			return nil
		} else if c.Type == condition {
			return fmt.Errorf("%s is not %s: %s", name, condition, c.Message)
		}
	}
	return fmt.Errorf("%s is not %s yet", name, condition)
}

func (a *api) get(ctx context.Context, path string, into any) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, a.server+path, nil)
	if err != nil {
		return err
	}
	response, err := a.http.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %s", path, response.Status)
	}
	return json.NewDecoder(response.Body).Decode(into)
}

// wait asks again and again until check is content. When it is not in time,
// its last answer is the error.
func wait(ctx context.Context, timeout time.Duration, check func(context.Context) error) error {
	outer := ctx
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	last := errors.New("no answer at all")
	for {
		if err := check(ctx); err == nil {
			return nil
		} else if !errors.Is(err, context.DeadlineExceeded) {
			last = err
		}
		select {
		case <-ctx.Done():
			if outer.Err() != nil {
				return errors.Join(context.Cause(outer), last)
			}
			return fmt.Errorf("gave up after %s: %w", timeout, last)
		case <-time.After(150 * time.Millisecond):
		}
	}
}
