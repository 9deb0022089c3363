// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package node

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/netip"
	"os"
	"time"

	"github.com/wsgateway/websocket-gateway-operator/hack/cluster/pki"
)

// balancerUser is who writes the addresses, so that an audit of other users'
// writes does not count these.
func balancerUser() pki.Leaf {
	return pki.Leaf{File: "load-balancer", CommonName: "load-balancer", Organizations: []string{"system:masters"}}
}

// service is as much of a Service as decides on its address.
type service struct {
	Metadata struct{ Name, Namespace, DeletionTimestamp string }
	Spec     struct{ Type, LoadBalancerClass string }
	Status   struct {
		LoadBalancer struct {
			Ingress []struct{ IP string }
		}
	}
}

// waiting tells whether the service wants an address from us.
func (s service) waiting() bool {
	return s.Spec.Type == "LoadBalancer" && s.Spec.LoadBalancerClass == "" &&
		s.Metadata.DeletionTimestamp == "" && len(s.Status.LoadBalancer.Ingress) == 0
}

type serviceList struct {
	Metadata struct{ ResourceVersion string }
	Items    []service
}

// balance gives each Service of type LoadBalancer an address of its own, as a
// cloud would. Nothing else is needed: host and node route the whole network
// to the node, where kube-proxy takes the packets.
func (l Layout) balance(ctx context.Context) {
	for ctx.Err() == nil {
		a, err := l.newAPIAs(balancerUser().File)
		if err == nil {
			err = l.balanceOnce(ctx, a)
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, time.Now().Format(time.RFC3339), "load balancer addresses:", err)
			time.Sleep(restartDelay)
		}
	}
}

// balanceOnce serves everyone who waits, then watches until someone new does.
func (l Layout) balanceOnce(ctx context.Context, a *api) error {
	var all serviceList
	if err := a.get(ctx, "/api/v1/services", &all); err != nil {
		return err
	}
	taken := map[string]bool{}
	for _, s := range all.Items {
		for _, ingress := range s.Status.LoadBalancer.Ingress {
			taken[ingress.IP] = true
		}
	}
	changed := false
	for _, s := range all.Items {
		if !s.waiting() {
			continue
		}
		address, ok := firstFree(l.Balancers(), taken)
		if !ok {
			return fmt.Errorf("all addresses of %s are taken, delete a Service of type LoadBalancer", l.Balancers())
		}
		if err := a.giveAddress(ctx, s, address); err != nil {
			return err
		}
		taken[address.String()], changed = true, true
	}
	if changed {
		return nil // look again: the list is old now
	}
	return a.watchServices(ctx, all.Metadata.ResourceVersion, service.waiting)
}

// firstFree returns the lowest host address that nobody has.
func firstFree(network netip.Prefix, taken map[string]bool) (netip.Addr, bool) {
	for n := byte(1); n < 255; n++ {
		if address := host(network, n); !taken[address.String()] {
			return address, true
		}
	}
	return netip.Addr{}, false
}

// giveAddress writes the status as a cloud's controller does.
func (a *api) giveAddress(ctx context.Context, s service, address netip.Addr) error {
	body := fmt.Sprintf(`{"status":{"loadBalancer":{"ingress":[{"ip":%q}]}}}`, address)
	url := fmt.Sprintf("%s/api/v1/namespaces/%s/services/%s/status", a.server, s.Metadata.Namespace, s.Metadata.Name)
	request, err := http.NewRequestWithContext(ctx, http.MethodPatch, url, bytes.NewBufferString(body))
	if err != nil {
		return err
	}
	request.Header.Set("Content-Type", "application/merge-patch+json")
	response, err := a.http.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK && response.StatusCode != http.StatusNotFound {
		return fmt.Errorf("address for %s/%s: %s", s.Metadata.Namespace, s.Metadata.Name, response.Status)
	}
	return nil
}

// watchServices returns when a service is interesting, or when the API server
// ends the watch. Both are a reason to list again.
func (a *api) watchServices(ctx context.Context, version string, interesting func(service) bool) error {
	url := a.server + "/api/v1/services?watch=true&timeoutSeconds=1800&resourceVersion=" + version
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	// Without the client's timeout: a watch is quiet for as long as nothing
	// happens.
	response, err := a.http.Transport.RoundTrip(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("watch services: %s", response.Status)
	}
	events := json.NewDecoder(response.Body)
	for {
		var event struct {
			Type   string
			Object service
		}
		if err := events.Decode(&event); err != nil || event.Type == "ERROR" {
			return nil // the end of a watch is no failure
		}
		if event.Type != "DELETED" && interesting(event.Object) {
			return nil
		}
	}
}
