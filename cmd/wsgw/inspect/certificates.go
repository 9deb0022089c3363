// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package inspect

import (
	"strconv"
	"time"

	acmev1 "github.com/cert-manager/cert-manager/pkg/apis/acme/v1"
	cmv1 "github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1"
	cmmetav1 "github.com/cert-manager/cert-manager/pkg/apis/meta/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	wsv1alpha1 "github.com/wsgateway/websocket-gateway-operator/api/v1alpha1"
	"github.com/wsgateway/websocket-gateway-operator/cmd/wsgw/text"
	"github.com/wsgateway/websocket-gateway-operator/controllers/compile"
	"github.com/wsgateway/websocket-gateway-operator/controllers/status"
)

// ready is the state of what is as it should be.
const ready = "Ready"

func (f *Facts) listener(spec *wsv1alpha1.Listener) Listener {
	l := Listener{Name: spec.Name, Port: spec.Port}
	for _, name := range spec.Hostnames {
		l.Hostnames = append(l.Hostnames, string(name))
	}
	c := &l.Certificate
	for i := range f.Gateway.Status.Listeners {
		status := &f.Gateway.Status.Listeners[i]
		if status.Name != spec.Name {
			continue
		}
		l.Routes, l.TLSVersions = status.AttachedRoutes, status.TLSVersions
		if served := status.Certificate; served != nil {
			c.SerialNumber, c.SHA256, c.ServedBy = served.SerialNumber, served.SHA256, served.ServedBy
			c.NotAfter = moment(&served.NotAfter)
		}
	}
	switch source := &spec.TLS.Certificate; {
	case source.SecretRef != nil:
		c.Source = "Secret/" + source.SecretRef.Name
		return l
	case source.CertificateRef != nil:
		c.Source = "Certificate/" + source.CertificateRef.Name
		c.Name = source.CertificateRef.Name
	case source.IssuerRef != nil:
		c.Source = text.Or(source.IssuerRef.Kind, "Issuer") + "/" + source.IssuerRef.Name
		c.Name = compile.CertificateSecretName(f.Gateway.Name, spec.Name)
	default:
		return l
	}
	c.State = "not there"
	for i := range f.Certificates {
		if f.Certificates[i].Name == c.Name {
			f.issued(c, &f.Certificates[i])
		}
	}
	return l
}

func (f *Facts) issued(c *Certificate, certificate *cmv1.Certificate) {
	c.State, c.Message = "not ready", ""
	for _, condition := range certificate.Status.Conditions {
		switch {
		case condition.Type == cmv1.CertificateConditionReady && condition.Status == cmmetav1.ConditionTrue:
			c.State, c.Message = ready, ""
		case condition.Type == cmv1.CertificateConditionReady && c.State != ready:
			c.State, c.Message = condition.Reason, condition.Message
		}
	}
	for _, condition := range certificate.Status.Conditions {
		// What happens now, or has failed last, tells more than "does not exist".
		if condition.Type == cmv1.CertificateConditionIssuing && c.State != ready && condition.Message != "" {
			c.Message = condition.Message
		}
	}
	c.RenewalTime = moment(certificate.Status.RenewalTime)
	if latest := latestRequest(certificate, f.Requests); latest != nil {
		c.Request = f.request(latest)
	}
}

// latestRequest is the one of the highest revision: an attempt that is under way
// has one more than the certificate.
func latestRequest(certificate *cmv1.Certificate, requests []cmv1.CertificateRequest) *cmv1.CertificateRequest {
	var latest *cmv1.CertificateRequest
	highest := -1
	for i := range requests {
		if !metav1.IsControlledBy(&requests[i], certificate) {
			continue
		}
		revision, err := strconv.Atoi(requests[i].Annotations[cmv1.CertificateRequestRevisionAnnotationKey])
		if err == nil && revision > highest {
			latest, highest = &requests[i], revision
		}
	}
	return latest
}

func (f *Facts) request(request *cmv1.CertificateRequest) *Request {
	r := &Request{
		Name: request.Name, Revision: request.Annotations[cmv1.CertificateRequestRevisionAnnotationKey], State: "not seen by an issuer yet",
	}
	for _, condition := range request.Status.Conditions {
		switch condition.Type {
		case cmv1.CertificateRequestConditionReady:
			r.State, r.Message = condition.Reason, condition.Message
			if condition.Status == cmmetav1.ConditionTrue {
				r.State, r.Message = ready, ""
			}
		case cmv1.CertificateRequestConditionDenied, cmv1.CertificateRequestConditionInvalidRequest:
			if condition.Status == cmmetav1.ConditionTrue {
				r.State, r.Message = string(condition.Type), condition.Message
				return r
			}
		case cmv1.CertificateRequestConditionApproved:
		}
	}
	for i := range f.Orders {
		if metav1.IsControlledBy(&f.Orders[i], request) {
			r.Orders = append(r.Orders, f.order(&f.Orders[i]))
		}
	}
	return r
}

func (f *Facts) order(order *acmev1.Order) Order {
	o := Order{Name: order.Name, State: text.Or(string(order.Status.State), "not sent yet"), Message: order.Status.Reason}
	for i := range f.Challenges {
		challenge := &f.Challenges[i]
		if metav1.IsControlledBy(challenge, order) {
			o.Challenges = append(o.Challenges, Challenge{
				Name: challenge.Name, Type: string(challenge.Spec.Type), DNSName: challenge.Spec.DNSName,
				State:   text.Or(string(challenge.Status.State), "waiting"),
				Message: status.Quote(challenge.Status.Reason, challenge.Spec.Key, challenge.Spec.Token),
			})
		}
	}
	return o
}

func moment(t *metav1.Time) *time.Time {
	if t == nil || t.IsZero() {
		return nil
	}
	return new(t.UTC())
}
