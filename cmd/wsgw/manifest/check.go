// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package manifest

import (
	"context"
	"fmt"
	"maps"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	wsv1alpha1 "github.com/wsgateway/websocket-gateway-operator/api/v1alpha1"
	"github.com/wsgateway/websocket-gateway-operator/controllers/compile"
)

// Decode checks a gateway against the schema and makes the Go type of it; nil if
// there are problems.
func (s *Schema) Decode(ctx context.Context, d Document) (*wsv1alpha1.WebSocketGateway, []Problem) {
	gw := &wsv1alpha1.WebSocketGateway{}
	if problems := s.decode(ctx, d, gw, wsv1alpha1.KindWebSocketGateway); len(problems) > 0 {
		return nil, problems
	}
	return gw, nil
}

// decode checks a document of a kind and fills in the Go type of it, unless there
// are problems.
func (s *Schema) decode(ctx context.Context, d Document, into metav1.Object, kind string) []Problem {
	problems := s.Check(ctx, d.Object)
	for i := range problems {
		problems[i].Position = d.Position()
	}
	if len(problems) > 0 {
		return problems
	}
	if err := convert(d, into); err != nil {
		return []Problem{{Position: d.Position(), Message: fmt.Sprintf("not a %s: %v", kind, err)}}
	}
	into.SetNamespace(d.Namespace())
	return nil
}

// Refs is what the documents know about the references of a gateway.
func (s *Set) Refs(gw *wsv1alpha1.WebSocketGateway) compile.Refs {
	refs := compile.Refs{
		ConfigMaps: map[string]compile.ConfigMap{},
		Services:   map[string]compile.Service{},
		Issuers:    map[compile.Issuer]bool{},
		Unchecked:  true,
	}
	for _, name := range compile.ConfigMaps(gw) {
		if found, ok := s.configMaps[key{gw.Namespace, name}]; ok {
			refs.ConfigMaps[name] = found
		}
	}
	s.attach(gw, &refs)
	for _, name := range compile.UsableServices(gw, &refs) {
		namespace, service := compile.ServiceKey(gw.Namespace, name)
		if found, ok := s.services[key{namespace, service}]; ok {
			refs.Services[name] = found
		}
	}
	maps.Copy(refs.Issuers, s.issuers[key{}])
	maps.Copy(refs.Issuers, s.issuers[key{namespace: gw.Namespace}])
	return refs
}

// Secret returns the content of a Secret in a namespace.
func (s *Set) Secret(namespace, name string) (map[string][]byte, bool) {
	data, found := s.secrets[key{namespace, name}]
	return data, found
}

// Compile compiles a gateway as the operator would, and looks at the Secrets as
// its pods would.
func (s *Set) Compile(d Document, gw *wsv1alpha1.WebSocketGateway, now time.Time) Findings {
	result, problems, unchecked := s.Config(d, gw)
	found := Findings{Problems: append(problems, s.CheckContents(d, &result.Config, now)...), Unchecked: unchecked}
	found.overruled(d, gw.Name, result.Overruled)
	return found
}

// Config compiles a gateway as the operator would. It returns what has to be
// repaired in its spec and ConfigMaps, and the references that no document holds.
func (s *Set) Config(d Document, gw *wsv1alpha1.WebSocketGateway) (result compile.Result, problems, unchecked []Problem) {
	result = compile.Config(gw, s.Refs(gw), nil)
	for _, problem := range result.Problems {
		problems = append(problems, Problem{Position: d.Position(), Field: problem.Field, Message: problem.Message})
	}
	for _, reference := range result.Unchecked {
		unchecked = append(unchecked, missing(d, reference))
	}
	for _, reference := range compile.References(gw, false) {
		if reference.Kind != compile.KindSecret || reference.Group != "" {
			continue
		}
		if _, found := s.Secret(gw.Namespace, reference.Name); !found {
			unchecked = append(unchecked, missing(d, reference))
		}
	}
	return result, problems, unchecked
}

func missing(d Document, reference compile.Reference) Problem {
	return Problem{
		Position: d.Position(), Field: reference.Field,
		Message: fmt.Sprintf("%s %q is in none of the files: add it to them to have it checked", reference.Kind, reference.Name),
	}
}
