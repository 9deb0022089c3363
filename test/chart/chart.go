// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

// Package chart renders the ways to install with the real tools, for tests: the
// Helm chart with each file of values in testdata/values, and the kustomizations.
package chart

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	utilyaml "k8s.io/apimachinery/pkg/util/yaml"
)

const (
	// Root of the checkout, as tests in test/PACKAGE see it.
	Root = "../.."
	// Path of the chart.
	Path = Root + "/charts/websocket-gateway-operator"
	// Namespace of every installation.
	Namespace = "wsgateway-system"
	// Release is the name with which the chart's objects are named as those of the
	// kustomizations.
	Release = "websocket-gateway-operator"
	// Kubernetes is what a Helm that was built by the go command has to be told: it
	// takes the oldest there ever was for the cluster's version.
	Kubernetes = "1.37.0"
)

// Tool is the path of a pinned tool, which is built where that has not been done.
func Tool(ctx context.Context, name string) (string, error) {
	command := exec.CommandContext(ctx, Root+"/hack/tool.sh", name)
	command.Stderr = os.Stderr
	out, err := command.Output()
	if err != nil {
		return "", fmt.Errorf("hack/tool.sh %s: %w", name, err)
	}
	return strings.TrimSpace(string(out)), nil
}

// Values are the files of values that installations are tried with, by their name.
func Values() (map[string]string, error) {
	files, err := filepath.Glob(Root + "/test/chart/testdata/values/*.yaml")
	if err != nil || len(files) == 0 {
		return nil, fmt.Errorf("found %d files of values in test/chart/testdata/values: %w", len(files), err)
	}
	found := map[string]string{}
	for _, file := range files {
		found[strings.TrimSuffix(filepath.Base(file), ".yaml")] = file
	}
	return found, nil
}

// Template renders the chart by a Helm program. More arguments of Helm may follow.
func Template(ctx context.Context, helm string, args ...string) ([]unstructured.Unstructured, error) {
	all := append([]string{"template", Release, Path, "--namespace", Namespace, "--kube-version", Kubernetes}, args...)
	return Objects(ctx, helm, all...)
}

// Objects runs a program and reads the manifests that it prints.
func Objects(ctx context.Context, program string, args ...string) ([]unstructured.Unstructured, error) {
	var problems bytes.Buffer
	command := exec.CommandContext(ctx, program, args...)
	command.Stderr = &problems
	out, err := command.Output()
	if err != nil {
		return nil, fmt.Errorf("%s: %w\n%s", strings.Join(args, " "), err, problems.String())
	}
	return Read(out)
}

// Read reads manifests, one after the other. Empty ones are left out.
func Read(manifests []byte) ([]unstructured.Unstructured, error) {
	decoder := utilyaml.NewYAMLOrJSONDecoder(bytes.NewReader(manifests), 4096)
	var found []unstructured.Unstructured
	for {
		var object map[string]any
		err := decoder.Decode(&object)
		if errors.Is(err, io.EOF) {
			return found, nil
		}
		if err != nil {
			return nil, fmt.Errorf("read manifest %d: %w", len(found)+1, err)
		}
		if len(object) > 0 {
			found = append(found, unstructured.Unstructured{Object: object})
		}
	}
}
