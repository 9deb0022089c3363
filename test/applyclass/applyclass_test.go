// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

// Package applyclass_test holds the table of apply classes in docs/api.md to the
// types and to what is rendered: every field has a class, and changing a field
// changes pods only if its class says so.
package applyclass_test

import (
	"encoding/json"
	"os"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"

	wsv1alpha1 "github.com/wsgateway/websocket-gateway-operator/api/v1alpha1"
	"github.com/wsgateway/websocket-gateway-operator/controllers/compile"
	"github.com/wsgateway/websocket-gateway-operator/controllers/render"
	"github.com/wsgateway/websocket-gateway-operator/gateway/contract"
)

// everything is a gateway in which each field of the API is set somewhere.
const everything = `
metadata: {name: edge, namespace: default, uid: 1-2-3}
spec:
  listeners:
  - name: issued
    port: 443
    hostnames: [ws.example.com]
    tls:
      profile: Modern
      sessionTickets: Enabled
      certificate:
        issuerRef: {name: ca, kind: ClusterIssuer, group: cert-manager.io}
        duration: 24h
        renewBefore: 1h
        renewBeforePercentage: 20
        privateKey: {algorithm: RSA, size: 2048}
  - {name: own, port: 443, hostnames: [own.example.com], tls: {certificate: {secretRef: {name: own-tls}}, clientCertificates: {mode: Require, caRefs: [{kind: ConfigMap, name: partners, key: k}]}}}
  - {name: shared, port: 443, hostnames: [shared.example.com], tls: {certificate: {certificateRef: {name: shared}}}}
  - {name: far, port: 8443, hostnames: [far.example.com], tls: {certificate: {secretRef: {name: own-tls}}}, clientAddress: {proxyProtocol: true, trustedCIDRs: [10.0.0.0/8], header: X-Forwarded-For}, allowedRoutes: {namespaces: {from: Selector, selector: {matchLabels: {a: b}, matchExpressions: [{key: a, operator: In, values: [b]}]}}, authPolicies: [users], backendTLSProfiles: [inside]}}
  authPolicies:
  - name: users
    anyOf:
    - jwt: {issuer: i, audiences: [a], algorithms: [ES256], requiredClaims: {org: [acme]}, clockSkew: 10s, jwks: {uri: "https://id/k", caRef: {name: ca, key: k}}, from: [{header: Authorization, prefix: "T "}, {subprotocol: bearer}, {cookie: c}, {query: q}]}
    - jwt: {issuer: j, audiences: [a], algorithms: [ES256], jwks: {configMapRef: {name: keys, key: k}}}
    - jwt: {issuer: k, audiences: [a], algorithms: [HS256], jwks: {secretRef: {name: hmac, key: k}}}
    - apiKey: {secretRef: {name: devices}, from: [{header: X-Key, prefix: "K "}, {subprotocol: bearer}, {cookie: c}, {query: q}]}
    - basic: {secretRef: {name: htpasswd, key: users}}
    - clientCertificate: {identityFrom: Subject, patterns: ["CN=*"]}
    - anonymous: {}
    origins: {allow: ["https://app.example.com"], missing: Allow}
    mode: DryRun
    clientCIDRs: {allow: [192.0.2.0/24], deny: [192.0.2.7/32]}
    authorization: {rules: [{name: members, action: Allow, when: "identity.claims.org == 'acme'"}]}
    onExpiry: {grace: 1m}
    forwardIdentity: {headers: [{name: X-User, claim: sub}]}
  - name: asked
    anyOf: [{external: {grpc: {backendRef: {name: authz, port: 9000}}, timeout: 1s, revalidateEvery: 1m}}]
    origins: {allow: ["https://app.example.com"]}
  routes:
  - {name: chat, hostnames: [ws.example.com], path: {type: Exact, value: /chat}, authPolicy: users, subprotocols: [v1], relay: Frames, extensions: PassThrough, limits: {maxMessageBytes: 9, maxFrameBytes: 8, messageTypes: Text, messagesPerSecond: 6, bytesPerSecond: 4096, idleTimeout: 30s, maxConnectionAge: 8h}, backendRefs: [{name: echo, namespace: team, port: 80, weight: 2, tls: inside}], loadBalancing: {policy: ConsistentHash, consistentHash: {type: Header, header: X-Room, maxLoadPercent: 150}}}
  backendTLS:
  - {name: inside, caRefs: [{kind: ConfigMap, name: inside-ca, key: k}], serverName: echo.example.com, clientCertificate: {secretRef: {name: echo-client}}}
  limits: {maxConnections: 10, maxConnectionsPerIdentity: 3, maxConnectionsPerAddress: 4, handshakesPerSecond: 50, handshakesPerSecondPerAddress: 5, maxMessageBytes: 10, maxFrameBytes: 9, maxFragments: 8, messageTypes: Text, messagesPerSecond: 7, controlFramesPerSecond: 6, bytesPerSecond: 5000, frameTimeout: 4s, backendPongTimeout: 50s, writeTimeout: 2s, maxConnectionAge: 9h, handshakeTimeout: 5s, requestHeaderBytes: 2048, idleTimeout: 1m, pingInterval: 9s, pongTimeout: 3s}
  lifecycle: {drain: {window: 30s}, onPolicyChange: Keep}
  infrastructure:
    replicas: 3
    resources: {limits: {memory: 64Mi}}
    service: {type: NodePort, annotations: {a: b}, externalTrafficPolicy: Cluster}
    scheduling: {nodeSelector: {pool: a}, tolerations: [{key: k, operator: Equal, value: v, effect: NoExecute, tolerationSeconds: 60}], priorityClassName: edge}
    podMetadata: {labels: {example.com/team: a}, annotations: {a: b}}
  audit:
    progressInterval: 1m
    onOverflow: RefuseNewConnections
    signing: {secretRef: {name: audit-key, key: k}}
    sinks:
      stdout: Disabled
      file: {maxSizeMiB: 10, maxFiles: 3}
      otlp:
        grpc: {backendRef: {name: collector, port: 4317}, uri: "https://otlp.example.com", caRef: {name: otlp-ca, key: ca.pem}, headersSecretRef: {name: otlp-headers}}
        http: {backendRef: {name: collector, port: 4318}, uri: "https://otlp.example.com", caRef: {name: otlp-ca, key: ca.pem}, headersSecretRef: {name: http-headers}}
    privacy: {addresses: Truncated, identities: {hashKeyRef: {name: audit, key: hash.pem}}}
  tracing:
    otlp:
      grpc: {backendRef: {name: otel-collector, port: 4317}, uri: "https://otlp.example.com", caRef: {name: otlp-ca, key: ca.pem}, headersSecretRef: {name: trace-headers}}
      http: {backendRef: {name: otel-collector, port: 4318}, uri: "https://otlp.example.com", caRef: {name: otlp-ca, key: ca.pem}, headersSecretRef: {name: trace-http-headers}}
    samplingRatio: "0.5"
    clientContext: Continue
`

