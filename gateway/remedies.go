// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package gateway

import (
	"fmt"
	"maps"
	"slices"

	"github.com/wsgateway/websocket-gateway-operator/gateway/contract"
	"github.com/wsgateway/websocket-gateway-operator/gateway/control"
)

// problemsOf collects all that is not served as configured, with what to do. The
// report has part of it: what follows from the configuration itself is in the
// status of the WebSocketGateway, and whoever looks at a pod sees it here.
func problemsOf(report *contract.Report, s *snapshot) []control.Problem {
	var list []control.Problem
	for _, name := range slices.Sorted(maps.Keys(report.Files)) {
		if fault := report.Files[name].Error; fault != "" {
			list = append(list, control.Problem{
				Kind: "file", Name: name, Reason: "NotInForce", Message: fault, Serving: report.Files[name].InForce != "",
				Remedy: "the operator writes this file: look whether operator and pod are of the same release, and at the status of the WebSocketGateway",
			})
		}
	}
	for i := range report.Problems {
		p := &report.Problems[i]
		told := control.Problem{
			Kind: "listener", Name: p.Listener, Reason: string(p.Reason), Message: p.Message, Serving: p.Serving, Remedy: remedy(p),
		}
		switch {
		case p.Policy != "":
			told.Kind, told.Name = "policy", p.Policy
		case p.BackendTLS != "":
			told.Kind, told.Name = "backendTLS", p.BackendTLS
		case p.Audit != "":
			told.Kind, told.Name = "audit", p.Audit
		case p.Tracing:
			told.Kind, told.Name = "tracing", "collector"
		}
		list = append(list, told)
	}
	if s != nil {
		list = append(list, faultsOf(s)...)
	}
	return list
}

// remedy is what to do about a problem that only a pod can see.
func remedy(p *contract.ReportProblem) string {
	switch p.Reason {
	case contract.ProblemSecretNotFound:
		return fmt.Sprintf("create the Secret %s in the gateway's namespace, or correct its name; pods see it within about 90 s", p.Secret)
	case contract.ProblemSecretKeyNotFound:
		return fmt.Sprintf("add the key %s to the Secret %s, or correct the key in the reference", p.Key, p.Secret)
	case contract.ProblemSecretInvalid:
		return fmt.Sprintf("replace the content of the Secret %s", p.Secret)
	case contract.ProblemKeySetUnavailable:
		return "look whether a pod of this namespace can resolve and reach the address, and whether its certificate fits caRef"
	case contract.ProblemPortUnavailable:
		return "give the listener another port, or wait for the next look at the files, which tries again"
	case contract.ProblemClientCAInvalid:
		return "repair the ConfigMaps of the listener's clientCertificates.caRefs"
	case contract.ProblemAuthorizationServerUnavailable:
		return "look whether the Service of the authorization server has ready pods, and at what they log"
	case contract.ProblemRevalidationBehind:
		return "make revalidateEvery longer, let the authorization server answer sooner, or spread the connections over more replicas"
	case contract.ProblemAuditSinkFailing:
		return "look at whoever takes these records: the collector and its address, the volume and its size, the reader of standard output"
	case contract.ProblemAuthorizationInvalid:
		return "bring operator and gateway image to the same release"
	default:
		return ""
	}
}

// faultsOf are the routes and policies that answer 503.
func faultsOf(s *snapshot) []control.Problem {
	var list []control.Problem
	for i := range s.routes {
		if r := &s.routes[i]; r.Fault != "" {
			list = append(list, control.Problem{
				Kind: "route", Name: r.Name, Reason: string(r.Fault), Message: "the route answers 503", Remedy: remedyOfFault(r.Fault),
			})
		}
	}
	for i := range s.config.Policies {
		if p := &s.config.Policies[i]; p.Fault != "" {
			list = append(list, control.Problem{
				Kind: "policy", Name: p.Name, Reason: string(p.Fault), Message: "its routes answer 503", Remedy: remedyOfFault(p.Fault),
			})
		}
	}
	return list
}

func remedyOfFault(fault contract.Fault) string {
	switch fault {
	case contract.FaultPolicyNotFound:
		return "name a policy of spec.authPolicies in the route, or add this one there"
	case contract.FaultPolicyInvalid:
		return "the condition Accepted or ResolvedRefs of the WebSocketGateway says what is wrong with it"
	case contract.FaultBackendNotFound:
		return "create the Service that the route names, with this port, or correct the reference"
	case contract.FaultBackendUnsupported:
		return "use a Service that selects pods: one of type ExternalName is never dialled"
	case contract.FaultBackendTLSUnavailable:
		return "the conditions of the WebSocketGateway, and the problems of backendTLS here, say what the profile of the route's backends lacks"
	case contract.FaultBackendTLSMismatch:
		return "let backendRefs[].tls and the appProtocol of the Service's port agree"
	case contract.FaultMessageTypes:
		return "let limits.messageTypes of the route and of the gateway have a type in common"
	case contract.FaultNoRoom:
		return "shorten the rule to what it was, or remove other rules of its namespace: the status of the WebSocketRoute says how much room there is"
	case contract.FaultClientCAUnavailable:
		return "create the ConfigMap that caRefs names, with the CA's certificate"
	default:
		return "the status of the WebSocketGateway says what is wrong"
	}
}
