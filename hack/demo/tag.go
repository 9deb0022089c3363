// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"
)

// contentTag names the content of files.
func contentTag(files ...string) (string, error) {
	hash := sha256.New()
	for _, name := range files {
		if err := add(hash, name); err != nil {
			return "", fmt.Errorf("hash %s: %w", name, err)
		}
	}
	return "dev-" + hex.EncodeToString(hash.Sum(nil))[:12], nil
}

func add(hash io.Writer, name string) error {
	file, err := os.Open(name)
	if err != nil {
		return err
	}
	defer func() { _ = file.Close() }()
	_, err = io.Copy(hash, file)
	return err
}
