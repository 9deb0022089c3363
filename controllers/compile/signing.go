// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package compile

import (
	wsv1alpha1 "github.com/wsgateway/websocket-gateway-operator/api/v1alpha1"
	"github.com/wsgateway/websocket-gateway-operator/gateway/contract"
)

// signingKey is the file that checkpoints of the records are signed with, nil for
// none.
func signingKey(spec *wsv1alpha1.Audit) *contract.SecretKey {
	if spec == nil || spec.Signing == nil {
		return nil
	}
	ref := &spec.Signing.SecretRef
	return &contract.SecretKey{Secret: ref.Name, Key: keyOr(ref, contract.TLSPrivateKeyKey)}
}

func signingReferences(spec *wsv1alpha1.Audit) []Reference {
	key := signingKey(spec)
	if key == nil {
		return nil
	}
	return []Reference{{Field: "spec.audit.signing.secretRef.name", Kind: KindSecret, Name: key.Secret, Keys: []string{key.Key}}}
}
