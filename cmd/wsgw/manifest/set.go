// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package manifest

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"

	wsv1alpha1 "github.com/wsgateway/websocket-gateway-operator/api/v1alpha1"
	"github.com/wsgateway/websocket-gateway-operator/controllers/compile"
)

// Set is what the documents hold, sorted out.
type Set struct {
	// Gateways are the documents of that kind, not checked yet.
	Gateways []Document
	// Routes are the documents of kind WebSocketRoute, not checked yet.
	Routes []Document
	// Revocations are the documents of that kind, not checked yet.
	Revocations []Document
	// Ignored are documents of other kinds.
	Ignored []Document
	// Problems of single documents and of their number.
	Problems []Problem

	configMaps map[key]compile.ConfigMap
	secrets    map[key]map[string][]byte
	services   map[key]compile.Service
	issuers    map[key]map[compile.Issuer]bool
	// namespaces are their labels, by name.
	namespaces map[string]map[string]string
	grants     []compile.Grant
	// routes are those of Routes that DecodeRoutes has found in order.
	routes []wsv1alpha1.WebSocketRoute
	seen   map[string]string
}

// key names an object of a kind; namespace is empty for a ClusterIssuer.
type key struct{ namespace, name string }

// Sort sorts documents out by kind.
func Sort(documents []Document) *Set {
	s := &Set{
		configMaps: map[key]compile.ConfigMap{},
		secrets:    map[key]map[string][]byte{},
		services:   map[key]compile.Service{},
		issuers:    map[key]map[compile.Issuer]bool{},
		namespaces: map[string]map[string]string{},
		seen:       map[string]string{},
	}
	for _, document := range documents {
		s.add(document)
	}
	return s
}

func (s *Set) add(d Document) {
	kind := d.Object.GroupVersionKind()
	id := fmt.Sprintf("%s %s/%s", kind.GroupKind(), d.Namespace(), d.Object.GetName())
	if first, twice := s.seen[id]; twice {
		s.report(d, "metadata.name", "%s %q was already in %s: remove one of them", kind.Kind, d.Object.GetName(), first)
		return
	}
	s.seen[id] = d.Position()
	var err error
	switch at := (key{d.Namespace(), d.Object.GetName()}); kind.GroupKind().String() {
	case compile.KindConfigMap:
		err = s.addConfigMap(at, d)
	case compile.KindSecret:
		err = s.addSecret(at, d)
	case compile.KindService:
		err = s.addService(at, d)
	case "Namespace":
		s.addNamespace(d)
	case compile.KindGrant + "." + compile.GrantGroup:
		err = s.addGrant(d)
	case "Issuer.cert-manager.io", "ClusterIssuer.cert-manager.io":
		s.addIssuer(d)
	default:
		s.addOther(d)
	}
	if err != nil {
		s.report(d, "", "not a %s: correct the fields that an API server would refuse", kind.Kind)
	}
}

func (s *Set) report(d Document, field, format string, args ...any) {
	s.Problems = append(s.Problems, Problem{Position: d.Position(), Field: field, Message: fmt.Sprintf(format, args...)})
}

// addOther keeps our own kinds apart from what is none of our business. A kind of our
// group that does not exist is a slip.
func (s *Set) addOther(d Document) {
	kind := d.Object.GroupVersionKind()
	if kind.Group != wsv1alpha1.SchemeGroupVersion.Group {
		s.Ignored = append(s.Ignored, d)
		return
	}
	switch kind {
	case wsv1alpha1.SchemeGroupVersion.WithKind(wsv1alpha1.KindWebSocketGateway):
		s.Gateways = append(s.Gateways, d)
	case wsv1alpha1.SchemeGroupVersion.WithKind(wsv1alpha1.KindWebSocketRoute):
		s.Routes = append(s.Routes, d)
	case wsv1alpha1.SchemeGroupVersion.WithKind(wsv1alpha1.KindWebSocketRevocation):
		s.Revocations = append(s.Revocations, d)
	default:
		s.report(d, "kind", "this release has no %s of %s: use kind %s, %s or %s of %s", kind.Kind, kind.GroupVersion(),
			wsv1alpha1.KindWebSocketGateway, wsv1alpha1.KindWebSocketRoute, wsv1alpha1.KindWebSocketRevocation, wsv1alpha1.SchemeGroupVersion)
	}
}

func (s *Set) addConfigMap(at key, d Document) error {
	var object corev1.ConfigMap
	if err := convert(d, &object); err != nil {
		return err
	}
	data := make(map[string]string, len(object.Data)+len(object.BinaryData))
	for name, content := range object.BinaryData {
		data[name] = string(content)
	}
	maps.Copy(data, object.Data)
	s.configMaps[at] = compile.ConfigMap{Data: data}
	return nil
}

// addSecret reads data by hand: an error of a decoder may quote what it could
// not decode.
func (s *Set) addSecret(at key, d Document) error {
	raw, err := json.Marshal(d.Object.Object)
	if err != nil {
		return err
	}
	var object struct {
		Data       map[string]string `json:"data"`
		StringData map[string]string `json:"stringData"`
	}
	if err := json.Unmarshal(raw, &object); err != nil {
		return err
	}
	data := map[string][]byte{}
	for name, content := range object.Data {
		decoded, err := base64.StdEncoding.DecodeString(content)
		if err != nil {
			s.report(d, "data["+name+"]", "the value is not base64: encode it, or move it to stringData")
			continue
		}
		data[name] = decoded
	}
	for name, content := range object.StringData {
		data[name] = []byte(content)
	}
	s.secrets[at] = data
	return nil
}

func (s *Set) addService(at key, d Document) error {
	var object corev1.Service
	if err := convert(d, &object); err != nil {
		return err
	}
	service := compile.Service{ExternalName: object.Spec.Type == corev1.ServiceTypeExternalName}
	for i := range object.Spec.Ports {
		service.Ports = append(service.Ports, compile.NewServicePort(&object.Spec.Ports[i]))
	}
	s.services[at] = service
	return nil
}

func (s *Set) addIssuer(d Document) {
	kind := d.Object.GroupVersionKind()
	at := key{namespace: d.Namespace()}
	if kind.Kind == "ClusterIssuer" {
		at.namespace = ""
	}
	if s.issuers[at] == nil {
		s.issuers[at] = map[compile.Issuer]bool{}
	}
	s.issuers[at][compile.Issuer{Group: kind.Group, Kind: kind.Kind, Name: d.Object.GetName()}] = true
}

func convert(d Document, into any) error {
	return runtime.DefaultUnstructuredConverter.FromUnstructured(d.Object.Object, into)
}
