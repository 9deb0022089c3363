// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package compile

import (
	"cmp"
	"fmt"
	"slices"

	wsv1alpha1 "github.com/wsgateway/websocket-gateway-operator/api/v1alpha1"
	"github.com/wsgateway/websocket-gateway-operator/gateway/contract"
)

// Values of a Service port's appProtocol that say whether it speaks TLS.
const (
	protocolPlain  = "kubernetes.io/ws"
	protocolSecure = "kubernetes.io/wss"
)

// backendTLS are the profiles that can be used. One whose CAs are all unknown is
// not among them: without any bundle it would trust the public CAs.
func (c *compiler) backendTLS() []contract.BackendTLS {
	var list []contract.BackendTLS
	for i := range c.gw.Spec.BackendTLS {
		spec := &c.gw.Spec.BackendTLS[i]
		profile := contract.BackendTLS{Name: spec.Name, Bundles: c.backendCAs(spec)}
		if shown := spec.ClientCertificate; shown != nil {
			profile.CertificateSecret = shown.SecretRef.Name
		}
		if len(profile.Bundles) > 0 || len(spec.CARefs) == 0 {
			list = append(list, profile)
		}
	}
	slices.SortFunc(list, func(a, b contract.BackendTLS) int { return cmp.Compare(a.Name, b.Name) })
	return list
}

// backendCAs are the bundles of a profile that there are: a backend whose CA is in
// another one is not trusted until that is there.
func (c *compiler) backendCAs(spec *wsv1alpha1.BackendTLS) []contract.CABundle {
	var list []contract.CABundle
	for i := range spec.CARefs {
		ref := &wsv1alpha1.LocalKeyReference{Name: spec.CARefs[i].Name, Key: spec.CARefs[i].Key}
		bundle := contract.CABundle{ConfigMap: ref.Name, Key: keyOr(ref, contract.DefaultCAKey)}
		var ok bool
		bundle.Certificates, ok = c.content(content{
			field: backendCAField(spec.Name, i), ref: ref, standard: contract.DefaultCAKey,
			purpose: "CA bundle", check: checkCABundle,
			lastGood:  c.lastBackendBundle(spec.Name, &bundle),
			otherwise: "backends with certificates of these CAs get no connections",
		})
		if ok && !slices.Contains(list, bundle) {
			list = append(list, bundle)
		}
	}
	return list
}

// lastBackendBundle is what a ConfigMap held for a profile when it was last good.
func (c *compiler) lastBackendBundle(profile string, wanted *contract.CABundle) string {
	if c.previous == nil {
		return ""
	}
	for i := range c.previous.BackendTLS {
		last := &c.previous.BackendTLS[i]
		if last.Name != profile {
			continue
		}
		for _, bundle := range last.Bundles {
			if bundle.ConfigMap == wanted.ConfigMap && bundle.Key == wanted.Key {
				return bundle.Certificates
			}
		}
	}
	return ""
}

// secured is a backend with the profile that its reference names, if any. field
// holds the reference, service is what ServiceName calls the Service.
func (c *compiler) secured(field, service string, ref *wsv1alpha1.BackendReference) (contract.Backend, contract.Fault) {
	backend := contract.Backend{Name: BackendName(service, ref.Port)}
	if fault := c.checkProtocol(field, service, ref); fault != "" {
		return backend, fault
	}
	if ref.TLS == "" {
		return backend, ""
	}
	if fault := c.offeredProfile(field+".tls", ref); fault != "" {
		return backend, fault
	}
	if !c.hasProfile(ref.TLS) {
		c.unresolved(field+".tls", wsv1alpha1.ReasonBackendTLSNotFound,
			"spec.backendTLS has no profile %q, so that Service %q gets no connections: add the profile, or correct the name", ref.TLS, ref.Name)
		return backend, contract.FaultBackendTLSUnavailable
	}
	if !slices.ContainsFunc(c.result.Config.BackendTLS, func(p contract.BackendTLS) bool { return p.Name == ref.TLS }) {
		return backend, contract.FaultBackendTLSUnavailable // and its CAs are reported
	}
	backend.TLS = ref.TLS
	backend.ServerName = c.serverName(service, ref.TLS)
	return backend, ""
}

// serverName is the name by which backends of a Service are verified.
func (c *compiler) serverName(service, profile string) string {
	for i := range c.gw.Spec.BackendTLS {
		if own := c.gw.Spec.BackendTLS[i]; own.Name == profile && own.ServerName != "" {
			return own.ServerName
		}
	}
	return serviceHost(c.gw.Namespace, service)
}

// serviceHost is the name that a Service has in the cluster.
func serviceHost(gateway, service string) string {
	namespace, name := ServiceKey(gateway, service)
	return name + "." + namespace + ".svc"
}

// checkProtocol holds a reference to what the port says of itself. Frames in the
// clear for a server that expects TLS would only fail; the other way round, one
// that was meant to be private would not be.
func (c *compiler) checkProtocol(field, service string, ref *wsv1alpha1.BackendReference) contract.Fault {
	port, _ := portOf(c.refs.Services[service], ref.Port)
	switch {
	case port.AppProtocol == protocolSecure && ref.TLS == "":
		c.unresolved(field+".tls", wsv1alpha1.ReasonBackendProtocolMismatch,
			"port %d of Service %q speaks TLS (appProtocol %s), and the reference names no profile: set tls to a name of spec.backendTLS", ref.Port, ref.Name, protocolSecure)
	case port.AppProtocol == protocolPlain && ref.TLS != "":
		c.unresolved(field+".tls", wsv1alpha1.ReasonBackendProtocolMismatch,
			"port %d of Service %q does not speak TLS (appProtocol %s), and the reference names profile %q: remove tls, or set appProtocol of the port to %s",
			ref.Port, ref.Name, protocolPlain, ref.TLS, protocolSecure)
	default:
		return ""
	}
	return contract.FaultBackendTLSMismatch
}

// backendTLSReferences are the ConfigMaps and Secrets of the profiles.
func backendTLSReferences(gw *wsv1alpha1.WebSocketGateway) []Reference {
	var list []Reference
	for i := range gw.Spec.BackendTLS {
		profile := &gw.Spec.BackendTLS[i]
		for j := range profile.CARefs {
			list = append(list, Reference{
				Field: backendCAField(profile.Name, j) + ".name", Kind: KindConfigMap, Name: profile.CARefs[j].Name,
				Keys: []string{cmp.Or(profile.CARefs[j].Key, contract.DefaultCAKey)},
			})
		}
		if shown := profile.ClientCertificate; shown != nil {
			list = append(list, Reference{
				Field: backendTLSField(profile.Name) + ".clientCertificate.secretRef.name", Kind: KindSecret, Name: shown.SecretRef.Name,
				Keys: []string{contract.TLSCertificateKey, contract.TLSPrivateKeyKey},
			})
		}
	}
	return list
}

func backendTLSField(name string) string { return "spec.backendTLS[" + name + "]" }

func backendCAField(profile string, index int) string {
	return fmt.Sprintf("%s.caRefs[%d]", backendTLSField(profile), index)
}
