// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package compile

import (
	"cmp"
	"fmt"
	"maps"
	"slices"

	wsv1alpha1 "github.com/wsgateway/websocket-gateway-operator/api/v1alpha1"
	"github.com/wsgateway/websocket-gateway-operator/gateway/contract"
)

// Kinds that a Reference may have, besides those of issuers.
const (
	KindConfigMap = "ConfigMap"
	KindSecret    = "Secret"
	KindService   = "Service"
	// KindCertificate is a kind of cert-manager.
	KindCertificate = "Certificate"
)

const (
	certManagerGroup  = "cert-manager.io"
	issuerKind        = "Issuer"
	clusterIssuerKind = "ClusterIssuer"
)

// Reference is one place of a spec that names another object. All but a
// ClusterIssuer and some Services are in the gateway's namespace.
type Reference struct {
	// Field that holds the name.
	Field string
	// Group of the object; empty for the kinds of the core group.
	Group, Kind, Name string
	// Namespace of the object; empty for that of whoever refers to it.
	Namespace string
	// Keys that the object must hold; empty where any will do.
	Keys []string
	// Port of a Service; 0 for other kinds.
	Port int32
}

// References lists everything that a gateway refers to, sorted by field. The
// Secrets that the operator has issued are among them, under the field that
// asks for their certificate, if issued is true.
func References(gw *wsv1alpha1.WebSocketGateway, issued bool) []Reference {
	var list []Reference
	for i := range gw.Spec.Listeners {
		list = append(list, certificateReferences(gw.Name, &gw.Spec.Listeners[i], issued)...)
		list = append(list, caReferences(&gw.Spec.Listeners[i])...)
	}
	for i := range gw.Spec.AuthPolicies {
		policy := &gw.Spec.AuthPolicies[i]
		for j := range policy.AnyOf {
			list = append(list, methodReferences(methodField(policy.Name, j), &policy.AnyOf[j])...)
		}
	}
	list = slices.Concat(list, backendTLSReferences(gw), collectorReferences(gw), auditReferences(gw), signingReferences(gw.Spec.Audit))
	for _, service := range ServiceReferences(gw) {
		list = append(list, Reference{Field: service.Field + ".name", Kind: KindService, Namespace: service.Namespace, Name: service.Name, Port: service.Port})
	}
	slices.SortFunc(list, compareReferences)
	return list
}

func certificateReferences(gateway string, listener *wsv1alpha1.Listener, issued bool) []Reference {
	field := listenerField(listener.Name) + ".tls.certificate"
	pair := []string{contract.TLSCertificateKey, contract.TLSPrivateKeyKey}
	source := &listener.TLS.Certificate
	if source.SecretRef != nil {
		return []Reference{{Field: field + ".secretRef.name", Kind: KindSecret, Name: source.SecretRef.Name, Keys: pair}}
	}
	if source.CertificateRef != nil {
		return []Reference{{
			Field: field + ".certificateRef.name", Group: certManagerGroup, Kind: KindCertificate, Name: source.CertificateRef.Name,
		}}
	}
	var list []Reference
	if source.IssuerRef != nil {
		issuer := issuerOf(source.IssuerRef)
		list = append(list, Reference{
			Field: field + ".issuerRef.name", Group: issuer.Group, Kind: issuer.Kind, Name: issuer.Name,
		})
	}
	if issued {
		list = append(list, Reference{
			Field: field + ".issuerRef", Kind: KindSecret, Name: CertificateSecretName(gateway, listener.Name), Keys: pair,
		})
	}
	return list
}

func caReferences(listener *wsv1alpha1.Listener) []Reference {
	var list []Reference
	if wanted := listener.TLS.ClientCertificates; wanted != nil {
		for i := range wanted.CARefs {
			list = append(list, Reference{
				Field: caField(listener.Name, i) + ".name", Kind: KindConfigMap, Name: wanted.CARefs[i].Name,
				Keys: []string{cmp.Or(wanted.CARefs[i].Key, contract.DefaultCAKey)},
			})
		}
	}
	return list
}

