// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

// Package skew_test holds this release to the one before it, in both directions:
// during an upgrade, while rollouts wait or are held, and after a rollback, an
// operator of one release talks to pods of the other.
//
// testdata/vX.Y.Z is what a release was: its contract package, which decodes as
// strictly as its pods do; manifests with what its operator wrote for them; the
// objects that it made; and the values of its chart, for test/chart. "hack/freeze.sh X.Y.Z" writes it when a release is made,
// and nothing changes it afterwards.
package skew_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	utilyaml "k8s.io/apimachinery/pkg/util/yaml"
	"sigs.k8s.io/yaml"

	wsv1alpha1 "github.com/wsgateway/websocket-gateway-operator/api/v1alpha1"
	"github.com/wsgateway/websocket-gateway-operator/controllers/compile"
	"github.com/wsgateway/websocket-gateway-operator/controllers/render"
	"github.com/wsgateway/websocket-gateway-operator/gateway"
	"github.com/wsgateway/websocket-gateway-operator/gateway/contract"
	before "github.com/wsgateway/websocket-gateway-operator/test/skew/testdata/v0.1.0/contract"
)

// release is the one before this.
const release = "testdata/v0.1.0"

func folders(t *testing.T, kind string, least int) []string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(release, kind, "*"))
	if err != nil || len(found) < least {
		t.Fatalf("found %d folders of %s, want %d at least (%v)", len(found), kind, least, err)
	}
	return found
}

func content(t *testing.T, folder, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(folder, name))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// references are refs.yaml of a case.
type references struct {
	ConfigMaps map[string]map[string]string `json:"configMaps"`
	Services   map[string]compile.Service   `json:"services"`
	Issuers    []string                     `json:"issuers"`
}

func load(t *testing.T, folder string) (*wsv1alpha1.WebSocketGateway, compile.Refs) {
	t.Helper()
	gw, listed := &wsv1alpha1.WebSocketGateway{}, references{}
	// Strict: a field that this release does not know any more is a break.
	if err := yaml.UnmarshalStrict(content(t, folder, "gateway.yaml"), gw); err != nil {
		t.Fatal(err)
	}
	if err := yaml.UnmarshalStrict(content(t, folder, "refs.yaml"), &listed); err != nil {
		t.Fatal(err)
	}
	refs := compile.Refs{ConfigMaps: map[string]compile.ConfigMap{}, Services: listed.Services, Issuers: map[compile.Issuer]bool{}}
	for name, data := range listed.ConfigMaps {
		refs.ConfigMaps[name] = compile.ConfigMap{Data: data}
	}
	for _, issuer := range listed.Issuers {
		kind, name, _ := strings.Cut(issuer, "/")
		refs.Issuers[compile.Issuer{Group: "cert-manager.io", Kind: kind, Name: name}] = true
	}
	return gw, refs
}

// A pod of this release starts from the files that the operator of the one before
// wrote: it is rolled back, or not yet upgraded, or away.
func TestPodsServeWhatTheReleaseBeforeWrote(t *testing.T) {
	t.Parallel()
	for _, folder := range folders(t, "cases", 10) {
		t.Run(filepath.Base(folder), func(t *testing.T) {
			t.Parallel()
			file := content(t, folder, "config.json")
			if err := gateway.Check(file); err != nil {
				t.Errorf("the gateway refuses it: %v", err)
			}
			if _, err := before.ParseConfig(file); err != nil {
				t.Errorf("the release itself refuses it, so that this case shows nothing: %v", err)
			}
		})
	}
}

// A pod of the release before goes on under the operator of this one, as long as
// the spec uses nothing new: it is not yet rolled, or held.
func TestPodsOfTheReleaseBeforeServeWhatIsWrittenNow(t *testing.T) {
	t.Parallel()
	for _, folder := range folders(t, "cases", 10) {
		t.Run(filepath.Base(folder), func(t *testing.T) {
			t.Parallel()
			gw, refs := load(t, folder)
			compiled := compile.Config(gw, refs, nil)
			if compiled.Blocked() {
				t.Fatalf("what the release before served is refused now: %+v", compiled.Problems)
			}
			understood, err := before.ParseConfig(compiled.File)
			if err != nil {
				t.Fatalf("its pods refuse it: %v", err)
			}
			again, err := before.Encode(understood)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(compiled.File), string(again)); diff != "" {
				t.Errorf("its pods understand something else (-written +understood):\n%s", diff)
			}
			endpoints, err := contract.Encode(compile.Endpoints(gw, refs, &compiled.Config))
			if err != nil {
				t.Fatal(err)
			}
			if _, err := before.ParseEndpoints(endpoints); err != nil {
				t.Errorf("its pods refuse the endpoints: %v", err)
			}
		})
	}
}

func TestRevocationsAreUnderstoodByTheReleaseBefore(t *testing.T) {
	t.Parallel()
	written := before.Revocations{}
	fill(reflect.ValueOf(&written).Elem())
	var now contract.Revocations
	translate(t, written, &now)
	var back before.Revocations
	translate(t, now, &back)
	if diff := cmp.Diff(written, back); diff != "" {
		t.Errorf("on the way there and back something is lost:\n%s", diff)
	}
}

