// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

//go:build unix

package artifact

import (
	"fmt"
	"os"
	"path/filepath"
	"syscall"
)

// lock lets one process build at a time: two builds of Kubernetes side by side
// take twice the memory and end no sooner.
func (s *Store) lock() (unlock func(), err error) {
	if err := os.MkdirAll(s.cache, 0o755); err != nil {
		return nil, fmt.Errorf("cache folder, set WSGATEWAY_CACHE to another one: %w", err)
	}
	file, err := os.OpenFile(filepath.Join(s.cache, "lock"), os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, err
	}
	fd := int(file.Fd())
	if syscall.Flock(fd, syscall.LOCK_EX|syscall.LOCK_NB) != nil {
		fmt.Fprintln(s.log, "another process is building into", s.cache, "- waiting for it")
		if err := syscall.Flock(fd, syscall.LOCK_EX); err != nil {
			return nil, err
		}
	}
	return func() { file.Close() }, nil
}
