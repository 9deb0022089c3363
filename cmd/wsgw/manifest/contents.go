// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package manifest

import (
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"time"

	"github.com/wsgateway/websocket-gateway-operator/gateway/authn"
	"github.com/wsgateway/websocket-gateway-operator/gateway/backendtls"
	"github.com/wsgateway/websocket-gateway-operator/gateway/certs"
	"github.com/wsgateway/websocket-gateway-operator/gateway/clientcert"
	"github.com/wsgateway/websocket-gateway-operator/gateway/contract"
)

// volumes plays the Secrets that are mounted into a pod.
type volumes struct {
	set       *Set
	namespace string
}

// Volumes are the Secrets of a namespace, as its pods see them.
func (s *Set) Volumes(namespace string) certs.Files { return volumes{set: s, namespace: namespace} }

// Read returns the content of one key.
func (v volumes) Read(secret, key string) ([]byte, error) {
	data, _ := v.set.Secret(v.namespace, secret)
	content, found := data[key]
	if !found {
		return nil, fs.ErrNotExist
	}
	return content, nil
}

// List returns the keys of a Secret.
func (v volumes) List(secret string) ([]string, error) {
	data, found := v.set.Secret(v.namespace, secret)
	if !found {
		return nil, fs.ErrNotExist
	}
	return slices.Sorted(maps.Keys(data)), nil
}

// Serves tells whether the documents hold a certificate that a pod would serve
// for a listener.
func (s *Set) Serves(namespace string, listener *contract.Listener, now time.Time) bool {
	served, _ := certs.Load(listener, nil, volumes{set: s, namespace: namespace}, now)
	return served != nil
}

// CheckContents has the code of the pods judge the Secrets and key sets that a
// configuration names and the documents hold. Nothing is fetched.
func (s *Set) CheckContents(d Document, config *contract.Config, now time.Time) []Problem {
	files := volumes{set: s, namespace: config.Gateway.Namespace}
	var found []contract.ReportProblem
	for i := range config.Listeners {
		if _, problem := certs.Load(&config.Listeners[i], nil, files, now); problem != nil {
			found = append(found, *problem)
		}
		if asked := config.Listeners[i].ClientCertificates; asked != nil {
			found = append(found, clientcert.New(asked, nil).Problems(config.Listeners[i].Name, now)...)
		}
	}
	for i := range config.BackendTLS {
		_, problem := backendtls.New(&config.BackendTLS[i], backendtls.Options{Files: files, Now: func() time.Time { return now }})
		if problem != nil {
			found = append(found, *problem)
		}
	}
	sets := authn.NewKeySets(authn.KeySetOptions{Now: func() time.Time { return now }})
	defer sets.Close()
	for i := range config.Policies {
		offline := config.Policies[i]
		offline.Methods = slices.DeleteFunc(slices.Clone(offline.Methods), func(m contract.Method) bool {
			return m.JWT != nil && m.JWT.KeySet.URI != ""
		})
		_, problems := authn.NewPolicy(&offline, nil, files, sets)
		found = append(found, problems...)
	}
	var problems []Problem
	for _, problem := range found {
		if _, held := s.Secret(config.Gateway.Namespace, problem.Secret); problem.Secret != "" && !held {
			continue // said already, as a reference that leads nowhere
		}
		problems = append(problems, Problem{Position: d.Position(), Field: fieldOf(problem), Message: remedy(problem)})
	}
	return problems
}

func fieldOf(problem contract.ReportProblem) string {
	if problem.Reason == contract.ProblemClientCAInvalid {
		return "spec.listeners[" + problem.Listener + "].tls.clientCertificates.caRefs"
	}
	if problem.Listener != "" {
		return "spec.listeners[" + problem.Listener + "].tls.certificate.secretRef"
	}
	if problem.BackendTLS != "" {
		return "spec.backendTLS[" + problem.BackendTLS + "].clientCertificate.secretRef"
	}
	return "spec.authPolicies[" + problem.Policy + "]"
}

// remedy names the Secret and says what to do about what a pod would report.
func remedy(problem contract.ReportProblem) string {
	switch problem.Reason {
	case contract.ProblemSecretKeyNotFound:
		return fmt.Sprintf("Secret %q has no key %q: add it", problem.Secret, problem.Key)
	case contract.ProblemSecretInvalid:
		if problem.Serving {
			return fmt.Sprintf("Secret %q is not in order (%s): correct its content", problem.Secret, problem.Message)
		}
		return fmt.Sprintf("Secret %q cannot be used (%s): correct its content", problem.Secret, problem.Message)
	default:
		return problem.Message
	}
}