func TestEveryFieldHasAnApplyClass(t *testing.T) {
	var fields []string
	seen := map[string]bool{}
	fieldsOf(reflect.TypeFor[wsv1alpha1.WebSocketGatewaySpec](), "spec", func(path string) {
		fields = append(fields, path)
		seen[path] = true
	})
	classes := documented(t)
	for _, path := range fields {
		if classes[path] == "" {
			t.Errorf("docs/api.md gives no apply class for %s", path)
		}
	}
	for path := range classes {
		if !seen[path] {
			t.Errorf("docs/api.md gives an apply class for %s, which is no field", path)
		}
	}
}

func TestAChangeTouchesPodsOnlyIfItsClassSaysSo(t *testing.T) {
	for path, class := range documented(t) {
		t.Run(path, func(t *testing.T) {
			t.Parallel()
			gw := parse(t)
			before, asked := deployment(t, gw)
			if !change(reflect.ValueOf(&gw.Spec).Elem(), "spec", path) {
				t.Fatalf("the example sets no %s", path)
			}
			after, askedThen := deployment(t, gw)
			if rolled := !cmp.Equal(before["template"], after["template"]); rolled != (class == "rolling") {
				t.Errorf("class %s, and the pod template changed: %v\n%s", class, rolled, cmp.Diff(before["template"], after["template"]))
			}
			if noted := asked != askedThen; noted != (class == "rolling") {
				t.Errorf("class %s, and the Deployment says that the user asked for other pods: %v", class, noted)
			}
			if scaled := before["replicas"] != after["replicas"]; scaled != (class == "scaling") {
				t.Errorf("class %s, and the replicas changed: %v", class, scaled)
			}
		})
	}
}

// Routes and revocations end in files of the contract and in nothing else, so that
// every field of them is hot; the tables say so of each.
func TestEveryFieldOfTheOtherKindsIsHot(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../../docs/api.md")
	if err != nil {
		t.Fatal(err)
	}
	for kind, spec := range map[string]reflect.Type{
		wsv1alpha1.KindWebSocketRoute:      reflect.TypeFor[wsv1alpha1.WebSocketRouteSpec](),
		wsv1alpha1.KindWebSocketRevocation: reflect.TypeFor[wsv1alpha1.WebSocketRevocationSpec](),
	} {
		var told, fields []string
		row := regexp.MustCompile("(?m)^\\| `" + kind + "\\.(spec\\.[^`]+)` \\| hot \\|$")
		for _, match := range row.FindAllStringSubmatch(string(page), -1) {
			told = append(told, match[1])
		}
		fieldsOf(spec, "spec", func(path string) { fields = append(fields, path) })
		if diff := cmp.Diff(fields, told); diff != "" {
			t.Errorf("docs/api.md has other fields of %s (-types +table):\n%s", kind, diff)
		}
	}
}

