// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package plugin_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	wsv1alpha1 "github.com/wsgateway/websocket-gateway-operator/api/v1alpha1"
	"github.com/wsgateway/websocket-gateway-operator/cmd/wsgw/bundle"
)

// planted is in everything that must not be in an archive.
const planted = "planted0zQ5f1d83b0c94e27a6"

// unpack reads an archive: the content of each file by its path below the folder.
func unpack(t *testing.T, data []byte) map[string]string {
	t.Helper()
	packed, err := gzip.NewReader(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	files := map[string]string{}
	for archive := tar.NewReader(packed); ; {
		header, err := archive.Next()
		if errors.Is(err, io.EOF) {
			return files
		}
		if err != nil {
			t.Fatal(err)
		}
		content, err := io.ReadAll(archive)
		if err != nil {
			t.Fatal(err)
		}
		_, name, _ := strings.Cut(header.Name, "/")
		if _, twice := files[name]; twice {
			t.Errorf("%s is there twice", name)
		}
		files[name] = string(content)
	}
}

// plant makes a gateway with credentials wherever somebody could have left one.
func plant(b *bench) {
	key := "-----BEGIN EC PRIVATE KEY-----\n" + planted + "\n-----END EC PRIVATE KEY-----\n"
	token := "eyJhbGciOiJFUzI1NiJ9." + base64.RawURLEncoding.EncodeToString([]byte(planted)) + "." + planted
	gw := gateway("edge")
	gw.Annotations = map[string]string{"example.com/password": planted, "kubectl.kubernetes.io/last-applied-configuration": planted}
	gw.Spec.AuthPolicies[0].AnyOf = []wsv1alpha1.AuthMethod{{JWT: &wsv1alpha1.JWTMethod{
		Issuer: "https://id.example.com", Audiences: []string{"chat"}, Algorithms: []wsv1alpha1.JWTAlgorithm{"ES256"},
		JWKS: wsv1alpha1.KeySetSource{ConfigMapRef: &wsv1alpha1.LocalKeyReference{Name: "keys"}},
	}}}
	second := *gw.Spec.Listeners[0].DeepCopy()
	second.Name, second.Hostnames = "partners", []wsv1alpha1.Hostname{"partners.example.com"}
	gw.Spec.Listeners = append(gw.Spec.Listeners, second)
	gw.Spec.Audit = &wsv1alpha1.Audit{
		Sinks: &wsv1alpha1.AuditSinks{
			File: &wsv1alpha1.AuditFile{},
			OTLP: &wsv1alpha1.OTLP{GRPC: &wsv1alpha1.OTLPServer{
				BackendRef: &wsv1alpha1.ServiceReference{Name: "collector", Port: 4317}, CARef: &wsv1alpha1.LocalKeyReference{Name: "collector-ca"},
				HeadersSecretRef: &wsv1alpha1.LocalReference{Name: "collector-headers"},
			}},
		},
		Privacy: &wsv1alpha1.AuditPrivacy{Identities: &wsv1alpha1.AuditIdentities{HashKeyRef: wsv1alpha1.LocalKeyReference{Name: "hash-key"}}},
	}
	gw.Status.Conditions[1].Message = "the server said: Bearer " + planted
	b.create(gw)
	b.order(gw)
	own := pod("edge", "wsgw-edge-1", "")
	own.Annotations = map[string]string{"vault.example.com/token": planted}
	own.Spec.Containers = append(own.Spec.Containers, corev1.Container{
		Name: "sidecar", Image: "registry.example.com/sidecar", Args: []string{"--password=" + planted}, Command: []string{planted},
		Env: []corev1.EnvVar{{Name: "PASSWORD", Value: planted}},
	})
	own.Spec.Containers[0].Env = []corev1.EnvVar{{Name: "INJECTED", Value: planted}}
	b.create(own)
	b.create(
		&corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: "wsgw-edge.public", Labels: labels("edge")}, StringData: map[string]string{"tls.key": key}},
		&corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: "keys"}, StringData: map[string]string{"sensor-1": planted}},
		&corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: "collector-headers"}, StringData: map[string]string{"Authorization": "Api-Token " + planted}},
		&corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: "hash-key"}, StringData: map[string]string{"key": planted + planted}},
		&corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: "collector-ca"}, Data: map[string]string{"ca.crt": key}},
		&corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: "keys"}, Data: map[string]string{"jwks.json": `{"keys":[{"kty":"EC","d":"` + planted + `"}]}`}},
		&corev1.ConfigMap{
			ObjectMeta: metav1.ObjectMeta{
				Name: "wsgw-edge", Labels: map[string]string{"wsgateway.dev/gateway": "edge", "app.kubernetes.io/managed-by": "websocket-gateway-operator"},
			},
			Data: map[string]string{"config.json": `{"version":1,"note":"` + token + `","jwk":{"d":"` + planted + `"}}`, "revocations.json": `{"subject":"ann-` + planted + `"}`},
		},
		&wsv1alpha1.WebSocketRevocation{
			ObjectMeta: metav1.ObjectMeta{Name: "incident"},
			Spec: wsv1alpha1.WebSocketRevocationSpec{
				GatewayRefs: []wsv1alpha1.GatewayReference{{Name: "edge"}}, Until: metav1.NewTime(now.AddDate(0, 0, 1)), Reason: "ann-" + planted,
				Subjects: []wsv1alpha1.RevokedSubject{{Subject: "ann-" + planted, Policy: "open"}},
			},
		},
		&corev1.Event{
			ObjectMeta:     metav1.ObjectMeta{Name: "event-1"},
			InvolvedObject: corev1.ObjectReference{Kind: "Pod", Name: "wsgw-edge-1", Namespace: b.space}, Reason: "Failed", Message: "https://user:" + planted + "@registry.example.com/ said no",
		},
		&corev1.Event{
			ObjectMeta:     metav1.ObjectMeta{Name: "event-2"},
			InvolvedObject: corev1.ObjectReference{Kind: "Pod", Name: "another", Namespace: b.space}, Message: "foreign event",
		},
	)
	b.create(service("echo", 1)...)
	b.create(service("collector", 1)...)
	b.cluster.Logs = func(_ context.Context, _ types.NamespacedName, options *corev1.PodLogOptions) (io.ReadCloser, error) {
		if options.TailLines == nil || options.LimitBytes == nil {
			return nil, errors.New("a log without bounds")
		}
		if options.Container == "sidecar" {
			return io.NopCloser(strings.NewReader("a sidecar's log " + planted)), nil
		}
		return io.NopCloser(strings.NewReader(strings.Join([]string{
			`2026-06-01T11:59:00Z {"level":"INFO","msg":"ready"}`,
			`2026-06-01T11:59:01Z {"level":"WARN","msg":"somebody sent Authorization: Basic ` + planted + `="}`,
			`2026-06-01T11:59:02Z panic: ` + token,
			`2026-06-01T11:59:02Z {"level":"WARN","msg":"draining, as an administrator has asked","claimed_by":"erin \"` + planted + `\"","drain_window":60}`,
			`2026-06-01T11:59:03Z ` + strings.ReplaceAll(key, "\n", `\n`),
			`2026-06-01T11:59:04Z {"@timestamp":"2026-06-01T11:59:04Z","wsgateway.schema":"wsgateway.dev/audit/v1","user.id":"ann-` + planted + `"}`,
			`2026-06-01T11:59:05Z {"@timestamp":"2026-06-01T11:59:05Z","wsgateway.schema":"wsgateway.dev/audit/v1","user.id":"cut-` + planted,
		}, "\n"))), nil
	}
}

