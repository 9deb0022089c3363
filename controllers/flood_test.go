// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package controllers_test

import (
	"fmt"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	"sigs.k8s.io/controller-runtime/pkg/client"

	wsv1alpha1 "github.com/wsgateway/websocket-gateway-operator/api/v1alpha1"
	"github.com/wsgateway/websocket-gateway-operator/controllers/apply"
	"github.com/wsgateway/websocket-gateway-operator/gateway/contract"
)

// A tenant that changes its route without end has the gateway of all written once a
// second. Its neighbour sees nothing of it, and the platform does not wait.
func TestATenantsChangesWithoutEndCostAWriteASecond(t *testing.T) {
	b, tenants := newTenants(t, 2)
	restless, neighbour := tenants[0], tenants[1]
	b.open("edge", everyNamespace())
	for _, team := range tenants {
		b.serviceIn(team, "echo")
		b.create(b.newAttached(team, "chat", team+".example.com"))
		b.tells(team, "chat", wsv1alpha1.ConditionReady, wsv1alpha1.ReasonReady)
	}
	b.quiet()
	before := b.attached(neighbour, "chat")
	b.requests.reset()
	began := time.Now()
	const changes = 100
	route := b.attached(restless, "chat")
	for i := range changes {
		was := route.DeepCopy()
		route.Spec.Rules[0].Path = &wsv1alpha1.PathMatch{Type: wsv1alpha1.PathMatchPathPrefix, Value: fmt.Sprintf("/%d", i)}
		b.g.Expect(b.admin.Patch(b.ctx, route, client.MergeFrom(was))).To(Succeed())
	}
	flood := time.Since(began)
	b.create(b.newRevocation("incident", time.Hour, "edge"))
	b.g.Eventually(func() []contract.Revocation { return b.revocationsOf("edge").Revocations }).Should(HaveLen(1))
	b.tells(restless, "chat", wsv1alpha1.ConditionReady, wsv1alpha1.ReasonReady)
	took := time.Since(began)
	writes := b.requests.writesOf("/configmaps/wsgw-edge")
	t.Logf("%d changes in %v, in force after %v: %d writes of the contract, %d of all kinds, %d reads",
		changes, flood, took, writes, len(b.requests.written()), b.requests.reads)
	// One for the revocation, and one to take over the fields of the Create.
	b.g.Expect(writes).To(BeNumerically("<=", apply.ContractsAtOnce+int(took/apply.ContractPause)+1+2), "%v", b.requests.written())
	b.g.Expect(b.files("edge")[contract.ConfigFile]).To(ContainSubstring(fmt.Sprintf(`"/%d"`, changes-1)))
	b.g.Expect(b.attached(neighbour, "chat").ResourceVersion).To(Equal(before.ResourceVersion), "somebody else's changes are no news")
}
