// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package gateway

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"time"

	"github.com/wsgateway/websocket-gateway-operator/gateway/authn"
	"github.com/wsgateway/websocket-gateway-operator/gateway/contract"
)

// Check tells whether a gateway could use config as its config.json. It looks at
// nothing else: Secrets, key sets and endpoints may still be missing.
func Check(config []byte) error {
	parsed, err := contract.ParseConfig(config)
	if err != nil {
		return err
	}
	// The clock stands still and the key sets are closed: nothing is fetched.
	now := func() time.Time { return time.Time{} }
	keySets := authn.NewKeySets(authn.KeySetOptions{Now: now, Logger: slog.New(slog.DiscardHandler)})
	keySets.Close()
	built := build(parsed, source{files: noFiles{}, keySets: keySets, now: now, ports: (&Options{}).portsOf})
	var problems []error
	for name, cas := range built.clients {
		for _, problem := range cas.Problems(name, now()) {
			problems = append(problems, fmt.Errorf("listener %q: %s", name, problem.Message))
		}
	}
	for _, problem := range built.unusable {
		problems = append(problems, fmt.Errorf("policy %q: %s", problem.Policy, problem.Message))
	}
	for i := range parsed.Policies {
		_, found := authn.NewPolicy(&parsed.Policies[i], nil, noFiles{}, keySets)
		for _, problem := range found {
			// The key sets that are in the contract itself.
			if problem.Secret == "" {
				problems = append(problems, fmt.Errorf("policy %q: %s", problem.Policy, problem.Message))
			}
		}
	}
	return errors.Join(problems...)
}

// noFiles has no Secret.
type noFiles struct{}

func (noFiles) Read(secret, key string) ([]byte, error) {
	return nil, fmt.Errorf("secret %q, key %q: %w", secret, key, fs.ErrNotExist)
}

func (noFiles) List(secret string) ([]string, error) {
	return nil, fmt.Errorf("secret %q: %w", secret, fs.ErrNotExist)
}