func methodReferences(field string, method *wsv1alpha1.AuthMethod) []Reference {
	if method.APIKey != nil {
		return []Reference{{Field: field + ".apiKey.secretRef.name", Kind: KindSecret, Name: method.APIKey.SecretRef.Name}}
	}
	if method.Basic != nil {
		ref := &method.Basic.SecretRef
		return []Reference{{
			Field: field + ".basic.secretRef.name", Kind: KindSecret, Name: ref.Name, Keys: []string{keyOr(ref, contract.DefaultUsersKey)},
		}}
	}
	if method.JWT == nil {
		return nil
	}
	var list []Reference
	add := func(name, kind string, ref *wsv1alpha1.LocalKeyReference, standard string) {
		if ref != nil {
			list = append(list, Reference{
				Field: field + ".jwt.jwks." + name + ".name", Kind: kind, Name: ref.Name, Keys: []string{keyOr(ref, standard)},
			})
		}
	}
	add("configMapRef", KindConfigMap, method.JWT.JWKS.ConfigMapRef, contract.DefaultKeySetKey)
	add("secretRef", KindSecret, method.JWT.JWKS.SecretRef, contract.DefaultKeySetKey)
	add("caRef", KindConfigMap, method.JWT.JWKS.CARef, contract.DefaultCAKey)
	return list
}

// MountedSecrets names every Secret that the gateway's pods read, sorted and
// once each: certificates, issued ones included, API keys, password files, key
// sets, what is shown to backends, and what the audit records need. referred are
// those of Certificates that somebody else maintains, as Result has them.
func MountedSecrets(gw *wsv1alpha1.WebSocketGateway, referred map[string]string) []string {
	return sorted(slices.AppendSeq(namesOf(gw, KindSecret), maps.Values(referred)))
}

// ConfigMaps names every ConfigMap that a gateway refers to, sorted and once
// each.
func ConfigMaps(gw *wsv1alpha1.WebSocketGateway) []string {
	return namesOf(gw, KindConfigMap)
}

// Services names every Service that a gateway itself refers to, as ServiceName
// does, sorted and once each.
func Services(gw *wsv1alpha1.WebSocketGateway) []string {
	return namesOf(gw, KindService)
}

// Issuers lists every issuer that a gateway refers to, once each, in the order
// of the listeners.
func Issuers(gw *wsv1alpha1.WebSocketGateway) []Issuer {
	var list []Issuer
	for i := range gw.Spec.Listeners {
		ref := gw.Spec.Listeners[i].TLS.Certificate.IssuerRef
		if ref != nil && !slices.Contains(list, issuerOf(ref)) {
			list = append(list, issuerOf(ref))
		}
	}
	return list
}

func namesOf(gw *wsv1alpha1.WebSocketGateway, kind string) []string {
	var names []string
	for _, reference := range References(gw, true) {
		if reference.Kind == kind && reference.Group == "" {
			names = append(names, ServiceName(gw.Namespace, reference.Namespace, reference.Name))
		}
	}
	return sorted(names)
}

func issuerOf(ref *wsv1alpha1.IssuerReference) Issuer {
	return Issuer{
		Group: cmp.Or(ref.Group, certManagerGroup),
		Kind:  cmp.Or(ref.Kind, issuerKind),
		Name:  ref.Name,
	}
}

func keyOr(ref *wsv1alpha1.LocalKeyReference, standard string) string {
	return cmp.Or(ref.Key, standard)
}

func methodField(policy string, index int) string {
	return fmt.Sprintf("%s.anyOf[%d]", policyField(policy), index)
}

func backendField(route string, index int) string {
	return fmt.Sprintf("%s.backendRefs[%d]", routeField(route), index)
}

func compareReferences(a, b Reference) int {
	return cmp.Or(cmp.Compare(a.Field, b.Field), cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Name, b.Name))
}

// unchecked notes a reference that nobody could follow.
func (c *compiler) unchecked(reference Reference) {
	c.result.Unchecked = append(c.result.Unchecked, reference)
}
