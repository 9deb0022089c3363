// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package render_test

import (
	"encoding/json"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	cmv1 "github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/pod-security-admission/api"
	"k8s.io/pod-security-admission/policy"

	wsv1alpha1 "github.com/wsgateway/websocket-gateway-operator/api/v1alpha1"
	"github.com/wsgateway/websocket-gateway-operator/controllers/compile"
	"github.com/wsgateway/websocket-gateway-operator/controllers/render"
)

func podTemplate(t *testing.T, gw *wsv1alpha1.WebSocketGateway) corev1.PodTemplateSpec {
	t.Helper()
	return renderedAs[appsv1.Deployment](t, gw, options(), render.DeploymentKind().Kind).Spec.Template
}

// TestPodsPassTheRestrictedProfile asks the code that the API server itself
// asks at admission.
func TestPodsPassTheRestrictedProfile(t *testing.T) {
	t.Parallel()
	evaluator, err := policy.NewEvaluator(policy.DefaultChecks(), nil)
	if err != nil {
		t.Fatal(err)
	}
	restricted := api.LevelVersion{Level: api.LevelRestricted, Version: api.LatestVersion()}
	verdict := func(template corev1.PodTemplateSpec) policy.AggregateCheckResult {
		return policy.AggregateCheckResults(evaluator.EvaluatePod(restricted, &template.ObjectMeta, &template.Spec))
	}
	for folder, gw := range fixtures(t) {
		template := podTemplate(t, gw)
		if got := verdict(template); !got.Allowed {
			t.Errorf("%s: %s", filepath.Base(folder), got.ForbiddenDetail())
		}
		template.Spec.Containers[0].SecurityContext.Capabilities.Drop = nil
		if verdict(template).Allowed {
			t.Errorf("%s: the check lets everything pass", filepath.Base(folder))
		}
	}
}

// TestPodsHoldNothingOfTheCluster goes beyond the profile: no token, no list of
// Services in the environment, nothing writable.
func TestPodsHoldNothingOfTheCluster(t *testing.T) {
	t.Parallel()
	for folder, gw := range fixtures(t) {
		t.Run(filepath.Base(folder), func(t *testing.T) {
			t.Parallel()
			spec := podTemplate(t, gw).Spec
			if spec.AutomountServiceAccountToken == nil || *spec.AutomountServiceAccountToken {
				t.Error("the pod is given a token")
			}
			if spec.EnableServiceLinks == nil || *spec.EnableServiceLinks {
				t.Error("the pod is told about the Services of its namespace")
			}
			container := spec.Containers[0]
			if !*container.SecurityContext.ReadOnlyRootFilesystem {
				t.Error("the root file system is writable")
			}
			account := renderedAs[corev1.ServiceAccount](t, gw, options(), render.ServiceAccountKind().Kind)
			if account.AutomountServiceAccountToken == nil || *account.AutomountServiceAccountToken {
				t.Error("the service account hands out tokens")
			}
			for _, mount := range container.VolumeMounts {
				if mount.Name == "audit" && mount.MountPath == "/var/log/wsgateway" && mount.SubPath == "" {
					continue // the one folder that a gateway may write to
				}
				if !mount.ReadOnly || mount.SubPath != "" || mount.SubPathExpr != "" {
					t.Errorf("mount %s is writable, or is never refreshed: %+v", mount.Name, mount)
				}
			}
			for _, port := range container.Ports {
				if port.ContainerPort != 19000 {
					t.Errorf("port %d is declared: a new listener would restart the pods", port.ContainerPort)
				}
			}
		})
	}
}

func TestVolumes(t *testing.T) {
	t.Parallel()
	for folder, gw := range fixtures(t) {
		t.Run(filepath.Base(folder), func(t *testing.T) {
			t.Parallel()
			spec := podTemplate(t, gw).Spec
			var names []string
			for _, volume := range spec.Volumes {
				names = append(names, volume.Name)
				if problems := validation.IsDNS1123Label(volume.Name); len(problems) > 0 {
					t.Errorf("volume name %q: %s", volume.Name, problems)
				}
				checkSource(t, volume)
			}
			slices.Sort(names)
			if len(slices.Compact(slices.Clone(names))) != len(names) {
				t.Errorf("volume names repeat: %v", names)
			}
			if len(spec.Containers[0].VolumeMounts) != len(spec.Volumes) {
				t.Error("volumes and mounts do not match")
			}
		})
	}
}

// checkSource: optional, so that a pod starts and says what is missing; and
// readable by the group of the pod only.
func checkSource(t *testing.T, volume corev1.Volume) {
	t.Helper()
	var optional *bool
	var mode *int32
	switch {
	case volume.Name == "audit" && volume.EmptyDir != nil:
		if volume.EmptyDir.SizeLimit == nil || volume.EmptyDir.SizeLimit.IsZero() {
			t.Errorf("volume %s has no limit: it could fill the node", volume.Name)
		}
		return
	case volume.Secret != nil:
		optional, mode = volume.Secret.Optional, volume.Secret.DefaultMode
	case volume.ConfigMap != nil:
		optional, mode = volume.ConfigMap.Optional, volume.ConfigMap.DefaultMode
	default:
		t.Fatalf("volume %s is neither a Secret nor a ConfigMap", volume.Name)
	}
	if optional == nil || !*optional || mode == nil || *mode != 0o440 {
		t.Errorf("volume %s: optional %v, mode %v", volume.Name, optional, mode)
	}
}

