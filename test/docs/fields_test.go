// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package docs_test

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
)

// fieldsOfOthers look like ours and are not.
func fieldsOfOthers() map[string]string {
	return map[string]string{
		"listeners[].hostname": "of a Gateway, in docs/migration-gateway-api.md",
		"spec.dnsNames":        "of a Certificate, which docs/api.md says how to repair",
	}
}

// TestFieldsThatPagesNameExist: who follows a checklist writes what it names, and a
// field that was renamed is refused.
func TestFieldsThatPagesNameExist(t *testing.T) {
	t.Parallel()
	specs, kinds := specs(t)
	others, count := fieldsOfOthers(), 0
	for word, where := range occurrences(t, `^(spec|status|[a-z][A-Za-z]*(\[\])?)(\.[a-z][A-Za-z]*(\[\])?)+$`) {
		path := strings.Split(strings.ReplaceAll(word, "[]", ""), ".")
		var exists bool
		switch _, ours := specs[path[0]]; {
		case others[word] != "":
			delete(others, word)
			continue
		case path[0] == "spec" || path[0] == "status":
			exists = slices.ContainsFunc(kinds, func(s apiextensionsv1.JSONSchemaProps) bool { return holds(s, path) })
		case ours:
			exists = slices.ContainsFunc(kinds, func(s apiextensionsv1.JSONSchemaProps) bool { return holds(s.Properties["spec"], path) })
		default:
			continue // of something else
		}
		if count++; !exists {
			t.Errorf("%s names the field %s, which no kind has", where, word)
		}
	}
	if count < 50 {
		t.Errorf("only %d fields found on all pages: this test looks for them in the wrong way", count)
	}
	for word, where := range others {
		t.Errorf("no page names %s any more, %s: take it out of the exceptions", word, where)
	}
}

// specs returns the fields at the root of the gateway's spec, by which names of fields
// are recognised that begin there, and the schemas of all kinds.
func specs(t *testing.T) (map[string]apiextensionsv1.JSONSchemaProps, []apiextensionsv1.JSONSchemaProps) {
	t.Helper()
	files, err := filepath.Glob(root + "/config/crd/bases/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatalf("no CRD found: %v", err)
	}
	var schemas []apiextensionsv1.JSONSchemaProps
	fields := map[string]apiextensionsv1.JSONSchemaProps{}
	for _, file := range files {
		var crd apiextensionsv1.CustomResourceDefinition
		read(t, strings.TrimPrefix(file, root+"/"), &crd)
		schema := *crd.Spec.Versions[0].Schema.OpenAPIV3Schema
		schemas = append(schemas, schema)
		if crd.Spec.Names.Kind == "WebSocketGateway" {
			fields = schema.Properties["spec"].Properties
		}
	}
	return fields, schemas
}

// holds says whether a schema has a field. What is below a map may have any name.
func holds(schema apiextensionsv1.JSONSchemaProps, path []string) bool {
	for schema.Items != nil && schema.Items.Schema != nil {
		schema = *schema.Items.Schema
	}
	if len(path) == 0 {
		return true
	}
	below, exists := schema.Properties[path[0]]
	return exists && holds(below, path[1:]) || schema.AdditionalProperties != nil
}
