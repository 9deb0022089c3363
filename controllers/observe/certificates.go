// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package observe

import (
	"cmp"
	"context"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"fmt"
	"strconv"
	"time"

	cmv1 "github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1"
	cmmetav1 "github.com/cert-manager/cert-manager/pkg/apis/meta/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	wsv1alpha1 "github.com/wsgateway/websocket-gateway-operator/api/v1alpha1"
	"github.com/wsgateway/websocket-gateway-operator/controllers/compile"
	"github.com/wsgateway/websocket-gateway-operator/controllers/render"
	"github.com/wsgateway/websocket-gateway-operator/controllers/status"
)

// cert-manager waits an hour after the first failure, and twice as long after
// each further one, up to 32 hours.
const (
	firstBackoff = time.Hour
	lastBackoff  = 32 * time.Hour
)

// Certificates answers what cert-manager says of the certificates of a gateway,
// by the name of the listener. A listener whose Certificate does not exist is
// not in the map.
//
// reader has the Certificates that the operator makes, referred those of
// everybody; it is asked only where a listener refers to one.
func Certificates(
	ctx context.Context, reader client.Reader, referred func() (client.Reader, error), gw *wsv1alpha1.WebSocketGateway,
) (map[string]status.Certificate, error) {
	found, err := ownCertificates(ctx, reader, gw)
	if err != nil || len(compile.Certificates(gw)) == 0 {
		return found, err
	}
	everybodys, err := referred()
	if err != nil {
		return nil, fmt.Errorf("read Certificates of others: %w", err)
	}
	return found, referredCertificates(ctx, everybodys, gw, found)
}

// referredCertificates adds those that somebody else maintains.
func referredCertificates(
	ctx context.Context, reader client.Reader, gw *wsv1alpha1.WebSocketGateway, found map[string]status.Certificate,
) error {
	var requests cmv1.CertificateRequestList
	if err := reader.List(ctx, &requests, client.InNamespace(gw.Namespace), client.UnsafeDisableDeepCopy); err != nil {
		return fmt.Errorf("list CertificateRequests: %w", err)
	}
	for i := range gw.Spec.Listeners {
		ref := gw.Spec.Listeners[i].TLS.Certificate.CertificateRef
		if ref == nil {
			continue
		}
		var certificate cmv1.Certificate
		err := reader.Get(ctx, client.ObjectKey{Namespace: gw.Namespace, Name: ref.Name}, &certificate)
		if err == nil {
			found[gw.Spec.Listeners[i].Name] = certificateOf(&certificate, requests.Items)
		} else if client.IgnoreNotFound(err) != nil {
			return fmt.Errorf("get Certificate %s: %w", ref.Name, err)
		}
	}
	return nil
}

func ownCertificates(
	ctx context.Context, reader client.Reader, gw *wsv1alpha1.WebSocketGateway,
) (map[string]status.Certificate, error) {
	selected := []client.ListOption{
		client.InNamespace(gw.Namespace), client.MatchingLabels{render.GatewayLabel: gw.Name},
	}
	var certificates cmv1.CertificateList
	if err := reader.List(ctx, &certificates, selected...); err != nil {
		return nil, fmt.Errorf("list Certificates: %w", err)
	}
	var requests cmv1.CertificateRequestList
	if err := reader.List(ctx, &requests, selected...); err != nil {
		return nil, fmt.Errorf("list CertificateRequests: %w", err)
	}
	byName := make(map[string]*cmv1.Certificate, len(certificates.Items))
	for i := range certificates.Items {
		if metav1.IsControlledBy(&certificates.Items[i], gw) {
			byName[certificates.Items[i].Name] = &certificates.Items[i]
		}
	}
	found := map[string]status.Certificate{}
	for i := range gw.Spec.Listeners {
		listener := gw.Spec.Listeners[i].Name
		name := compile.CertificateSecretName(gw.Name, listener)
		if certificate, ok := byName[name]; ok && gw.Spec.Listeners[i].TLS.Certificate.IssuerRef != nil {
			found[listener] = certificateOf(certificate, requests.Items)
		}
	}
	return found, nil
}

func certificateOf(certificate *cmv1.Certificate, requests []cmv1.CertificateRequest) status.Certificate {
	found := status.Certificate{Name: certificate.Name, Issuer: issuerOf(certificate)}
	issuing := conditionOf(certificate, cmv1.CertificateConditionIssuing)
	found.Issuing = issuing != nil && issuing.Status == cmmetav1.ConditionTrue
	revision := 0
	if certificate.Status.Revision != nil {
		revision = *certificate.Status.Revision
	}
	if current := requestOf(certificate, requests, revision); current != nil && revision > 0 {
		found.Wanted = leafOf(current.Status.Certificate)
		found.WantedSince = issuedAt(current)
	}
	if failedAt := certificate.Status.LastFailureTime; failedAt != nil {
		found.FailedAt = failedAt.Time
	}
	next := requestOf(certificate, requests, revision+1)
	found.Attempt = attemptOf(next)
	fail(&found, certificate, issuing, next)
	return found
}

// issuerOf fills in what cert-manager takes for granted.
func issuerOf(certificate *cmv1.Certificate) status.Issuer {
	ref := &certificate.Spec.IssuerRef
	return status.Issuer{
		Group: cmp.Or(ref.Group, cmv1.SchemeGroupVersion.Group), Kind: cmp.Or(ref.Kind, cmv1.IssuerKind), Name: ref.Name,
	}
}

