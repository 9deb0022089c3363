// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package contract

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path"
)

// Names of the three files in the mounted configuration folder; also the keys
// of the ConfigMap.
const (
	ConfigFile      = "config.json"
	EndpointsFile   = "endpoints.json"
	RevocationsFile = "revocations.json"
)

// Folders below the root that a pod is given. A Secret is mounted at
// SecretsFolder/<name of the Secret>.
const (
	ConfigFolder  = "config"
	SecretsFolder = "secrets"
)

// File names inside mounted Secrets and ConfigMaps, where no key is chosen.
const (
	TLSCertificateKey = "tls.crt"
	TLSPrivateKeyKey  = "tls.key"
	DefaultKeySetKey  = "jwks.json"
	DefaultCAKey      = "ca.crt"
	DefaultUsersKey   = "auth"
)

// Ports that a pod opens besides its listeners.
const (
	// AdminPort answers /healthz, /readyz, /metrics and /report to the pod
	// network. Read-only; nothing secret.
	AdminPort = 19000
	// ControlPort answers on the pod's loopback interface only.
	ControlPort = 19001
)

// MaxFileBytes bounds each file, below the 1 MiB that a ConfigMap may have in
// all. MaxInlineBytes bounds what the specs' ConfigMaps add to Config.
const (
	MaxFileBytes   = 900 << 10
	MaxInlineBytes = 512 << 10
)

// MaxRevocations bounds the revocations of one gateway: a report has a count for
// each of them. MaxRevocationsBytes bounds their file, which shares a ConfigMap
// with the two others.
const (
	MaxRevocations      = 256
	MaxRevocationsBytes = 512 << 10
)

// SecretPath is where a key of a Secret lies below the root.
func SecretPath(root, secret, key string) string {
	return path.Join(root, SecretsFolder, secret, key)
}

// BindPort is the port that a pod opens for a Service port: ports below 1024
// need a privilege, so they are moved up by 10000.
func BindPort(port int32) int32 {
	if port < 1024 {
		return port + 10000
	}
	return port
}

// Encode writes one of the three files: compact, with a final newline, and
// byte-equal for equal values.
func Encode(file any) ([]byte, error) {
	data, err := json.Marshal(file)
	if err != nil {
		return nil, fmt.Errorf("encode contract: %w", err)
	}
	return append(data, '\n'), nil
}

// Digest identifies the bytes of a file: "sha256:" and lower-case hex.
func Digest(data []byte) string {
	sum := sha256.Sum256(data)
	return "sha256:" + hex.EncodeToString(sum[:])
}

// ErrVersion means that a file is of another version than this program reads.
var ErrVersion = errors.New("unsupported contract version")

// ParseConfig reads and checks config.json.
func ParseConfig(data []byte) (Config, error) {
	var config Config
	if err := decode(data, &config); err != nil {
		return Config{}, fmt.Errorf("%s: %w", ConfigFile, err)
	}
	if config.Version != Version {
		return Config{}, fmt.Errorf("%s: %w: %d", ConfigFile, ErrVersion, config.Version)
	}
	if err := config.validate(); err != nil {
		return Config{}, fmt.Errorf("%s: %w", ConfigFile, err)
	}
	return config, nil
}

// ParseEndpoints reads and checks endpoints.json.
func ParseEndpoints(data []byte) (Endpoints, error) {
	var endpoints Endpoints
	if err := decode(data, &endpoints); err != nil {
		return Endpoints{}, fmt.Errorf("%s: %w", EndpointsFile, err)
	}
	if endpoints.Version != Version {
		return Endpoints{}, fmt.Errorf("%s: %w: %d", EndpointsFile, ErrVersion, endpoints.Version)
	}
	if err := endpoints.validate(); err != nil {
		return Endpoints{}, fmt.Errorf("%s: %w", EndpointsFile, err)
	}
	return endpoints, nil
}

// ParseRevocations reads and checks revocations.json.
func ParseRevocations(data []byte) (Revocations, error) {
	var revocations Revocations
	if err := decode(data, &revocations); err != nil {
		return Revocations{}, fmt.Errorf("%s: %w", RevocationsFile, err)
	}
	if revocations.Version != Version {
		return Revocations{}, fmt.Errorf("%s: %w: %d", RevocationsFile, ErrVersion, revocations.Version)
	}
	if err := revocations.validate(); err != nil {
		return Revocations{}, fmt.Errorf("%s: %w", RevocationsFile, err)
	}
	return revocations, nil
}

func decode(data []byte, into any) error {
	if len(data) > MaxFileBytes {
		return fmt.Errorf("file has %d bytes, more than the %d that are read", len(data), MaxFileBytes)
	}
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(into); err != nil {
		return fmt.Errorf("decode: %w", err)
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return errors.New("decode: data after the end of the document")
	}
	return nil
}
