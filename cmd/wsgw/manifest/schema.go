// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package manifest

import (
	"context"
	"fmt"
	"strings"

	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/cel"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/defaulting"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/listtype"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/pruning"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/validation"
	apivalidation "k8s.io/apimachinery/pkg/api/validation"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	metav1validation "k8s.io/apimachinery/pkg/apis/meta/v1/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
	celconfig "k8s.io/apiserver/pkg/apis/cel"
	"sigs.k8s.io/yaml"

	"github.com/wsgateway/websocket-gateway-operator/config/crd"
)

// Schema checks the objects of one kind with the code and the rules of an API
// server that has our CRD. It may be used concurrently.
type Schema struct {
	structural *schema.Structural
	openAPI    validation.SchemaCreateValidator
	rules      *cel.Validator
}

// NewSchema compiles the schema and rules of the CRD of WebSocketGateways that
// this program was built with.
func NewSchema() (*Schema, error) {
	data, err := crd.Gateway()
	if err != nil {
		return nil, fmt.Errorf("read the CRD: %w", err)
	}
	return CompileSchema(data)
}

// NewRouteSchema does the same for WebSocketRoutes.
func NewRouteSchema() (*Schema, error) {
	data, err := crd.Route()
	if err != nil {
		return nil, fmt.Errorf("read the CRD: %w", err)
	}
	return CompileSchema(data)
}

// NewRevocationSchema does the same for WebSocketRevocations.
func NewRevocationSchema() (*Schema, error) {
	data, err := crd.Revocation()
	if err != nil {
		return nil, fmt.Errorf("read the CRD: %w", err)
	}
	return CompileSchema(data)
}

// CompileSchema does the same for any CRD with one version, given as YAML.
func CompileSchema(data []byte) (*Schema, error) {
	var definition apiextensionsv1.CustomResourceDefinition
	if err := yaml.Unmarshal(data, &definition); err != nil {
		return nil, fmt.Errorf("decode the CRD: %w", err)
	}
	if len(definition.Spec.Versions) != 1 || definition.Spec.Versions[0].Schema == nil {
		return nil, fmt.Errorf("the CRD has %d versions, want one with a schema", len(definition.Spec.Versions))
	}
	var props apiextensions.JSONSchemaProps
	err := apiextensionsv1.Convert_v1_JSONSchemaProps_To_apiextensions_JSONSchemaProps(
		definition.Spec.Versions[0].Schema.OpenAPIV3Schema, &props, nil)
	if err != nil {
		return nil, fmt.Errorf("convert the CRD: %w", err)
	}
	structural, err := schema.NewStructural(&props)
	if err != nil {
		return nil, fmt.Errorf("compile the CRD's schema: %w", err)
	}
	openAPI, _, err := validation.NewSchemaValidator(&props)
	if err != nil {
		return nil, fmt.Errorf("compile the CRD's schema: %w", err)
	}
	return &Schema{
		structural: structural,
		openAPI:    openAPI,
		rules:      cel.NewValidator(structural, true, celconfig.PerCallLimit),
	}, nil
}

// Check returns what an API server would refuse the object for, fields that it
// does not know included. It does not change the object.
func (s *Schema) Check(ctx context.Context, original *unstructured.Unstructured) []Problem {
	object := original.DeepCopy().Object
	problems := s.unknownFields(object)
	errs := metadata(object)
	defaulting.Default(object, s.structural)
	errs = append(errs, validation.ValidateCustomResource(nil, object, s.openAPI)...)
	errs = append(errs, listtype.ValidateListSetsAndMaps(nil, s.structural, object)...)
	// The rules may rely on what the schema promises.
	if len(errs) == 0 {
		errs, _ = s.rules.Validate(ctx, nil, s.structural, object, nil, celconfig.RuntimeCELCostBudget)
	}
	for _, err := range errs {
		problem := Problem{Field: err.Field, Message: sentence(err)}
		// The field of a rule about the whole object is no field.
		if problem.Field == "<nil>" {
			problem.Field = ""
		}
		problems = append(problems, problem)
	}
	return problems
}

// unknownFields removes what the schema does not know, as the server would, and
// names it.
func (s *Schema) unknownFields(object map[string]any) []Problem {
	unknown := pruning.PruneWithOptions(object, s.structural, true,
		schema.UnknownFieldPathOptions{TrackUnknownFieldPaths: true})
	problems := make([]Problem, 0, len(unknown))
	for _, path := range unknown {
		problems = append(problems, Problem{
			Field: path, Message: "there is no such field in this release: remove it, or correct its name",
		})
	}
	return problems
}

func metadata(object map[string]any) field.ErrorList {
	meta := &unstructured.Unstructured{Object: object}
	path := field.NewPath("metadata")
	var errs field.ErrorList
	if name := meta.GetName(); name == "" {
		errs = append(errs, field.Required(path.Child("name"), ""))
	} else {
		for _, message := range apivalidation.NameIsDNSSubdomain(name, false) {
			errs = append(errs, field.Invalid(path.Child("name"), name, message))
		}
	}
	errs = append(errs, metav1validation.ValidateLabels(meta.GetLabels(), path.Child("labels"))...)
	return append(errs, apivalidation.ValidateAnnotations(meta.GetAnnotations(), path.Child("annotations"))...)
}

// sentence turns the server's words into ones that end with what to do.
func sentence(err *field.Error) string {
	// The message of a rule of ours is a sentence already; a schema's is
	// "FIELD in body should ...".
	text := strings.TrimPrefix(err.ErrorBody(), "Invalid value: ")
	if _, rest, found := strings.Cut(text, err.Field+" in body "); found {
		return fmt.Sprintf("%v %s: change it", value(err.BadValue), rest)
	}
	switch err.Type {
	default:
	case field.ErrorTypeRequired:
		return "a value is required: add it"
	case field.ErrorTypeDuplicate:
		return text + ": remove one of the two"
	case field.ErrorTypeNotSupported:
		return text + ": choose one of these"
	case field.ErrorTypeTooMany, field.ErrorTypeTooLong:
		return text + ": make it shorter"
	case field.ErrorTypeTypeInvalid:
		return text + ": change the type"
	}
	if err.Detail != "" {
		return err.Detail
	}
	return text
}

func value(bad any) string {
	if text, ok := bad.(string); ok {
		return fmt.Sprintf("%q", text)
	}
	return fmt.Sprint(bad)
}
