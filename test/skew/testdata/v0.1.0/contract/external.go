// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package contract

import (
	"errors"
	"fmt"
	"time"
)

// External asks an authorization server about each request (ext_authz, gRPC,
// version 3). It is the last method of its policy.
type External struct {
	// Backend is a key of Endpoints.Backends, and Service the name of its Service:
	// the issuer of the identities.
	Backend string `json:"backend"`
	Service string `json:"service"`
	// Timeout of one question; absent means DefaultExternalTimeout.
	Timeout *Duration `json:"timeout,omitempty"`
	// RevalidateEvery is how often the server is asked about an open connection;
	// absent means never.
	RevalidateEvery Duration `json:"revalidateEvery,omitempty"`
}

// DefaultExternalTimeout is what a caller waits for an authorization server
// inside the same cluster.
const DefaultExternalTimeout = 500 * time.Millisecond

// Bounds of External. The API has a larger least interval; this one keeps a
// mistake from asking all the time.
const (
	minExternalTimeout    = 10 * time.Millisecond
	maxExternalTimeout    = 5 * time.Second
	minRevalidateInterval = 100 * time.Millisecond
	maxRevalidateInterval = 24 * time.Hour
)

// QuestionTimeout returns the timeout in force.
func (e *External) QuestionTimeout() time.Duration {
	return time.Duration(or(e.Timeout, Duration(DefaultExternalTimeout)))
}

func (e *External) validate() error {
	every := time.Duration(e.RevalidateEvery)
	switch timeout := e.QuestionTimeout(); {
	case e.Backend == "" || e.Service == "":
		return errors.New("external: backend and service are required")
	case timeout < minExternalTimeout || timeout > maxExternalTimeout:
		return fmt.Errorf("external: timeout of %v is not between %v and %v", timeout, minExternalTimeout, maxExternalTimeout)
	case every != 0 && (every < minRevalidateInterval || every > maxRevalidateInterval):
		return fmt.Errorf("external: revalidation every %v is not between %v and %v", every, minRevalidateInterval, maxRevalidateInterval)
	}
	return nil
}

// checkExternal refuses methods that could never be asked: external has an
// answer to every request.
func (p *Policy) checkExternal() error {
	for i := range p.Methods {
		if p.Methods[i].External != nil && i != len(p.Methods)-1 {
			return errors.New("external is not the last method")
		}
	}
	return nil
}
