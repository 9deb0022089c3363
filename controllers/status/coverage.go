// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package status

import (
	"fmt"
	"slices"
	"strings"

	wsv1alpha1 "github.com/wsgateway/websocket-gateway-operator/api/v1alpha1"
	"github.com/wsgateway/websocket-gateway-operator/gateway/contract"
)

// coverage looks for hostnames that were added to a listener: until cert-manager
// has issued the certificate for them, their clients refuse what is served. The
// pods themselves report this of Secrets that users maintain.
func (p *pass) coverage(name string, certificate *Certificate, pods []*Pod) finding {
	listener := p.listener(name)
	if listener == nil || p.held() || !p.managed(name) {
		return p.yes(wsv1alpha1.ReasonCertificatesReady, "as it was")
	}
	for _, pod := range pods {
		lacking := uncovered(pod.leaf(name), listener.Hostnames)
		if len(lacking) == 0 {
			continue
		}
		if certificate.FailureReason != "" {
			return p.no(wsv1alpha1.ReasonIssuanceFailed, fmt.Sprintf("listener %q: %s", name, p.failure(certificate)))
		}
		return p.no(wsv1alpha1.ReasonIssuing, fmt.Sprintf(
			"listener %q: the certificate that pod %s serves is not yet for %s: %s",
			name, pod.Name, strings.Join(lacking, ", "), p.inspect(certificate)))
	}
	return p.yes(wsv1alpha1.ReasonCertificatesReady, "covered")
}

// uncovered are the hostnames that a leaf is not for. A wildcard stands for one
// leading label (RFC 6125 section 6.4.3), and for nothing below another
// wildcard.
func uncovered(leaf *contract.CertificateReport, hostnames []wsv1alpha1.Hostname) []string {
	if len(leaf.DNSNames) == 0 {
		return nil // the pod does not say
	}
	var lacking []string
	for _, hostname := range hostnames {
		_, parent, _ := strings.Cut(string(hostname), ".")
		if !slices.Contains(leaf.DNSNames, string(hostname)) && !slices.Contains(leaf.DNSNames, "*."+parent) {
			lacking = append(lacking, string(hostname))
		}
	}
	return lacking
}
