// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package v1alpha1

// AuditSigning says what the checkpoints of the records are signed with. Without
// it, the hashes in the records show what was changed in between, but not that
// somebody wrote all of them anew.
type AuditSigning struct {
	// secretRef names the key of a Secret that holds an Ed25519 private key in PEM
	// and PKCS#8. Default key: tls.key, where cert-manager puts private keys.
	// Another key is in force at once, and the records name it.
	// +required
	SecretRef LocalKeyReference `json:"secretRef"`
}