// attemptOf leaves out a request that has its certificate: it is about to become
// the current one.
func attemptOf(request *cmv1.CertificateRequest) *status.Attempt {
	if request == nil || len(request.Status.Certificate) > 0 {
		return nil
	}
	reason, _ := failureOf(request)
	attempt := &status.Attempt{
		Name: request.Name, UID: request.UID, Since: request.CreationTimestamp.Time, Approved: reason != "", Failed: reason != "",
	}
	for i := range request.Status.Conditions {
		condition := &request.Status.Conditions[i]
		switch {
		case condition.Type == cmv1.CertificateRequestConditionApproved && condition.Status == cmmetav1.ConditionTrue:
			attempt.Approved = true
		case condition.Type == cmv1.CertificateRequestConditionReady && condition.Reason == cmv1.CertificateRequestReasonPending:
			attempt.Pending = status.Quote(condition.Message)
		}
	}
	return attempt
}

// fail notes why there is no new leaf. The request of the next revision knows
// best; the Certificate repeats it after the attempt has ended.
func fail(
	found *status.Certificate, certificate *cmv1.Certificate, issuing *cmv1.CertificateCondition,
	next *cmv1.CertificateRequest,
) {
	if issuing != nil && issuing.Status == cmmetav1.ConditionFalse && certificate.Status.LastFailureTime != nil {
		found.FailureReason, found.FailureMessage = issuing.Reason, status.Quote(issuing.Message)
	}
	if next != nil {
		if reason, message := failureOf(next); reason != "" {
			found.FailureReason, found.FailureMessage = reason, status.Quote(message)
		}
	}
	switch failedAt := certificate.Status.LastFailureTime; {
	case failedAt == nil:
	case found.FailureReason != "":
		found.NextAttempt = failedAt.Add(backoff(certificate.Status.FailedIssuanceAttempts))
	case found.Issuing:
		// Another attempt makes cert-manager forget why the last one failed. But one
		// that waits for somebody may take days: nothing is well before it succeeds.
		found.FailureReason = cmv1.CertificateRequestReasonFailed
		found.FailureMessage = "the last attempt failed at " + failedAt.UTC().Format(time.RFC3339) + ", another one is under way"
	}
}

func backoff(attempts *int) time.Duration {
	pause := firstBackoff
	if attempts == nil {
		return pause
	}
	for range *attempts - 1 {
		if pause >= lastBackoff {
			break
		}
		pause *= 2
	}
	return pause
}

func failureOf(request *cmv1.CertificateRequest) (reason, message string) {
	for i := range request.Status.Conditions {
		condition := &request.Status.Conditions[i]
		switch condition.Type {
		case cmv1.CertificateRequestConditionDenied, cmv1.CertificateRequestConditionInvalidRequest:
			if condition.Status == cmmetav1.ConditionTrue {
				// Who denies has reasons of its own; that it was denied comes first.
				return string(condition.Type), condition.Reason + ": " + condition.Message
			}
		case cmv1.CertificateRequestConditionReady:
			if condition.Reason == cmv1.CertificateRequestReasonFailed {
				reason, message = condition.Reason, condition.Message
			}
		case cmv1.CertificateRequestConditionApproved:
		}
	}
	return reason, message
}

func conditionOf(certificate *cmv1.Certificate, kind cmv1.CertificateConditionType) *cmv1.CertificateCondition {
	for i := range certificate.Status.Conditions {
		if certificate.Status.Conditions[i].Type == kind {
			return &certificate.Status.Conditions[i]
		}
	}
	return nil
}

// requestOf answers the request that made the revision. Owner and revision
// have to agree; names are chosen by cert-manager.
func requestOf(
	certificate *cmv1.Certificate, requests []cmv1.CertificateRequest, revision int,
) *cmv1.CertificateRequest {
	wanted := strconv.Itoa(revision)
	for i := range requests {
		if metav1.IsControlledBy(&requests[i], certificate) &&
			requests[i].Annotations[cmv1.CertificateRequestRevisionAnnotationKey] == wanted {
			return &requests[i]
		}
	}
	return nil
}

func issuedAt(request *cmv1.CertificateRequest) time.Time {
	for i := range request.Status.Conditions {
		condition := &request.Status.Conditions[i]
		if condition.Type == cmv1.CertificateRequestConditionReady && condition.Status == cmmetav1.ConditionTrue &&
			condition.LastTransitionTime != nil {
			return condition.LastTransitionTime.Time
		}
	}
	return time.Time{}
}

// leafOf reads the first certificate of a PEM chain, nil if there is none that
// can be read.
func leafOf(chain []byte) *status.Leaf {
	block, _ := pem.Decode(chain)
	if block == nil || block.Type != "CERTIFICATE" {
		return nil
	}
	leaf, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return nil
	}
	sum := sha256.Sum256(leaf.Raw)
	return &status.Leaf{
		SHA256:       hex.EncodeToString(sum[:]),
		SerialNumber: leaf.SerialNumber.Text(16),
		NotBefore:    leaf.NotBefore,
		NotAfter:     leaf.NotAfter,
	}
}