// documented reads the table.
func documented(t *testing.T) map[string]string {
	t.Helper()
	page, err := os.ReadFile("../../docs/api.md")
	if err != nil {
		t.Fatal(err)
	}
	classes := map[string]string{}
	row := regexp.MustCompile("(?m)^\\| `(spec\\.[^`]+)` \\| (hot|rolling|scaling) \\|$")
	for _, match := range row.FindAllStringSubmatch(string(page), -1) {
		classes[match[1]] = match[2]
	}
	if len(classes) == 0 {
		t.Fatal("docs/api.md has no table of apply classes")
	}
	return classes
}

// leaf tells types that are one field to the user.
func leaf(typ reflect.Type) bool {
	switch typ {
	case reflect.TypeFor[metav1.Duration](), reflect.TypeFor[metav1.Time](), reflect.TypeFor[corev1.ResourceRequirements]():
		return true
	}
	return typ.Kind() != reflect.Struct || typ.NumField() == 0
}

// fieldsOf calls visit with the path of each field below a struct type.
func fieldsOf(typ reflect.Type, path string, visit func(string)) {
	for typ.Kind() == reflect.Pointer || typ.Kind() == reflect.Slice {
		if typ.Kind() == reflect.Slice {
			path += "[]"
		}
		typ = typ.Elem()
	}
	if leaf(typ) {
		visit(path)
		return
	}
	for field := range typ.Fields() {
		fieldsOf(field.Type, path+"."+jsonName(field), visit)
	}
}

func jsonName(field reflect.StructField) string {
	name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
	return name
}

// change finds the first set field of the path and gives it another value.
func change(value reflect.Value, path, want string) bool {
	switch {
	case value.Kind() == reflect.Pointer:
		if value.IsNil() {
			return false
		}
		return change(value.Elem(), path, want)
	case value.Kind() == reflect.Slice:
		for i := range value.Len() {
			if change(value.Index(i), path+"[]", want) {
				return true
			}
		}
		return false
	case leaf(value.Type()):
		return path == want && other(value)
	}
	for i := range value.NumField() {
		if change(value.Field(i), path+"."+jsonName(value.Type().Field(i)), want) {
			return true
		}
	}
	return false
}

// other sets a value that differs from the present one, unless there is none.
func other(value reflect.Value) bool {
	switch current := value.Addr().Interface().(type) {
	case *metav1.Duration:
		current.Duration += time.Second
		return true
	case *corev1.ResourceRequirements:
		current.Limits[corev1.ResourceMemory] = resource.MustParse("128Mi")
		return true
	}
	switch value.Kind() {
	case reflect.String:
		if value.Len() == 0 {
			return false
		}
		value.SetString(value.String() + "x")
	case reflect.Bool:
		value.SetBool(!value.Bool())
	case reflect.Int32, reflect.Int64:
		value.SetInt(value.Int() + 1)
	case reflect.Map:
		value.SetMapIndex(reflect.ValueOf("added"), reflect.Zero(value.Type().Elem()))
	case reflect.Struct: // Without fields: its presence is the value.
	default:
		return false
	}
	return true
}

func parse(t *testing.T) *wsv1alpha1.WebSocketGateway {
	t.Helper()
	gw := &wsv1alpha1.WebSocketGateway{}
	if err := yaml.UnmarshalStrict([]byte(everything), gw); err != nil {
		t.Fatal(err)
	}
	return gw
}

// deployment renders the gateway as the operator would, and returns the spec of
// its Deployment, and what it says that the user asks of the pods.
func deployment(t *testing.T, gw *wsv1alpha1.WebSocketGateway) (spec map[string]any, asked string) {
	t.Helper()
	refs := compile.Refs{Unchecked: true, Certificates: map[string]compile.Certificate{}}
	for _, name := range compile.Certificates(gw) {
		refs.Certificates[name] = compile.Certificate{SecretName: name + "-tls"}
	}
	compiled := compile.Config(gw, refs, nil)
	config, err := contract.Encode(compiled.Config)
	if err != nil {
		t.Fatal(err)
	}
	for _, object := range render.Objects(gw, render.Files{Config: config}, render.Options{
		GatewayImage: "gateway:test", CertificateSecrets: compiled.CertificateSecrets,
	}) {
		if object.Kind != render.DeploymentKind() {
			continue
		}
		data, err := json.Marshal(object.Apply)
		if err != nil {
			t.Fatal(err)
		}
		var rendered struct {
			Metadata metav1.ObjectMeta
			Spec     map[string]any
		}
		if err := json.Unmarshal(data, &rendered); err != nil {
			t.Fatal(err)
		}
		return rendered.Spec, rendered.Metadata.Annotations[render.AskedAnnotation]
	}
	t.Fatal("no Deployment was rendered")
	return nil, ""
}
