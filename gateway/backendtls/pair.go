// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package backendtls

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"github.com/wsgateway/websocket-gateway-operator/gateway/contract"
)

// clockSkew is how far a new certificate may lie in the future: the issuer's
// clock may be ahead of the pod's.
const clockSkew = 5 * time.Minute

// loadPair reads what a profile shows. What it says of a bad pair has nothing of
// the key.
func loadPair(c *contract.BackendTLS, files Files, now time.Time) (*tls.Certificate, *contract.ReportProblem) {
	name := c.CertificateSecret
	problem := &contract.ReportProblem{BackendTLS: c.Name, Secret: name, Reason: contract.ProblemSecretInvalid}
	var content [2][]byte
	for i, key := range []string{contract.TLSCertificateKey, contract.TLSPrivateKeyKey} {
		data, err := files.Read(name, key)
		if err != nil {
			problem.Key = key
			return nil, unreadable(problem, files, err)
		}
		content[i] = data
	}
	pair, err := tls.X509KeyPair(content[0], content[1])
	if err != nil {
		// crypto/tls says what is wrong without quoting the key.
		problem.Message = fmt.Sprintf("the certificate and key cannot be used together: %v", err)
		return nil, problem
	}
	problem.Key = contract.TLSCertificateKey
	switch leaf := pair.Leaf; {
	case now.After(leaf.NotAfter):
		problem.Message = "the certificate expired at " + leaf.NotAfter.UTC().Format(time.RFC3339)
	case now.Add(clockSkew).Before(leaf.NotBefore):
		problem.Message = fmt.Sprintf("the certificate is valid only from %s on", leaf.NotBefore.UTC().Format(time.RFC3339))
	default:
		return &pair, nil
	}
	return nil, problem
}

// unreadable says which part of a Secret is not there.
func unreadable(problem *contract.ReportProblem, files Files, err error) *contract.ReportProblem {
	keys, listErr := files.List(problem.Secret)
	switch {
	case !errors.Is(err, fs.ErrNotExist):
		problem.Message = fmt.Sprintf("Secret %q cannot be read: %v", problem.Secret, err)
	case listErr != nil || len(keys) == 0:
		problem.Reason, problem.Key = contract.ProblemSecretNotFound, ""
		problem.Message = fmt.Sprintf("Secret %q does not exist or is not mounted yet", problem.Secret)
	default:
		problem.Reason = contract.ProblemSecretKeyNotFound
		problem.Message = fmt.Sprintf("Secret %q has no key %q", problem.Secret, problem.Key)
	}
	return problem
}
