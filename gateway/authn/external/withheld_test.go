// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package external_test

import (
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/wsgateway/websocket-gateway-operator/test/wstest"
)

// spellings are those that servers of one kind or another take for the name.
func spellings(name string) []string {
	return []string{
		name, strings.ToUpper(name), strings.ReplaceAll(name, "-", "_"), strings.ReplaceAll(name, "-", "."),
		strings.Replace(name, "-", "_", 1), strings.ToLower(strings.ReplaceAll(name, "-", "~")),
	}
}

func TestNothingIsToldThatOnlyAProxyMaySay(t *testing.T) {
	header := http.Header{}
	for _, name := range []string{
		"Forwarded", "Via", "X-Forwarded", "X-Forwarded-For", "X-Forwarded-Client-Cert", "X-Original-Forwarded-For", "X-Real-IP",
		"True-Client-IP", "X-True-Client-IP", "Client-IP", "X-Client-IP", "X-Cluster-Client-IP", "X-Remote-Addr", "Remote-Addr", "X-Originating-IP",
		"CF-Connecting-IP", "CF-Connecting-IPv6", "CF-Pseudo-IPv4", "Fastly-Client-IP", "Fly-Client-IP", "X-Azure-ClientIP", "X-Appengine-User-IP",
		"X-Envoy-External-Address", "X-Envoy-Peer-Metadata", "Proxy-Client-IP", "WL-Proxy-Client-IP", "WL-Proxy-Client-Cert",
		"Client-Cert", "Client-Cert-Chain", "X-Client-Cert", "X-Client-Cert-DN", "X-Client-Verify", "X-Client-DN", "X-ARR-ClientCert", "X-Amzn-Mtls-Clientcert-Leaf",
		"SSL-Client-Cert", "SSL-Client-S-DN", "SSL-Client-Verify", "X-SSL-Client-CN", "X-SSL-Client-Verify", "X-SSL-Cert", "X-TLS-Client-Subject", "CF-Client-Cert-DER-Base64",
	} {
		for _, spelling := range spellings(name) {
			header[spelling] = []string{"10.0.0.1"}
		}
	}
	kept := map[string]string{
		"authorization": "x", "client": "1", "client-version": "1", "x-client-name": "1", "x-ssl": "1", "x-forward": "1", "cf-ray": "1", "x-original": "1",
	}
	for name, value := range kept {
		header[name] = []string{value}
	}
	server := wstest.Authorize(t, wstest.Always(wstest.Admit(t, nil)))
	clients := clientsOf(t, &log{}, server.Address)
	asking := question()
	asking.Header = header
	if _, err := clients.Check(t.Context(), "authz:9000", asking); err != nil {
		t.Fatal(err)
	}
	told := server.Questions()[0].GetAttributes()
	if diff := cmp.Diff(kept, told.GetRequest().GetHttp().GetHeaders()); diff != "" {
		t.Errorf("headers (-want +got):\n%s", diff)
	}
	if got := told.GetSource().GetAddress().GetSocketAddress().GetAddress(); got != "192.0.2.7" {
		t.Errorf("the client's address is told as %q", got)
	}
	if names := slices.Sorted(maps.Keys(header)); len(names) < 200 {
		t.Errorf("only %d spellings were tried", len(names))
	}
}
