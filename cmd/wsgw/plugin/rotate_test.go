// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package plugin_test

import (
	"strings"
	"sync"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	wsv1alpha1 "github.com/wsgateway/websocket-gateway-operator/api/v1alpha1"
)

func TestRotateAsksByAnAnnotation(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.create(gateway("edge"))
	out, log, code := b.run("rotate", "edge")
	if code != 0 || log != "" || !strings.Contains(out, "asked to rotate 1 certificate issued before 2026-06-01T12:00:00Z") {
		t.Fatalf("exit status %d\n%s%s", code, out, log)
	}
	if got := b.read("edge").Annotations[wsv1alpha1.AnnotationRotateAt]; got != "2026-06-01T12:00:00Z" {
		t.Errorf("the annotation is %q", got)
	}
}

func TestRotateWaitsForTheWordOfThePods(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.create(gateway("edge"))
	b.watched = &buffer{}
	var operator sync.WaitGroup
	operator.Go(func() {
		if !b.shows("asked to rotate") {
			return
		}
		// One pod of two does not count yet; the second write has both.
		for _, pods := range []int32{1, 2} {
			gw := b.read("edge")
			gw.Status.LastHandledRotateAt = gw.Annotations[wsv1alpha1.AnnotationRotateAt]
			gw.Status.Listeners[0].Certificate = &wsv1alpha1.ServedCertificate{
				SerialNumber: "77", SHA256: "cd", NotAfter: metav1.NewTime(now.Add(90 * 24 * time.Hour)), ServedBy: pods,
			}
			if err := b.cluster.Objects.Status().Update(t.Context(), gw); err != nil {
				t.Error(err)
			}
		}
	})
	out, log, code := b.run("rotate", "--wait")
	operator.Wait()
	if code != 0 || log != "" || !strings.Contains(out, `listener "public": serial 77, valid until 2026-08-30T12:00:00Z, is served by 2 pods`) {
		t.Errorf("exit status %d\n%s%s", code, out, log)
	}
}

func TestRotateThatIsNotDoneInTimeSaysWhy(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	gw := gateway("edge")
	gw.Status.Warnings = []string{`listener "public": cert-manager could not issue Certificate "wsgw-edge.public": Failed`}
	b.create(gw)
	_, log, code := b.run("rotate", "edge", "--wait", "--timeout", "1ms")
	if code != 1 || !strings.Contains(log, "1 of 1 certificate not served yet") || !strings.Contains(log, "could not issue") {
		t.Errorf("exit status %d: %s", code, log)
	}
}

func TestRotateHasNothingToDoWithoutAnIssuer(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	gw := gateway("edge")
	gw.Spec.Listeners[0].TLS.Certificate = wsv1alpha1.CertificateSource{SecretRef: &wsv1alpha1.LocalReference{Name: "own"}}
	b.create(gw)
	for name, tt := range map[string]struct {
		args []string
		code int
		want string
	}{
		"a Secret of the user": {[]string{"edge"}, 1, "no listener of gateway"},
		"no such gateway":      {[]string{"other"}, 1, `no gateway "other"`},
		"no time at all":       {[]string{"edge", "--timeout", "0s"}, 2, "--timeout"},
	} {
		_, log, code := b.run(append([]string{"rotate"}, tt.args...)...)
		if code != tt.code || !strings.Contains(log, tt.want) {
			t.Errorf("%s: exit status %d, %q", name, code, log)
		}
	}
	if _, asked := b.read("edge").Annotations[wsv1alpha1.AnnotationRotateAt]; asked {
		t.Error("it was asked for all the same")
	}
}

func (b *bench) read(name string) *wsv1alpha1.WebSocketGateway {
	b.t.Helper()
	gw := &wsv1alpha1.WebSocketGateway{}
	if err := b.cluster.Objects.Get(b.t.Context(), client.ObjectKey{Namespace: b.space, Name: name}, gw); err != nil {
		b.t.Error(err)
	}
	return gw
}
