// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package crd_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/yaml"
)

// Each bound that a CRD has is broken, alone and by as little as possible, in a
// manifest that is accepted otherwise; so none needs a manifest of its own, and a
// new field needs an accepted one that has it.
func TestEachBoundOfTheCRDsIsKept(t *testing.T) {
	t.Parallel()
	found := sites(t)
	wanted := bounded(t)
	if len(wanted) < 150 {
		t.Fatalf("found %d bounds in the CRDs: the search is broken", len(wanted))
	}
	for _, bound := range wanted {
		site, ok := found[bound.place]
		if !ok {
			t.Errorf("no manifest in testdata/accepted has %s, so that its bound %s cannot be tried", bound.place, bound.what)
			continue
		}
		t.Run(bound.place+" "+bound.what, func(t *testing.T) {
			t.Parallel()
			object, field := site.with(t, bound.broken)
			if fields := refused(t, object); !slices.Contains(fields, field) {
				t.Errorf("%s is not refused in %s, but %q", field, site.manifest, fields)
			}
		})
	}
}

// What nobody bounds, somebody fills: the objects live in etcd, and the rules of
// the server are paid for by the length of what they read.
func TestEverythingInASpecIsBounded(t *testing.T) {
	t.Parallel()
	for kind, schema := range specs(t) {
		walk(kind+".spec", schema, func(place string, s *apiextensionsv1.JSONSchemaProps) {
			if strings.Contains(place, ".infrastructure.resources") {
				return // Kubernetes' own type
			}
			switch s.Type {
			case "array":
				if s.MaxItems == nil {
					t.Errorf("%s has no maxItems", place)
				}
			case "string":
				if s.MaxLength == nil && len(s.Enum) == 0 && s.Pattern == "" {
					t.Errorf("%s has neither maxLength nor enum nor pattern", place)
				}
			case "integer":
				// A rule names the sizes that a key may have.
				if !strings.HasSuffix(place, ".privateKey.size") && (s.Maximum == nil || s.Minimum == nil) {
					t.Errorf("%s has no maximum or no minimum", place)
				}
			case "object":
				if s.AdditionalProperties != nil && s.MaxProperties == nil {
					t.Errorf("%s has no maxProperties", place)
				}
			}
		})
	}
}

// specs are the schemas of spec, by kind.
func specs(t *testing.T) map[string]*apiextensionsv1.JSONSchemaProps {
	t.Helper()
	found := map[string]*apiextensionsv1.JSONSchemaProps{}
	for _, definition := range definitions(t) {
		for i := range definition.Spec.Versions {
			spec := definition.Spec.Versions[i].Schema.OpenAPIV3Schema.Properties["spec"]
			found[definition.Spec.Names.Kind] = &spec
		}
	}
	return found
}

// walk visits a schema and everything below it, which visit may change. A place is
// written with [] for the items of a list and {} for the values of a map.
func walk(place string, schema *apiextensionsv1.JSONSchemaProps, visit func(string, *apiextensionsv1.JSONSchemaProps)) {
	visit(place, schema)
	for name := range schema.Properties {
		property := schema.Properties[name]
		walk(place+"."+name, &property, visit)
		schema.Properties[name] = property
	}
	if schema.Items != nil && schema.Items.Schema != nil {
		walk(place+"[]", schema.Items.Schema, visit)
	}
	if schema.AdditionalProperties != nil && schema.AdditionalProperties.Schema != nil {
		walk(place+"{}", schema.AdditionalProperties.Schema, visit)
	}
}

// bound is one bound of a place, and what breaks it.
type bound struct {
	place, what string
	broken      func(value any) any
}

func bounded(t *testing.T) []bound {
	t.Helper()
	var list []bound
	for kind, schema := range specs(t) {
		walk(kind+".spec", schema, func(place string, s *apiextensionsv1.JSONSchemaProps) {
			if strings.Contains(place, ".infrastructure.resources") {
				return
			}
			for what, broken := range breaking(s) {
				list = append(list, bound{place: place, what: what, broken: broken})
			}
		})
	}
	return list
}