// TestSimilarNamesDoNotMeet: volume names are derived from names that hold
// characters which they may not.
func TestSimilarNamesDoNotMeet(t *testing.T) {
	t.Parallel()
	gw := fixtures(t)["testdata/least"].DeepCopy()
	for _, name := range []string{"a.b", "a-b", strings.Repeat("x", 60), strings.Repeat("x", 61)} {
		gw.Spec.AuthPolicies = append(gw.Spec.AuthPolicies, wsv1alpha1.AuthPolicy{
			Name: "p", AnyOf: []wsv1alpha1.AuthMethod{
				{APIKey: &wsv1alpha1.APIKeyMethod{SecretRef: wsv1alpha1.LocalReference{Name: name}}},
			},
		})
	}
	seen := map[string]bool{}
	for _, volume := range podTemplate(t, gw).Spec.Volumes {
		if seen[volume.Name] {
			t.Errorf("two volumes are called %s", volume.Name)
		}
		seen[volume.Name] = true
	}
	if len(seen) != 6 {
		t.Errorf("%d volumes, want 6", len(seen))
	}
}

func TestNamesAndLabelsAreValid(t *testing.T) {
	t.Parallel()
	for folder, gw := range fixtures(t) {
		for _, object := range render.Objects(gw, files(), options()) {
			data, err := json.Marshal(object.Apply)
			if err != nil {
				t.Fatal(err)
			}
			var meta metav1.PartialObjectMetadata
			if err := json.Unmarshal(data, &meta); err != nil {
				t.Fatal(err)
			}
			where := filepath.Base(folder) + " " + object.Kind.Kind
			checkName(t, where, object, &meta)
			for key, value := range meta.Labels {
				if key == "app.kubernetes.io/instance" || len(validation.IsValidLabelValue(value)) > 0 {
					t.Errorf("%s: label %s=%s", where, key, value)
				}
			}
			for key := range meta.Annotations {
				if strings.HasPrefix(key, "argocd.argoproj.io/") {
					t.Errorf("%s: annotation %s was copied", where, key)
				}
			}
			owner := metav1.GetControllerOf(&meta)
			if owner == nil || owner.UID != gw.UID || owner.BlockOwnerDeletion == nil || !*owner.BlockOwnerDeletion {
				t.Errorf("%s is not owned by the gateway: %+v", where, owner)
			}
		}
	}
}

func checkName(t *testing.T, where string, object render.Object, meta *metav1.PartialObjectMetadata) {
	t.Helper()
	check := validation.IsDNS1123Label
	if object.Kind.Kind == cmv1.CertificateKind {
		check = validation.IsDNS1123Subdomain
	}
	if problems := check(meta.Name); len(problems) > 0 {
		t.Errorf("%s: name %q: %s", where, meta.Name, problems)
	}
	if object.Name != meta.Name || object.Kind.Kind != meta.Kind || object.Kind.GroupVersion().String() != meta.APIVersion {
		t.Errorf("%s: Object says %s %s, its content %s %s", where, object.Kind, object.Name, meta.GroupVersionKind(), meta.Name)
	}
}

func TestOrderOfApplication(t *testing.T) {
	t.Parallel()
	gw := fixtures(t)["testdata/listeners-share-a-port"]
	want := []string{
		"ServiceAccount", "NetworkPolicy", "Certificate", "Certificate",
		"ConfigMap", "Deployment", "Service", "PodDisruptionBudget",
	}
	var got []string
	for _, object := range render.Objects(gw, files(), options()) {
		got = append(got, object.Kind.Kind)
	}
	if !slices.Equal(got, want) {
		t.Errorf("order is %v, want %v", got, want)
	}
}

func TestCertificateSecretIsTheOneThatIsMounted(t *testing.T) {
	t.Parallel()
	gw := fixtures(t)["testdata/least"]
	certificate := renderedAs[cmv1.Certificate](t, gw, options(), cmv1.CertificateKind)
	want := compile.CertificateSecretName(gw.Name, "public")
	mounted := slices.ContainsFunc(podTemplate(t, gw).Spec.Volumes, func(v corev1.Volume) bool {
		return v.Secret != nil && v.Secret.SecretName == want
	})
	if certificate.Spec.SecretName != want || !mounted {
		t.Errorf("Certificate writes %s, mounted: %v", certificate.Spec.SecretName, mounted)
	}
	if certificate.Spec.CommonName != "" {
		t.Errorf("common name %q: one above 64 bytes breaks issuance", certificate.Spec.CommonName)
	}
}
