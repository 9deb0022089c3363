// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

//go:build !unix

package standalone

// lock does nothing where there are no advisory locks.
func lock(string) (unlock func() error, err error) {
	return func() error { return nil }, nil
}
