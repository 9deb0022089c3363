// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package argocd_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// kubectl is that of the node's version, as administrator.
type kubectl struct{ kubeconfig string }

func (k kubectl) command(ctx context.Context, args ...string) *exec.Cmd {
	command := exec.CommandContext(ctx, "kubectl", args...)
	command.Env = append(os.Environ(), "KUBECONFIG="+k.kubeconfig)
	return command
}

// try runs kubectl with input and returns its output.
func (k kubectl) try(ctx context.Context, input string, args ...string) (string, error) {
	command := k.command(ctx, args...)
	var out, complaint bytes.Buffer
	command.Stdin, command.Stdout, command.Stderr = strings.NewReader(input), &out, &complaint
	if err := command.Run(); err != nil {
		return "", fmt.Errorf("kubectl %s: %w: %s", strings.Join(args, " "), err, complaint.String())
	}
	return out.String(), nil
}

func (k kubectl) run(t *testing.T, args ...string) string {
	t.Helper()
	out, err := k.try(t.Context(), "", args...)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// apply applies a manifest on the server's side.
func (k kubectl) apply(t *testing.T, manifest string) {
	t.Helper()
	if _, err := k.try(t.Context(), manifest, "apply", "--server-side", "--force-conflicts", "-f", "-"); err != nil {
		t.Fatal(err)
	}
}

// object has what the test reads of objects of any kind.
type object struct {
	Kind     string `json:"kind"`
	Metadata struct {
		Name        string            `json:"name"`
		Annotations map[string]string `json:"annotations"`
	} `json:"metadata"`
	Spec struct {
		Replicas int `json:"replicas"`
		Limits   struct {
			IdleTimeout string `json:"idleTimeout"`
		} `json:"limits"`
	} `json:"spec"`
	Status struct {
		ReadyReplicas int    `json:"readyReplicas"`
		LastRotation  string `json:"lastHandledRotateAt"`
		Conditions    []struct {
			Type               string    `json:"type"`
			Status             string    `json:"status"`
			Message            string    `json:"message"`
			LastTransitionTime time.Time `json:"lastTransitionTime"`
		} `json:"conditions"`
		Listeners []struct {
			Certificate struct {
				SerialNumber string `json:"serialNumber"`
				ServedBy     int    `json:"servedBy"`
			} `json:"certificate"`
		} `json:"listeners"`
	} `json:"status"`
}

// get returns one object, or an error that says what went wrong.
func (k kubectl) get(ctx context.Context, namespace, kind, name string) (object, error) {
	out, err := k.try(ctx, "", "get", "-n", namespace, kind, name, "-o", "json")
	if err != nil {
		return object{}, err
	}
	var o object
	if err := json.Unmarshal([]byte(out), &o); err != nil {
		return object{}, fmt.Errorf("decode %s %s: %w", kind, name, err)
	}
	return o, nil
}

// list returns the objects of some kinds, separated by commas.
func (k kubectl) list(t *testing.T, namespace, kinds string, more ...string) []object {
	t.Helper()
	out := k.run(t, append([]string{"get", "-n", namespace, kinds, "-o", "json"}, more...)...)
	var all struct {
		Items []object `json:"items"`
	}
	if err := json.Unmarshal([]byte(out), &all); err != nil {
		t.Fatal(err)
	}
	return all.Items
}

// everything lists all objects of a namespace that somebody made: not events,
// leases, and what each namespace has of itself.
func (k kubectl) everything(t *testing.T, namespace string) []string {
	t.Helper()
	kinds := strings.Fields(k.run(t, "api-resources", "--namespaced", "--verbs=list,get", "-o", "name"))
	var names []string
	for _, o := range k.list(t, namespace, strings.Join(kinds, ",")) {
		name := o.Kind + "/" + o.Metadata.Name
		switch {
		case o.Kind == "Event", o.Kind == "PodMetrics", name == "ConfigMap/kube-root-ca.crt", name == "ServiceAccount/default":
			continue
		}
		names = append(names, name)
	}
	return names
}
