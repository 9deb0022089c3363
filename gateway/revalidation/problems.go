// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package revalidation

import (
	"fmt"
	"time"

	"github.com/wsgateway/websocket-gateway-operator/gateway/contract"
)

// Problems are the policies whose connections come too late to their turn; behind
// tells so of a server. The text does not change with the figures: it becomes part
// of the status, each change of which is a write.
func Problems(config *contract.Config, behind func(server string) bool) []contract.ReportProblem {
	var found []contract.ReportProblem
	for i := range config.Policies {
		policy := &config.Policies[i]
		for j := range policy.Methods {
			asked := policy.Methods[j].External
			if asked == nil || asked.RevalidateEvery == 0 || !behind(asked.Backend) {
				continue
			}
			found = append(found, contract.ReportProblem{
				Policy: policy.Name, Reason: contract.ProblemRevalidationBehind, Serving: true,
				Message: fmt.Sprintf("authorization server %s answers, but open connections wait for longer than revalidateEvery (%v) to be asked about, "+
					"and end after three times that", asked.Backend, time.Duration(asked.RevalidateEvery)),
			})
		}
	}
	return found
}