// Operators read reports leniently, so that further fields do no harm; but what the
// release before says must still mean something here, and the other way round.
func TestReportsAreUnderstoodInBothDirections(t *testing.T) {
	t.Parallel()
	said := before.Report{}
	fill(reflect.ValueOf(&said).Elem())
	var heard contract.Report
	translate(t, said, &heard)
	data, err := json.Marshal(heard)
	if err != nil {
		t.Fatal(err)
	}
	var back before.Report
	if err := json.Unmarshal(data, &back); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(said, back); diff != "" {
		t.Errorf("on the way there and back something is lost:\n%s", diff)
	}
}

// translate goes from one release to the other, strictly.
func translate(t *testing.T, from, to any) {
	t.Helper()
	data, err := json.Marshal(from)
	if err != nil {
		t.Fatal(err)
	}
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(to); err != nil {
		t.Fatalf("%T is no %T: %v", from, to, err)
	}
}

// fill sets every field, so that none is left out where it is written.
func fill(value reflect.Value) {
	switch at := value.Addr().Interface().(type) {
	case *time.Time:
		*at = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
		return
	case *before.Duration:
		*at = before.Duration(time.Minute)
		return
	}
	switch value.Kind() {
	case reflect.Struct:
		for _, field := range value.Fields() {
			fill(field)
		}
	case reflect.Pointer:
		value.Set(reflect.New(value.Type().Elem()))
		fill(value.Elem())
	case reflect.Slice:
		value.Set(reflect.MakeSlice(value.Type(), 1, 1))
		fill(value.Index(0))
	case reflect.Map:
		element := reflect.New(value.Type().Elem()).Elem()
		fill(element)
		value.Set(reflect.MakeMap(value.Type()))
		value.SetMapIndex(reflect.ValueOf("key").Convert(value.Type().Key()), element)
	case reflect.String:
		value.SetString("text")
	case reflect.Bool:
		value.SetBool(true)
	default:
		if value.CanInt() {
			value.SetInt(1)
		} else if value.CanUint() {
			value.SetUint(1)
		}
	}
}

// An operator of this release with the gateway image of the one before replaces no
// pod: it renders the same template.
func TestAnOperatorUpgradeAloneReplacesNoPod(t *testing.T) {
	t.Parallel()
	for _, folder := range folders(t, "pods", 5) {
		t.Run(filepath.Base(folder), func(t *testing.T) {
			t.Parallel()
			made := deploymentIn(t, content(t, folder, "objects.yaml"))
			container := &made.Spec.Template.Spec.Containers[0]
			options := render.Options{GatewayImage: container.Image, ImagePullPolicy: container.ImagePullPolicy}
			for _, secret := range made.Spec.Template.Spec.ImagePullSecrets {
				options.ImagePullSecrets = append(options.ImagePullSecrets, secret.Name)
			}
			gw := &wsv1alpha1.WebSocketGateway{}
			if err := yaml.UnmarshalStrict(content(t, folder, "gateway.yaml"), gw); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(made.Spec.Template, rendered(t, gw, options).Spec.Template); diff != "" {
				t.Errorf("the pods are replaced (-before +now):\n%s", diff)
			}
		})
	}
}

func deploymentIn(t *testing.T, objects []byte) *appsv1.Deployment {
	t.Helper()
	reader := utilyaml.NewYAMLReader(bufio.NewReader(bytes.NewReader(objects)))
	for {
		document, err := reader.Read()
		if errors.Is(err, io.EOF) {
			t.Fatal("there is no Deployment")
		}
		if err != nil {
			t.Fatal(err)
		}
		if deployment := decodeDeployment(t, document); deployment != nil {
			return deployment
		}
	}
}

func rendered(t *testing.T, gw *wsv1alpha1.WebSocketGateway, options render.Options) *appsv1.Deployment {
	t.Helper()
	for _, object := range render.Objects(gw, render.Files{}, options) {
		data, err := yaml.Marshal(object.Apply)
		if err != nil {
			t.Fatal(err)
		}
		if deployment := decodeDeployment(t, data); deployment != nil {
			return deployment
		}
	}
	t.Fatal("no Deployment is rendered")
	return nil
}

// decodeDeployment answers nil for an object of another kind.
func decodeDeployment(t *testing.T, data []byte) *appsv1.Deployment {
	t.Helper()
	var kind struct{ Kind string }
	if err := yaml.Unmarshal(data, &kind); err != nil {
		t.Fatal(err)
	}
	if kind.Kind != render.DeploymentKind().Kind {
		return nil
	}
	deployment := &appsv1.Deployment{}
	if err := yaml.UnmarshalStrict(data, deployment); err != nil {
		t.Fatal(err)
	}
	if len(deployment.Spec.Template.Spec.Containers) != 1 {
		t.Fatalf("no Deployment of a gateway: %+v", deployment)
	}
	return deployment
}
