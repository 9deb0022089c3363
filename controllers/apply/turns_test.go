// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package apply_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	wsv1alpha1 "github.com/wsgateway/websocket-gateway-operator/api/v1alpha1"
	"github.com/wsgateway/websocket-gateway-operator/controllers/apply"
	"github.com/wsgateway/websocket-gateway-operator/controllers/render"
	"github.com/wsgateway/websocket-gateway-operator/gateway/contract"
)

// shared plays the passes over a gateway that many share, by a clock of its own.
type shared struct {
	t       *testing.T
	applier *apply.Applier
	gateway *wsv1alpha1.WebSocketGateway
	now     time.Time
	files   render.Files
	// writes of the contract, and what the last pass has come to.
	writes int
	last   apply.Result
}

func newShared(t *testing.T) *shared {
	t.Helper()
	s := &shared{
		t: t, gateway: &wsv1alpha1.WebSocketGateway{}, now: time.Unix(1_000_000, 0),
		files: render.Files{Config: []byte("first"), Endpoints: []byte("first"), Revocations: []byte("none")},
	}
	s.gateway.Namespace, s.gateway.Name, s.gateway.UID, s.gateway.Generation = "wss", "edge", "uid", 1
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{clientgoscheme.AddToScheme, wsv1alpha1.AddToScheme} {
		if err := add(scheme); err != nil {
			t.Fatal(err)
		}
	}
	server := fake.NewClientBuilder().WithScheme(scheme).WithInterceptorFuncs(interceptor.Funcs{
		Apply: func(ctx context.Context, c client.WithWatch, object runtime.ApplyConfiguration, options ...client.ApplyOption) error {
			s.writes++
			return c.Apply(ctx, object, options...)
		},
	}).Build()
	s.applier = &apply.Applier{
		Client: server, Live: server, CertManager: func() bool { return false }, Now: func() time.Time { return s.now },
	}
	s.pass()
	s.now = s.now.Add(time.Hour)
	return s
}

func (s *shared) pass() {
	s.t.Helper()
	object := render.Contract(s.gateway, s.files)
	var err error
	if s.last, err = s.applier.One(s.t.Context(), s.gateway, &object); err != nil {
		s.t.Fatal(err)
	}
}

// flood changes the configuration so many times, one hundred times a second.
func (s *shared) flood(changes int) {
	s.t.Helper()
	for range changes {
		s.now = s.now.Add(10 * time.Millisecond)
		s.files.Config = fmt.Appendf(nil, "at %s", s.now)
		s.pass()
	}
}

func (s *shared) inForce() bool {
	return s.last.Files[contract.ConfigFile] == string(s.files.Config)
}

func TestAContractIsReplacedAtItsPace(t *testing.T) {
	t.Parallel()
	s := newShared(t)
	s.flood(apply.ContractsAtOnce)
	if !s.inForce() || s.writes != apply.ContractsAtOnce || s.last.After != 0 {
		t.Fatalf("of the first %d changes %d were written, and the last one waits for %s", apply.ContractsAtOnce, s.writes, s.last.After)
	}
	s.flood(1)
	if s.inForce() || s.last.After <= 0 || s.last.After > apply.ContractPause {
		t.Fatalf("the next one is in force: %t, and its pass comes again after %s", s.inForce(), s.last.After)
	}
	s.flood(999)
	if limit := apply.ContractsAtOnce + 10; s.writes > limit || s.writes < limit-1 {
		t.Errorf("10 s of changes cost %d writes, want %d", s.writes, limit)
	}
	s.flood(1)
	s.now = s.now.Add(s.last.After)
	s.pass()
	if !s.inForce() || s.last.After != 0 {
		t.Errorf("when its time came, the last change was not brought into force; come again after %s", s.last.After)
	}
	before := s.writes
	for range 5 {
		s.pass()
	}
	s.now = s.now.Add(apply.ContractPause)
	s.flood(1)
	if s.writes != before+1 || !s.inForce() {
		t.Errorf("passes that had nothing to write took turns: %d writes more", s.writes-before)
	}
}

func TestWhatBelongsToTheGatewayDoesNotWaitForATurn(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*shared){
		"a revocation": func(s *shared) { s.files.Revocations = []byte("ann") },
		"a spec":       func(s *shared) { s.gateway.Generation++ },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newShared(t)
			s.flood(apply.ContractsAtOnce + 5)
			before := s.writes
			if s.inForce() {
				t.Fatal("the flood is over")
			}
			change(s)
			s.pass()
			if s.writes != before+1 || !s.inForce() || s.last.Files[contract.RevocationsFile] != string(s.files.Revocations) {
				t.Errorf("%d writes; come again after %s", s.writes-before, s.last.After)
			}
			s.flood(1)
			if s.inForce() {
				t.Error("what comes after it does not wait")
			}
		})
	}
}

func TestGatewaysDoNotTakeEachOthersTurns(t *testing.T) {
	t.Parallel()
	s := newShared(t)
	s.flood(apply.ContractsAtOnce + 1)
	s.gateway = s.gateway.DeepCopy()
	s.gateway.Name, s.gateway.UID = "other", "other"
	s.pass()
	s.flood(1)
	if !s.inForce() {
		t.Error("the contract of one gateway waits for another")
	}
}

func TestEndpointsAreWrittenAtAPaceOfTheirOwn(t *testing.T) {
	t.Parallel()
	s := newShared(t)
	const seconds = 20
	for range seconds * 100 {
		s.now = s.now.Add(10 * time.Millisecond)
		s.files.Endpoints = fmt.Appendf(nil, "at %s", s.now)
		s.pass()
	}
	limit := seconds*int(time.Second/time.Millisecond)/int(apply.EndpointsPause/time.Millisecond) + 1
	if s.writes > limit || s.writes < limit-1 {
		t.Errorf("%d s of endpoints cost %d writes, want %d", seconds, s.writes, limit)
	}
	s.flood(1)
	if !s.inForce() {
		t.Error("a change of a route waits for endpoints")
	}
}
