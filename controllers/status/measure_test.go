// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package status_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	gatewaystatus "github.com/wsgateway/websocket-gateway-operator/controllers/status"
)

func TestMeasuresOfWhatRuns(t *testing.T) {
	t.Parallel()
	all := fixtures(t)
	type figures struct {
		Certificate             string
		RenewalFailed           bool
		Current, Behind, Silent int
	}
	for name, want := range map[string]figures{
		"everything-is-served":                   {Certificate: "CertificatesReady", Current: 2},
		"renewal-failed-while-valid":             {Certificate: "CertificatesReady", RenewalFailed: true, Current: 2},
		"renewal-reached-one-pod":                {Certificate: "CertificatesReady", Current: 1, Behind: 1},
		"issued-and-not-loaded-for-five-minutes": {Certificate: "StaleCertificate"},
		"certificate-expired":                    {Certificate: "Expired", RenewalFailed: true, Current: 2},
		"issuance-failed":                        {Certificate: "IssuanceFailed", RenewalFailed: true},
		"own-secret-differs-for-five-minutes":    {Certificate: "CertificatesDiffer", Current: 2},
		"new-spec-not-yet-in-force":              {Certificate: "CertificatesReady", Current: 1, Behind: 1},
		"pod-silent-for-a-minute":                {Certificate: "CertificatesReady", Current: 1, Silent: 1},
		"config-map-changed-a-moment-ago":        {Certificate: "CertificatesReady", Behind: 2},
	} {
		f := all[name]
		m := gatewaystatus.Measure(&f.gateway, &f.input.Facts, f.input.Now)
		if m == nil {
			t.Errorf("%s: nothing was measured", name)
			continue
		}
		listener := f.gateway.Spec.Listeners[0].Name
		got := figures{m.Certificates[listener], m.RenewalFailed[listener], m.Current, m.Behind, m.Silent}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
	if f := all["pass-ended-at-once"]; gatewaystatus.Measure(&f.gateway, &f.input.Facts, f.input.Now) != nil {
		t.Error("a pass that has seen no pods has measured some")
	}
}