func TestNoCredentialIsInAnArchive(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	plant(b)
	secrets := b.forbidSecrets()
	out, log, code := b.run("collect", "edge", "--file", "-")
	if code != 0 {
		t.Fatalf("exit status %d: %s", code, log)
	}
	files := unpack(t, []byte(out))
	encoded := base64.StdEncoding.EncodeToString([]byte(planted))[:24]
	for name, content := range files {
		for _, mark := range []string{planted, encoded, base64.RawURLEncoding.EncodeToString([]byte(planted)), "planted-challenge", "foreign event"} {
			if i := strings.Index(content, mark); i >= 0 {
				t.Errorf("%s holds %q: ...%s", name, mark, content[max(0, i-100):min(len(content), i+100)])
			}
		}
	}
	if *secrets != 0 {
		t.Errorf("Secrets were asked for %d times", *secrets)
	}
	for _, want := range []string{
		"manifest.json", "status.txt", "status.json", "events.yaml", "objects/websocketgateway/edge.yaml", "objects/pod/wsgw-edge-1.yaml",
		"objects/certificate/wsgw-edge.public.yaml", "objects/challenge/wsgw-edge.public-1-42-7.yaml", "objects/configmap/wsgw-edge.yaml",
		"objects/service/collector.yaml", "objects/endpointslice/collector-1.yaml", "objects/configmap/collector-ca.yaml",
		"objects/configmap/keys.yaml", "objects/service/echo.yaml", "objects/endpointslice/echo-1.yaml", "pods/wsgw-edge-1/gateway.log",
	} {
		if files[want] == "" {
			t.Errorf("there is no %s", want)
		}
	}
	if log := files["pods/wsgw-edge-1/gateway.log"]; !strings.Contains(log, `"ready"`) || !strings.Contains(log, `"claimed_by":"REDACTED","drain_window":60`) || strings.Contains(log, "user.id") {
		t.Errorf("the log:\n%s", log)
	}
}

