// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

// Package crd_test tries the rules of the CRDs on a real API server: what a
// rule means, whether it compiles and what it may cost is the server's word.
package crd_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/yaml"

	wsv1alpha1 "github.com/wsgateway/websocket-gateway-operator/api/v1alpha1"
	"github.com/wsgateway/websocket-gateway-operator/config/crd"
	"github.com/wsgateway/websocket-gateway-operator/test/apiserver"
)

// gateways, routes and revocations are the server's doors for our kinds; set by
// TestMain.
var gateways, routes, revocations dynamic.ResourceInterface

// server is how to reach it; set by TestMain.
var server *rest.Config

func TestMain(m *testing.M) {
	code, err := withServer(m.Run)
	if err != nil {
		fmt.Fprintln(os.Stderr, "test/crd:", err)
		code = 1
	}
	os.Exit(code)
}

func withServer(run func() int) (int, error) {
	environment, err := apiserver.New(nil, "../../config/crd/bases")
	if err != nil {
		return 1, err
	}
	server, err = environment.Start()
	if err != nil {
		return 1, fmt.Errorf("start the API server: %w", err)
	}
	client, err := dynamic.NewForConfig(server)
	if err != nil {
		return 1, fmt.Errorf("make a client: %w", err)
	}
	gateways = client.Resource(wsv1alpha1.SchemeGroupVersion.WithResource("websocketgateways")).Namespace("default")
	routes = client.Resource(wsv1alpha1.SchemeGroupVersion.WithResource("websocketroutes")).Namespace("default")
	revocations = client.Resource(wsv1alpha1.SchemeGroupVersion.WithResource("websocketrevocations")).Namespace("default")
	code := run()
	if err := environment.Stop(); err != nil {
		return 1, fmt.Errorf("stop the API server: %w", err)
	}
	return code, nil
}

// admit asks the server, as kubectl does, to refuse fields that it does not
// know. Nothing is stored.
func admit(t *testing.T, manifest []byte) error {
	t.Helper()
	object := parsed(t, manifest)
	_, err := doorOf(object).Create(t.Context(), object, metav1.CreateOptions{
		DryRun: []string{metav1.DryRunAll}, FieldValidation: metav1.FieldValidationStrict,
	})
	return err
}

func parsed(t *testing.T, manifest []byte) *unstructured.Unstructured {
	t.Helper()
	object := &unstructured.Unstructured{}
	if err := yaml.Unmarshal(manifest, &object.Object); err != nil {
		t.Fatal(err)
	}
	return object
}

// doorOf is the server's door for the kind of an object.
func doorOf(object *unstructured.Unstructured) dynamic.ResourceInterface {
	switch object.GetKind() {
	case wsv1alpha1.KindWebSocketRoute:
		return routes
	case wsv1alpha1.KindWebSocketRevocation:
		return revocations
	default:
		return gateways
	}
}

func manifests(t *testing.T, folder string, atLeast int) map[string][]byte {
	t.Helper()
	files, err := filepath.Glob(filepath.Join("testdata", folder, "*.yaml"))
	if err != nil || len(files) < atLeast {
		t.Fatalf("found %d manifests in %s, want at least %d (%v)", len(files), folder, atLeast, err)
	}
	found := map[string][]byte{}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		found[strings.TrimSuffix(filepath.Base(file), ".yaml")] = data
	}
	return found
}

// want is the part of the server's message that a rejected manifest asks for.
func want(t *testing.T, name string, manifest []byte) string {
	t.Helper()
	first, _, _ := strings.Cut(string(manifest), "\n")
	message, ok := strings.CutPrefix(first, "# want: ")
	if !ok || message == "" {
		t.Fatalf("%s does not begin with \"# want: MESSAGE\"", name)
	}
	return message
}

// messages lists the messages of all CEL rules of the CRDs, sorted.
func messages(t *testing.T) []string {
	t.Helper()
	var list []string
	for _, definition := range definitions(t) {
		for i := range definition.Spec.Versions {
			list = collect(definition.Spec.Versions[i].Schema.OpenAPIV3Schema, list)
		}
	}
	slices.Sort(list)
	return slices.Compact(list)
}

// definitions are the CRDs.
func definitions(t *testing.T) []apiextensionsv1.CustomResourceDefinition {
	t.Helper()
	var list []apiextensionsv1.CustomResourceDefinition
	for _, source := range []func() ([]byte, error){crd.Gateway, crd.Route, crd.Revocation} {
		data, err := source()
		if err != nil {
			t.Fatal(err)
		}
		var definition apiextensionsv1.CustomResourceDefinition
		if err := yaml.UnmarshalStrict(data, &definition); err != nil {
			t.Fatal(err)
		}
		list = append(list, definition)
	}
	return list
}

func collect(schema *apiextensionsv1.JSONSchemaProps, list []string) []string {
	for _, rule := range schema.XValidations {
		list = append(list, rule.Message)
	}
	for name := range schema.Properties {
		property := schema.Properties[name]
		list = collect(&property, list)
	}
	if schema.Items != nil && schema.Items.Schema != nil {
		list = collect(schema.Items.Schema, list)
	}
	if schema.AdditionalProperties != nil && schema.AdditionalProperties.Schema != nil {
		list = collect(schema.AdditionalProperties.Schema, list)
	}
	return list
}
