// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package revalidation_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/wsgateway/websocket-gateway-operator/gateway/contract"
	"github.com/wsgateway/websocket-gateway-operator/gateway/revalidation"
)

func TestThePoliciesWhoseServerIsTooSlowAreReported(t *testing.T) {
	t.Parallel()
	asks := func(policy, server string, every time.Duration) contract.Policy {
		return contract.Policy{Name: policy, Methods: []contract.Method{
			{APIKey: &contract.APIKey{Secret: "keys"}},
			{External: &contract.External{Backend: server, RevalidateEvery: contract.Duration(every)}},
		}}
	}
	config := contract.Config{Policies: []contract.Policy{
		asks("slow", "slow:9000", 10*time.Second), asks("never", "slow:9000", 0), asks("quick", "quick:9000", 10*time.Second),
	}}
	want := []contract.ReportProblem{{
		Policy: "slow", Reason: contract.ProblemRevalidationBehind, Serving: true,
		Message: "authorization server slow:9000 answers, but open connections wait for longer than revalidateEvery (10s) to be asked about, and end after three times that",
	}}
	got := revalidation.Problems(&config, func(server string) bool { return server == "slow:9000" })
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("problems (-want +got):\n%s", diff)
	}
}