// forbidSecrets counts who reads one.
func (b *bench) forbidSecrets() *int {
	asked := 0
	withWatch, err := client.NewWithWatch(server.Config, client.Options{Scheme: b.cluster.Objects.Scheme()})
	if err != nil {
		b.t.Fatal(err)
	}
	count := func(object any) {
		if kind, isKind := object.(interface{ GetKind() string }); isKind && strings.HasPrefix(kind.GetKind(), "Secret") {
			asked++
		}
		switch object.(type) {
		case *corev1.Secret, *corev1.SecretList:
			asked++
		}
	}
	b.cluster.Objects = interceptor.NewClient(withWatch, interceptor.Funcs{
		Get: func(ctx context.Context, next client.WithWatch, key client.ObjectKey, object client.Object, options ...client.GetOption) error {
			count(object)
			return next.Get(ctx, key, object, options...)
		},
		List: func(ctx context.Context, next client.WithWatch, list client.ObjectList, options ...client.ListOption) error {
			count(list)
			return next.List(ctx, list, options...)
		},
	})
	return &asked
}

func TestTheManifestListsWhatIsInAnArchive(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.create(gateway("edge"))
	b.serve("wsgw-edge-1")
	b.cluster.Logs = func(context.Context, types.NamespacedName, *corev1.PodLogOptions) (io.ReadCloser, error) {
		return nil, errors.New("no kubelet")
	}
	file := filepath.Join(t.TempDir(), "bundle.tar.gz")
	_, log, code := b.run("collect", "--file", file)
	if code != 0 || !strings.Contains(log, "not collected: log pods/wsgw-edge-1/gateway.log: no kubelet") {
		t.Fatalf("exit status %d: %s", code, log)
	}
	info, err := os.Stat(file)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info, err)
	}
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	files := unpack(t, data)
	var manifest bundle.Manifest
	if err := json.Unmarshal([]byte(files["manifest.json"]), &manifest); err != nil {
		t.Fatal(err)
	}
	listed := map[string]bool{"manifest.json": true}
	for _, entry := range manifest.Files {
		listed[entry.Path] = true
		if len(files[entry.Path]) != entry.Bytes {
			t.Errorf("%s has %d bytes, the manifest says %d", entry.Path, len(files[entry.Path]), entry.Bytes)
		}
	}
	for name := range files {
		if !listed[name] {
			t.Errorf("%s is not in the manifest", name)
		}
	}
	if !strings.Contains(files["pods/wsgw-edge-1/state.json"], `"sinks": [`) {
		t.Errorf("how the audit log fares is missing:\n%s", files["pods/wsgw-edge-1/state.json"])
	}
	if !listed["pods/wsgw-edge-1/state.json"] || !strings.Contains(files["pods/wsgw-edge-1/metrics.txt"], "wsgateway_") {
		t.Errorf("what the pod says is missing: %v", listed)
	}
	if manifest.Server == "" || manifest.Program != "v0-test" || manifest.Gateway != b.space+"/edge" || manifest.Identities {
		t.Errorf("%+v", manifest)
	}
	if _, log, code := b.run("collect", "--file", file); code != 2 || !strings.Contains(log, "exists already") {
		t.Errorf("a file that exists: exit status %d: %s", code, log)
	}
}

func TestIdentitiesAreCollectedWhenAsked(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	plant(b)
	out, _, code := b.run("collect", "edge", "--file", "-", "--with-identities")
	if code != 0 {
		t.Fatalf("exit status %d", code)
	}
	files := unpack(t, []byte(out))
	if !strings.Contains(files["pods/wsgw-edge-1/gateway.log"], "ann-"+planted) || !strings.Contains(files["objects/websocketrevocation/incident.yaml"], "ann-"+planted) {
		t.Error("audit records and revocations are not there")
	}
	if strings.Contains(files["objects/pod/wsgw-edge-1.yaml"], planted) {
		t.Error("a credential is")
	}
}
