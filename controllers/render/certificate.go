// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package render

import (
	"slices"

	cmv1 "github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1"
	cmv1ac "github.com/cert-manager/cert-manager/pkg/client/applyconfigurations/certmanager/v1"
	cmmetav1ac "github.com/cert-manager/cert-manager/pkg/client/applyconfigurations/meta/v1"

	wsv1alpha1 "github.com/wsgateway/websocket-gateway-operator/api/v1alpha1"
	"github.com/wsgateway/websocket-gateway-operator/controllers/compile"
)

const (
	defaultECDSABits = 256
	defaultRSABits   = 2048

	defaultIssuerKind  = "Issuer"
	defaultIssuerGroup = "cert-manager.io"
)

// certificate renders cert-manager's Certificate of one listener. There is no
// common name: it is limited to 64 bytes, which a hostname is not, and no
// client has looked at it for years (RFC 6125 section 6.4.4).
func certificate(
	gw *wsv1alpha1.WebSocketGateway, listener *wsv1alpha1.Listener,
) *cmv1ac.CertificateApplyConfiguration {
	name := compile.CertificateSecretName(gw.Name, listener.Name)
	source := listener.TLS.Certificate
	algorithm, bits := privateKey(source.PrivateKey)

	spec := cmv1ac.CertificateSpec().
		WithSecretName(name).
		WithSecretTemplate(cmv1ac.CertificateSecretTemplate().WithLabels(labels(gw, componentTLS))).
		WithDNSNames(dnsNames(listener.Hostnames)...).
		WithUsages(usages(algorithm)...).
		WithIssuerRef(issuer(source.IssuerRef)).
		WithPrivateKey(cmv1ac.CertificatePrivateKey().
			// A key that outlives its certificate outlives the damage of its theft.
			WithRotationPolicy(cmv1.RotationPolicyAlways).
			WithEncoding(cmv1.PKCS8).
			WithAlgorithm(algorithm).
			WithSize(bits))
	if source.Duration != nil {
		spec.WithDuration(*source.Duration)
	}
	if source.RenewBefore != nil {
		spec.WithRenewBefore(*source.RenewBefore)
	}
	if source.RenewBeforePercentage != nil {
		spec.WithRenewBeforePercentage(*source.RenewBeforePercentage)
	}
	return cmv1ac.Certificate(name, gw.Namespace).
		WithLabels(labels(gw, componentTLS)).
		WithOwnerReferences(owner(gw)).
		WithSpec(spec)
}

func privateKey(key *wsv1alpha1.PrivateKey) (cmv1.PrivateKeyAlgorithm, int) {
	algorithm, bits := cmv1.ECDSAKeyAlgorithm, defaultECDSABits
	if key == nil {
		return algorithm, bits
	}
	if key.Algorithm == wsv1alpha1.KeyAlgorithmRSA {
		algorithm, bits = cmv1.RSAKeyAlgorithm, defaultRSABits
	}
	if key.Size != nil {
		bits = int(*key.Size)
	}
	return algorithm, bits
}

// usages are written out: cert-manager's default lacks server auth. Key
// encipherment is a use of RSA keys only (RFC 5280 section 4.2.1.3).
func usages(algorithm cmv1.PrivateKeyAlgorithm) []cmv1.KeyUsage {
	list := []cmv1.KeyUsage{cmv1.UsageServerAuth, cmv1.UsageDigitalSignature}
	if algorithm == cmv1.RSAKeyAlgorithm {
		list = append(list, cmv1.UsageKeyEncipherment)
	}
	return list
}

func issuer(ref *wsv1alpha1.IssuerReference) *cmmetav1ac.IssuerReferenceApplyConfiguration {
	kind, group := ref.Kind, ref.Group
	if kind == "" {
		kind = defaultIssuerKind
	}
	if group == "" {
		group = defaultIssuerGroup
	}
	return cmmetav1ac.IssuerReference().WithName(ref.Name).WithKind(kind).WithGroup(group)
}

// dnsNames are sorted, so that a reordered spec asks for no new certificate.
func dnsNames(hostnames []wsv1alpha1.Hostname) []string {
	names := make([]string, 0, len(hostnames))
	for _, hostname := range hostnames {
		names = append(names, string(hostname))
	}
	slices.Sort(names)
	return names
}
