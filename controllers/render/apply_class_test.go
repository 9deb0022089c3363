// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package render_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	wsv1alpha1 "github.com/wsgateway/websocket-gateway-operator/api/v1alpha1"
	"github.com/wsgateway/websocket-gateway-operator/controllers/render"
)

// TestApplyClass holds the promise that a change ends nobody's connection
// unless its field is documented to roll the pods.
func TestApplyClass(t *testing.T) {
	t.Parallel()
	type class int
	const (
		hot class = iota
		scaling
		rolling
	)
	type edit func(*wsv1alpha1.WebSocketGateway, *render.Files, *render.Options)
	spec := func(change func(*wsv1alpha1.WebSocketGatewaySpec)) edit {
		return func(gw *wsv1alpha1.WebSocketGateway, _ *render.Files, _ *render.Options) { change(&gw.Spec) }
	}
	tests := map[string]struct {
		edit edit
		want class
	}{
		"the contract is hot": {
			func(_ *wsv1alpha1.WebSocketGateway, f *render.Files, _ *render.Options) { f.Config = []byte("other") }, hot,
		},
		"a further hostname is hot": {spec(func(s *wsv1alpha1.WebSocketGatewaySpec) {
			s.Listeners[0].Hostnames = append(s.Listeners[0].Hostnames, "new.example.com")
		}), hot},
		"another port is hot": {spec(func(s *wsv1alpha1.WebSocketGatewaySpec) { s.Listeners[0].Port = 8443 }), hot},
		"another TLS profile is hot": {spec(func(s *wsv1alpha1.WebSocketGatewaySpec) {
			s.Listeners[0].TLS.Profile = wsv1alpha1.TLSProfileModern
		}), hot},
		"no session tickets any more is hot": {spec(func(s *wsv1alpha1.WebSocketGatewaySpec) {
			s.Listeners[0].TLS.SessionTickets = wsv1alpha1.SessionTicketsDisabled
		}), hot},
		"another issuer is hot": {spec(func(s *wsv1alpha1.WebSocketGatewaySpec) {
			s.Listeners[0].TLS.Certificate.IssuerRef.Name = "other"
		}), hot},
		"a further listener that shares the Secret is hot": {spec(func(s *wsv1alpha1.WebSocketGatewaySpec) {
			further := s.Listeners[0].DeepCopy()
			further.Name, further.Port = "further", 9443
			further.TLS.Certificate = wsv1alpha1.CertificateSource{
				SecretRef: &wsv1alpha1.LocalReference{Name: "wsgw-edge.public"},
			}
			s.Listeners = append(s.Listeners, *further)
		}), hot},
		"a route is hot": {spec(func(s *wsv1alpha1.WebSocketGatewaySpec) {
			s.Routes = append(s.Routes, wsv1alpha1.Route{Name: "new"})
		}), hot},
		"limits are hot": {spec(func(s *wsv1alpha1.WebSocketGatewaySpec) {
			s.Limits = &wsv1alpha1.Limits{MaxConnections: new(int32(5))}
		}), hot},
		"audit is hot": {spec(func(s *wsv1alpha1.WebSocketGatewaySpec) {
			s.Audit = &wsv1alpha1.Audit{ProgressInterval: &metav1.Duration{Duration: time.Minute}}
		}), hot},
		"the Service is hot": {spec(func(s *wsv1alpha1.WebSocketGatewaySpec) {
			s.Infrastructure = &wsv1alpha1.Infrastructure{Service: &wsv1alpha1.Service{Type: wsv1alpha1.ServiceTypeClusterIP}}
		}), hot},
		"replicas scale": {spec(func(s *wsv1alpha1.WebSocketGatewaySpec) {
			s.Infrastructure = &wsv1alpha1.Infrastructure{Replicas: new(int32(7))}
		}), scaling},
		"resources roll": {spec(func(s *wsv1alpha1.WebSocketGatewaySpec) {
			s.Infrastructure = &wsv1alpha1.Infrastructure{Resources: &corev1.ResourceRequirements{
				Limits: corev1.ResourceList{corev1.ResourceMemory: resource.MustParse("1Gi")},
			}}
		}), rolling},
		"the drain window rolls": {spec(func(s *wsv1alpha1.WebSocketGatewaySpec) {
			s.Lifecycle = &wsv1alpha1.Lifecycle{Drain: &wsv1alpha1.Drain{Window: &metav1.Duration{Duration: time.Minute * 5}}}
		}), rolling},
		"a further Secret rolls": {spec(func(s *wsv1alpha1.WebSocketGatewaySpec) {
			s.AuthPolicies = []wsv1alpha1.AuthPolicy{{Name: "keys", AnyOf: []wsv1alpha1.AuthMethod{
				{APIKey: &wsv1alpha1.APIKeyMethod{SecretRef: wsv1alpha1.LocalReference{Name: "keys"}}},
			}}}
		}), rolling},
		"the image rolls": {
			func(_ *wsv1alpha1.WebSocketGateway, _ *render.Files, o *render.Options) { o.GatewayImage = "next" }, rolling,
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			gw := fixtures(t)["testdata/least"]
			f, o := files(), options()
			before := deployment(t, gw, f, o)
			tt.edit(gw, &f, &o)
			after := deployment(t, gw, f, o)
			got := hot
			switch {
			case cmp.Diff(before.Spec.Template, after.Spec.Template) != "":
				got = rolling
			case *before.Spec.Replicas != *after.Spec.Replicas:
				got = scaling
			case cmp.Diff(before, after) != "":
				t.Error("something else of the Deployment changed")
			}
			if got != tt.want {
				t.Errorf("class is %d, want %d:\n%s", got, tt.want, cmp.Diff(before, after))
			}
		})
	}
}

func deployment(
	t *testing.T, gw *wsv1alpha1.WebSocketGateway, files render.Files, options render.Options,
) *appsv1.Deployment {
	t.Helper()
	for _, object := range render.Objects(gw, files, options) {
		if object.Kind == render.DeploymentKind() {
			return decoded[appsv1.Deployment](t, object)
		}
	}
	t.Fatal("no Deployment was rendered")
	return nil
}
