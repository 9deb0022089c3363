// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package observe

import (
	"context"
	"fmt"

	cmv1 "github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1"
	cmmetav1 "github.com/cert-manager/cert-manager/pkg/apis/meta/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/wsgateway/websocket-gateway-operator/controllers/status"
)

// issuer says why an issuer does not work, empty if it does or nothing can be known:
// it is of another group, it is gone, it may not be read. A CertificateRequest says
// of an issuer that it is not ready, and never why; so it is asked itself, and only
// while somebody waits for it.
func (o *Observer) issuer(ctx context.Context, namespace string, ref status.Issuer) (string, error) {
	if ref.Group != cmv1.SchemeGroupVersion.Group {
		return "", nil
	}
	var found cmv1.GenericIssuer
	key := client.ObjectKey{Namespace: namespace, Name: ref.Name}
	switch ref.Kind {
	case cmv1.IssuerKind:
		found = &cmv1.Issuer{}
	case cmv1.ClusterIssuerKind:
		found, key.Namespace = &cmv1.ClusterIssuer{}, ""
	default:
		return "", nil
	}
	err := o.Live.Get(ctx, key, found)
	if apierrors.IsNotFound(err) || apierrors.IsForbidden(err) {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("get %s %s: %w", ref.Kind, ref.Name, err)
	}
	return unready(found, ref), nil
}

// unready quotes an issuer of the gateway's namespace. What a ClusterIssuer says is
// for those who may read it: it names Secrets of a namespace that is none of theirs.
func unready(issuer cmv1.GenericIssuer, ref status.Issuer) string {
	for _, condition := range issuer.GetStatus().Conditions {
		switch {
		case condition.Type != cmv1.IssuerConditionReady:
		case condition.Status == cmmetav1.ConditionTrue:
			return ""
		case ref.Kind == cmv1.ClusterIssuerKind:
			return fmt.Sprintf("ClusterIssuer %q is not ready: %s: who may read it sees more by kubectl describe clusterissuer %s",
				ref.Name, condition.Reason, ref.Name)
		default:
			return fmt.Sprintf("Issuer %q is not ready: %s: %s", ref.Name, condition.Reason, status.Quote(condition.Message))
		}
	}
	return fmt.Sprintf("%s %q has not said yet that it is ready", ref.Kind, ref.Name)
}
