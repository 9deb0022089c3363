// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package contract

import (
	"errors"
	"fmt"
	"time"
)

// Audit says what is recorded of connections, and where the records go.
type Audit struct {
	ProgressInterval *Duration `json:"progressInterval,omitempty"`
	// WithoutStdout takes standard output away as a sink; only with another one.
	WithoutStdout bool `json:"withoutStdout,omitempty"`
	// File is a sink in the folder that the pod has for it.
	File *AuditFile `json:"file,omitempty"`
	// OTLP is a sink.
	OTLP *OTLP `json:"otlp,omitempty"`
	// RefuseOverflow refuses newcomers while a sink cannot take more.
	RefuseOverflow bool `json:"refuseOverflow,omitempty"`
	// SigningKey is a file; checkpoints are signed with the Ed25519 key in it.
	SigningKey *SecretKey `json:"signingKey,omitempty"`
	// HashKey is a file; identities are hashed with its content.
	HashKey *SecretKey `json:"hashKey,omitempty"`
	// TruncateAddresses leaves of the address of a client its network.
	TruncateAddresses bool `json:"truncateAddresses,omitempty"`
}

// AuditFile bounds the files of a pod.
type AuditFile struct {
	// MaxBytes of one file; absent means DefaultAuditFileBytes.
	MaxBytes *int64 `json:"maxBytes,omitempty"`
	// MaxFiles, the one that is written among them; absent means
	// DefaultAuditFiles.
	MaxFiles *int32 `json:"maxFiles,omitempty"`
}

// Defaults and bounds of AuditFile.
const (
	DefaultAuditFileBytes int64 = 64 << 20
	DefaultAuditFiles     int32 = 5

	minAuditFileBytes int64 = 1 << 20
	minAuditFiles     int32 = 2
)

// DefaultHashKeyKey is the file of a Secret that holds the key of the hash, where
// no other is chosen.
const DefaultHashKeyKey = "hash.key"

// Bounds of a key of the hash, in bytes: as many as the hash has itself (RFC 2104
// section 3), and what nobody has by mistake.
const (
	MinHashKeyBytes = 32
	MaxHashKeyBytes = 1024
)

// ProgressEvery returns the interval in force. a may be nil.
func (a *Audit) ProgressEvery() time.Duration {
	if a == nil {
		return DefaultProgressInterval
	}
	return time.Duration(or(a.ProgressInterval, Duration(DefaultProgressInterval)))
}

// Bytes returns how large a file may be.
func (f *AuditFile) Bytes() int64 { return or(f.MaxBytes, DefaultAuditFileBytes) }

// Files returns how many files are kept.
func (f *AuditFile) Files() int32 { return or(f.MaxFiles, DefaultAuditFiles) }

func (a *Audit) validate() error {
	if a == nil {
		return nil
	}
	if a.WithoutStdout && a.File == nil && a.OTLP == nil {
		return errors.New("audit: no sink is left")
	}
	if a.File != nil && (a.File.Bytes() < minAuditFileBytes || a.File.Files() < minAuditFiles) {
		return fmt.Errorf("audit: %d files of %d bytes are fewer or smaller than can be written", a.File.Files(), a.File.Bytes())
	}
	for use, file := range map[string]*SecretKey{"signing key": a.SigningKey, "key of the hash": a.HashKey} {
		if file == nil {
			continue
		}
		if err := errors.Join(fileName(file.Secret), fileName(file.Key)); err != nil {
			return fmt.Errorf("audit: %s: %w", use, err)
		}
	}
	if err := a.OTLP.validate(); err != nil {
		return fmt.Errorf("audit: %w", err)
	}
	return nil
}
