// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package gateway

import (
	"errors"
	"fmt"
	"io/fs"
	"sync"

	"github.com/wsgateway/websocket-gateway-operator/gateway/audit"
	"github.com/wsgateway/websocket-gateway-operator/gateway/certs"
	"github.com/wsgateway/websocket-gateway-operator/gateway/contract"
)

// signing keeps the key of the checkpoints in line with the files. apply is for
// one goroutine, problems for any.
type signing struct {
	// last is the last good key, of the file from.
	last *audit.Signer
	from contract.SecretKey

	mu      sync.Mutex
	problem *contract.ReportProblem
}

// apply tells the log whom to sign with. A key that has gone or is malformed
// leaves the last good one in force: records without a signature would be worse
// than ones with an old key.
func (s *signing) apply(log *audit.Log, key *contract.SecretKey, files certs.Files) {
	if key == nil {
		s.last, s.from = nil, contract.SecretKey{}
		s.note(nil)
		log.Sign(nil)
		return
	}
	signer, problem := loadSigner(*key, files)
	if signer == nil && s.from == *key {
		signer = s.last
	}
	if problem != nil {
		problem.Serving = signer != nil
	}
	s.last, s.from = signer, *key
	s.note(problem)
	log.Sign(signer)
}

func (s *signing) note(problem *contract.ReportProblem) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.problem = problem
}

// problems is what a report says, at most one.
func (s *signing) problems() []contract.ReportProblem {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.problem == nil {
		return nil
	}
	return []contract.ReportProblem{*s.problem}
}

// loadSigner reads a key. What it says of a bad one has nothing of its content.
func loadSigner(key contract.SecretKey, files certs.Files) (*audit.Signer, *contract.ReportProblem) {
	problem := &contract.ReportProblem{Audit: contract.AuditSigning, Secret: key.Secret, Key: key.Key, Reason: contract.ProblemSecretInvalid}
	data, err := files.Read(key.Secret, key.Key)
	if err != nil {
		switch present, listErr := files.List(key.Secret); {
		case !errors.Is(err, fs.ErrNotExist):
			problem.Message = fmt.Sprintf("Secret %q cannot be read: %v", key.Secret, err)
		case listErr != nil || len(present) == 0:
			problem.Reason = contract.ProblemSecretNotFound
			problem.Message = fmt.Sprintf("Secret %q does not exist or is empty: create it", key.Secret)
		default:
			problem.Reason = contract.ProblemSecretKeyNotFound
			problem.Message = fmt.Sprintf("Secret %q has no key %q: add it", key.Secret, key.Key)
		}
		return nil, problem
	}
	signer, err := audit.ParseSigner(data)
	if err != nil {
		problem.Message = fmt.Sprintf("key %q: %v", key.Key, err)
		return nil, problem
	}
	return signer, nil
}
