// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

//go:build !poison

package proxy

// poison does nothing but in tests that are built with the tag of its name.
func poison(...[]byte) {}
