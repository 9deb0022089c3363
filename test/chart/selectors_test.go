// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package chart_test

import (
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/labels"
)

// A selector that finds nothing is no error anywhere: the operator would just not be
// scraped, reached or kept.
func TestEverySelectorFindsWhatItIsFor(t *testing.T) {
	seen, asked := map[string]int{}, map[string]int{}
	for name, rendered := range renders(t) {
		t.Run(name, func(t *testing.T) {
			portsAreThere(t, rendered, asked)
			asked["policies"] += policiesJudgeTheOperator(t, rendered)
			pod := stringsAt(t, find(t, rendered, "Deployment", ""), "spec", "template", "metadata", "labels")
			for i := range rendered {
				object := &rendered[i]
				switch kind := object.GetKind(); kind {
				case "Deployment", "PodDisruptionBudget":
					selects(t, object, stringsAt(t, object, "spec", "selector", "matchLabels"), pod)
				case "Service":
					selects(t, object, stringsAt(t, object, "spec", "selector"), pod)
				case "NetworkPolicy":
					selects(t, object, stringsAt(t, object, "spec", "podSelector", "matchLabels"), pod)
				case "ServiceMonitor":
					selects(t, object, stringsAt(t, object, "spec", "selector", "matchLabels"), find(t, rendered, "Service", "").GetLabels())
				default:
					continue
				}
				seen[object.GetKind()]++
			}
		})
	}
	for _, kind := range []string{"Deployment", "PodDisruptionBudget", "Service", "NetworkPolicy", "ServiceMonitor"} {
		if seen[kind] < 2 {
			t.Errorf("%d installations have a %s: this test looks for it in the wrong way", seen[kind], kind)
		}
	}
	for _, kind := range []string{"Deployment", "Service", "NetworkPolicy", "ServiceMonitor", "PodMonitor", "policies"} {
		if asked[kind] < 2 {
			t.Errorf("%d ports, or accounts, of %s were asked for: this test looks for them in the wrong way", asked[kind], kind)
		}
	}
}

func selects(t *testing.T, object *unstructured.Unstructured, selector, of map[string]string) {
	t.Helper()
	if len(selector) == 0 || !labels.SelectorFromSet(selector).Matches(labels.Set(of)) {
		t.Errorf("%s %s selects %v, and what it is for has %v", object.GetKind(), object.GetName(), selector, of)
	}
}

func stringsAt(t *testing.T, object *unstructured.Unstructured, path ...string) map[string]string {
	t.Helper()
	found, _, err := unstructured.NestedStringMap(object.Object, path...)
	if err != nil {
		t.Fatal(err)
	}
	return found
}
