// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package chart_test

import (
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"

	"github.com/wsgateway/websocket-gateway-operator/test/chart"
)

// A flag that follows from values is set by them alone: given once more it would
// win, and what else follows from the value, a policy or a probe, would not hold.
func TestNoFlagOfTheChartMayBeSetTwice(t *testing.T) {
	file := values(t)["everything"]
	var values struct {
		Controller struct {
			ExtraArgs []string `json:"extraArgs"`
		} `json:"controller"`
	}
	read(t, file, &values)
	var deployment appsv1.Deployment
	decode(t, find(t, template(t, "helm", "--values", file), "Deployment", ""), &deployment)
	args := deployment.Spec.Template.Spec.Containers[0].Args
	own := args[:len(args)-len(values.Controller.ExtraArgs)]
	if len(own) < 8 {
		t.Fatalf("the chart sets %q only", own)
	}
	for _, arg := range own {
		flag, _, _ := strings.Cut(arg, "=")
		_, err := chart.Template(t.Context(), tool(t, "helm"), "--set-json", `controller.extraArgs=["`+flag+`=x"]`)
		if err == nil || !strings.Contains(err.Error(), "controller.extraArgs sets "+flag) {
			t.Errorf("controller.extraArgs with %s: %v", flag, err)
		}
	}
}
