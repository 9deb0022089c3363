// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package chart_test

import (
	"strings"
	"testing"

	celgo "github.com/google/cel-go/cel"
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/cel"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/cel/model"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/version"
	celconfig "k8s.io/apiserver/pkg/apis/cel"
	"k8s.io/apiserver/pkg/cel/environment"

	"github.com/wsgateway/websocket-gateway-operator/test/chart"
)

// TestTheOldestKubernetesKnowsEveryExpression compiles the rules of the CRDs and of
// the policies with the functions that the oldest version of Chart.yaml has. The API
// servers of the other tests are newer, and a rule that the oldest does not know
// would have it refuse the whole CRD.
func TestTheOldestKubernetesKnowsEveryExpression(t *testing.T) {
	var meta struct {
		KubeVersion string `json:"kubeVersion"`
	}
	read(t, chart.Path+"/Chart.yaml", &meta)
	oldest, err := version.ParseGeneric(strings.TrimSuffix(strings.TrimPrefix(meta.KubeVersion, ">="), "-0"))
	if err != nil {
		t.Fatal(err)
	}
	known := environment.MustBaseEnvSet(oldest)
	rules := 0
	rendered := template(t, "helm")
	for i := range rendered {
		object := &rendered[i]
		switch object.GetKind() {
		case "CustomResourceDefinition":
			rules += compileCRD(t, known, object)
		case "ValidatingAdmissionPolicy":
			rules += compilePolicy(t, known, object)
		}
	}
	if rules < 100 {
		t.Errorf("%d rules were found", rules)
	}
	if compiles(t, known, `[1, 2].all(i, v, v > i)`) == nil {
		t.Errorf("what Kubernetes 1.32 has brought is known in %s", oldest)
	}
}

// compileCRD returns how many rules the CRD has.
func compileCRD(t *testing.T, known *environment.EnvSet, object *unstructured.Unstructured) int {
	t.Helper()
	var definition apiextensionsv1.CustomResourceDefinition
	decode(t, object, &definition)
	var props apiextensions.JSONSchemaProps
	if err := apiextensionsv1.Convert_v1_JSONSchemaProps_To_apiextensions_JSONSchemaProps(
		definition.Spec.Versions[0].Schema.OpenAPIV3Schema, &props, nil); err != nil {
		t.Fatal(err)
	}
	root, err := schema.NewStructural(&props)
	if err != nil {
		t.Fatal(err)
	}
	rules := 0
	var walk func(at string, part *schema.Structural, isRoot bool)
	walk = func(at string, part *schema.Structural, isRoot bool) {
		results, err := cel.Compile(part, model.SchemaDeclType(part, isRoot), celconfig.PerCallLimit, known, cel.NewExpressionsEnvLoader())
		if err != nil {
			t.Errorf("%s %s: %v", object.GetName(), at, err)
		}
		for i := range results {
			rules++
			if results[i].Error != nil {
				t.Errorf("%s %s, %s: %v", object.GetName(), at, part.XValidations[i].Rule, results[i].Error)
			}
		}
		for name := range part.Properties {
			inner := part.Properties[name]
			walk(at+"."+name, &inner, false)
		}
		if part.Items != nil {
			walk(at+"[]", part.Items, false)
		}
		if part.AdditionalProperties != nil && part.AdditionalProperties.Structural != nil {
			walk(at+"{}", part.AdditionalProperties.Structural, false)
		}
	}
	walk("", root, true)
	return rules
}

// compilePolicy returns how many expressions the policy has.
func compilePolicy(t *testing.T, known *environment.EnvSet, object *unstructured.Unstructured) int {
	t.Helper()
	var policy admissionregistrationv1.ValidatingAdmissionPolicy
	decode(t, object, &policy)
	var all []string
	for i := range policy.Spec.MatchConditions {
		all = append(all, policy.Spec.MatchConditions[i].Expression)
	}
	for i := range policy.Spec.Variables {
		all = append(all, policy.Spec.Variables[i].Expression)
	}
	for i := range policy.Spec.Validations {
		all = append(all, policy.Spec.Validations[i].Expression)
	}
	for _, expression := range all {
		if err := compiles(t, known, expression); err != nil {
			t.Errorf("%s, %s: %v", object.GetName(), expression, err)
		}
	}
	return len(all)
}

// compiles tells whether the functions and the syntax of an expression are known.
func compiles(t *testing.T, known *environment.EnvSet, expression string) error {
	t.Helper()
	var options []celgo.EnvOption
	for _, name := range []string{"object", "oldObject", "request", "variables"} {
		options = append(options, celgo.Variable(name, celgo.DynType))
	}
	env, err := known.NewExpressionsEnv().Extend(options...)
	if err != nil {
		t.Fatal(err)
	}
	_, issues := env.Compile(expression)
	return issues.Err()
}
