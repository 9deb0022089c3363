// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package observe_test

import (
	"testing"

	"github.com/wsgateway/websocket-gateway-operator/controllers/observe"
	"github.com/wsgateway/websocket-gateway-operator/controllers/status"
	"github.com/wsgateway/websocket-gateway-operator/gateway/contract"
)

func TestWhatAPodLacks(t *testing.T) {
	t.Parallel()
	files := map[string]string{contract.ConfigFile: "config", contract.EndpointsFile: "endpoints"}
	certificates := map[string]status.Certificate{
		"public":  {Wanted: &status.Leaf{SHA256: "leaf"}},
		"renewed": {Wanted: &status.Leaf{SHA256: "old"}, Issuing: true},
		"pending": {},
	}
	wanted := observe.NewWanted(files, certificates)
	state := func(config, endpoints, leaf string) *contract.Report {
		return &contract.Report{
			Files: map[string]contract.FileState{
				contract.ConfigFile:    {Seen: contract.Digest([]byte(config)), Error: "refused"},
				contract.EndpointsFile: {Seen: contract.Digest([]byte(endpoints))},
			},
			Listeners: []contract.ListenerReport{
				{Name: "public", Certificate: &contract.CertificateReport{SHA256: leaf}}, {Name: "pending"},
			},
		}
	}
	tests := map[string]struct {
		report        *contract.Report
		lacks         bool
		endpointsOnly bool
	}{
		"nothing, even if it refused what it saw": {report: state("config", "endpoints", "leaf")},
		"everything, before its first answer":     {report: nil, lacks: true},
		"the configuration":                       {report: state("older", "endpoints", "leaf"), lacks: true},
		"endpoints":                               {report: state("config", "older", "leaf"), lacks: true, endpointsOnly: true},
		"endpoints and the configuration":         {report: state("older", "older", "leaf"), lacks: true},
		"a certificate":                           {report: state("config", "endpoints", "older"), lacks: true},
		"endpoints and a certificate":             {report: state("config", "older", "older"), lacks: true},
	}
	seen := map[string]string{}
	for name, tt := range tests {
		lack := wanted.LackOf(tt.report)
		if (lack.ID != "") != tt.lacks || (tt.lacks && lack.EndpointsOnly != tt.endpointsOnly) {
			t.Errorf("%s: LackOf() = %+v", name, lack)
		}
		if other, known := seen[lack.ID]; known && tt.lacks && tt.report != nil && name != other {
			t.Errorf("%q and %q are told apart by nothing", name, other)
		}
		if tt.report != nil {
			seen[lack.ID] = name
		}
	}
	if again := wanted.LackOf(state("older", "endpoints", "leaf")); again != wanted.LackOf(state("oldest", "endpoints", "leaf")) {
		t.Error("what is wanted depends on what the pod had before")
	}
}