// breaking are the ways to break a schema, by the name of the bound.
func breaking(s *apiextensionsv1.JSONSchemaProps) map[string]func(any) any {
	ways := map[string]func(any) any{}
	if s.MaxItems != nil {
		ways["maxItems"] = func(value any) any {
			items := value.([]any)
			for int64(len(items)) <= *s.MaxItems {
				items = append(items, items[len(items)-1])
			}
			return items
		}
	}
	if s.Type == "array" && slices.ContainsFunc(s.XValidations, refusesRepeats) {
		ways["an item that is there twice"] = func(value any) any {
			items := value.([]any)
			return append(items, items[len(items)-1])
		}
	}
	if s.MinItems != nil {
		ways["minItems"] = func(value any) any { return value.([]any)[:*s.MinItems-1] }
	}
	if s.MaxProperties != nil {
		ways["maxProperties"] = func(value any) any {
			members := value.(map[string]any)
			for _, one := range members {
				for i := 0; int64(len(members)) <= *s.MaxProperties; i++ {
					members[fmt.Sprintf("key-%d", i)] = one
				}
			}
			return members
		}
	}
	if s.MaxLength != nil {
		ways["maxLength"] = func(any) any { return strings.Repeat("a", int(*s.MaxLength)+1) }
	}
	if s.MinLength != nil {
		ways["minLength"] = func(value any) any { return value.(string)[:*s.MinLength-1] }
	}
	if s.Maximum != nil {
		ways["maximum"] = func(any) any { return int64(*s.Maximum) + 1 }
	}
	if s.Minimum != nil {
		ways["minimum"] = func(any) any { return int64(*s.Minimum) - 1 }
	}
	if s.Pattern != "" {
		// A line break within, which a pattern without its anchors lets pass.
		ways["pattern"] = func(value any) any { return value.(string) + "\n" + value.(string) }
	}
	if len(s.Enum) > 0 {
		ways["enum"] = func(any) any { return "Ünknown" }
	}
	return ways
}

// refusesRepeats knows the rules of lists by the ways in which they look for an item,
// or its name, a second time.
func refusesRepeats(rule apiextensionsv1.ValidationRule) bool {
	return strings.Contains(rule.Rule, "exists_one(") || strings.Contains(rule.Rule, "lastIndexOf(")
}

// site is where an accepted manifest has a place.
type site struct {
	manifest string
	object   map[string]any
	path     []any
}

// sites finds places in the accepted manifests.
func sites(t *testing.T) map[string]site {
	t.Helper()
	found := map[string]site{}
	schemas := specs(t)
	for name, manifest := range manifests(t, "accepted", 15) {
		var object map[string]any
		if err := yaml.Unmarshal(manifest, &object); err != nil {
			t.Fatal(err)
		}
		kind := object["kind"].(string)
		locate(kind+".spec", object["spec"], schemas[kind], []any{"spec"}, func(place string, path []any) {
			if _, ok := found[place]; !ok {
				found[place] = site{manifest: name, object: object, path: slices.Clone(path)}
			}
		})
	}
	return found
}

func locate(place string, value any, schema *apiextensionsv1.JSONSchemaProps, path []any, visit func(string, []any)) {
	visit(place, path)
	switch value := value.(type) {
	case []any:
		for i := range value {
			locate(place+"[]", value[i], schema.Items.Schema, append(path, i), visit)
		}
	case map[string]any:
		for name, member := range value {
			if property, ok := schema.Properties[name]; ok {
				locate(place+"."+name, member, &property, append(path, name), visit)
			} else if schema.AdditionalProperties != nil {
				locate(place+"{}", member, schema.AdditionalProperties.Schema, append(path, name), visit)
			}
		}
	}
}

// with is a copy of the manifest in which one value is another, and the server's
// name for its field.
func (s site) with(t *testing.T, broken func(any) any) (object map[string]any, field string) {
	t.Helper()
	data, err := yaml.Marshal(s.object)
	if err != nil {
		t.Fatal(err)
	}
	if err := yaml.Unmarshal(data, &object); err != nil {
		t.Fatal(err)
	}
	var at any = object
	for i, step := range s.path {
		last := i == len(s.path)-1
		switch step := step.(type) {
		case string:
			field = strings.TrimPrefix(field+"."+step, ".")
			members := at.(map[string]any)
			if last {
				members[step] = broken(members[step])
			}
			at = members[step]
		case int:
			field += fmt.Sprintf("[%d]", step)
			items := at.([]any)
			if last {
				items[step] = broken(items[step])
			}
			at = items[step]
		}
	}
	return object, field
}

// refused are the fields that the server refuses in an object.
func refused(t *testing.T, object map[string]any) []string {
	t.Helper()
	manifest, err := yaml.Marshal(object)
	if err != nil {
		t.Fatal(err)
	}
	err = admit(t, manifest)
	var status apierrors.APIStatus
	if !errors.As(err, &status) || status.Status().Details == nil {
		t.Fatalf("not refused: %v", err)
	}
	return refusedFields(err)
}
