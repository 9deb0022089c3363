// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package apply_test

import (
	"testing"

	utiljson "k8s.io/apimachinery/pkg/util/json"

	"github.com/wsgateway/websocket-gateway-operator/controllers/apply"
)

func TestHolds(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		live, want string
		holds      bool
	}{
		"what live has beyond what we want is somebody else's": {
			live: `{"a": 1, "theirs": {"b": 2}}`, want: `{"a": 1}`, holds: true,
		},
		"a changed value": {
			live: `{"a": 2}`, want: `{"a": 1}`,
		},
		"a value of another type": {
			live: `{"a": "1"}`, want: `{"a": 1}`,
		},
		"a missing value": {
			live: `{}`, want: `{"a": 1}`,
		},
		"a missing value that means the same as absence": {
			live: `{}`, want: `{"a": false, "b": 0, "c": "", "d": {}, "e": []}`, holds: true,
		},
		"a label without a value that was taken away": {
			live: `{"nodeSelector": {"pool": "a"}}`, want: `{"nodeSelector": {"pool": "a", "node-role.kubernetes.io/ingress": ""}}`,
		},
		"all labels without a value, taken away": {
			live: `{}`, want: `{"nodeSelector": {"node-role.kubernetes.io/ingress": ""}}`,
		},
		"labels without a value that are there, beside others": {
			live: `{"labels": {"a": "", "b": "c"}}`, want: `{"labels": {"a": ""}}`, holds: true,
		},
		"a flag that is on where it is absent": {
			live: `{"securityContext": {}}`, want: `{"securityContext": {"allowPrivilegeEscalation": false}}`,
		},
		"a token that nobody forbids any more": {
			live: `{}`, want: `{"automountServiceAccountToken": false}`,
		},
		"no time to stay, which has become for ever": {
			live: `{"tolerations": [{"key": "a"}]}`, want: `{"tolerations": [{"key": "a", "tolerationSeconds": 0}]}`,
		},
		"a condition added to what a policy is about": {
			live: `{"podSelector": {"matchLabels": {"a": "b", "c": "d"}}}`, want: `{"podSelector": {"matchLabels": {"a": "b"}}}`,
		},
		"an expression added to it": {
			live: `{"podSelector": {"matchLabels": {"a": "b"}, "matchExpressions": [{"key": "c", "operator": "Exists"}]}}`,
			want: `{"podSelector": {"matchLabels": {"a": "b"}}}`,
		},
		"a label added to what a Service selects": {
			live: `{"selector": {"a": "b", "c": ""}}`, want: `{"selector": {"a": "b"}}`,
		},
		"a label added to what nodes must have": {
			live: `{"nodeSelector": {"pool": "a", "b": "c"}}`, want: `{"nodeSelector": {"pool": "a"}}`,
		},
		"labels of nodes where we want none are somebody else's": {
			live: `{"nodeSelector": {"b": "c"}}`, want: `{}`, holds: true,
		},
		"a flag that was turned on": {
			live: `{"hostNetwork": true}`, want: `{"hostNetwork": false}`,
		},
		"containers are found by name, in any order, among others": {
			live: `{"containers": [{"name": "sidecar"}, {"name": "gateway", "image": "a", "more": 1}]}`,
			want: `{"containers": [{"name": "gateway", "image": "a"}]}`, holds: true,
		},
		"a container that was renamed": {
			live: `{"containers": [{"name": "other", "image": "a"}]}`,
			want: `{"containers": [{"name": "gateway", "image": "a"}]}`,
		},
		"the same port number of another protocol is another port": {
			live: `{"ports": [{"port": 443, "protocol": "UDP"}]}`,
			want: `{"ports": [{"port": 443, "protocol": "TCP"}]}`,
		},
		"mounts are found by path": {
			live: `{"volumeMounts": [{"mountPath": "/b", "name": "x"}, {"mountPath": "/a", "name": "y"}]}`,
			want: `{"volumeMounts": [{"mountPath": "/a", "name": "y"}]}`, holds: true,
		},
		"a list of plain values is ours as a whole": {
			live: `{"args": ["--one", "--two"]}`, want: `{"args": ["--one"]}`,
		},
		"and its order matters": {
			live: `{"args": ["--two", "--one"]}`, want: `{"args": ["--one", "--two"]}`,
		},
		"a rule added to a list without keys": {
			live: `{"ingress": [{"ports": [{"port": 443}]}, {}]}`, want: `{"ingress": [{"ports": [{"port": 443}]}]}`,
		},
		"a port added within a rule of a list without keys": {
			live: `{"ingress": [{"ports": [{"port": 443}, {"port": 22}]}]}`, want: `{"ingress": [{"ports": [{"port": 443}]}]}`,
		},
		"a list that was emptied": {
			live: `{"args": []}`, want: `{"args": ["--one"]}`,
		},
		"a list where an object was": {
			live: `{"a": []}`, want: `{"a": {"b": 1}}`,
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := apply.Holds(parse(t, tt.live), parse(t, tt.want)); got != tt.holds {
				t.Errorf("Holds() = %v, want %v", got, tt.holds)
			}
		})
	}
}

func parse(t *testing.T, text string) map[string]any {
	t.Helper()
	content := map[string]any{}
	if err := utiljson.Unmarshal([]byte(text), &content); err != nil {
		t.Fatal(err)
	}
	return content
}
