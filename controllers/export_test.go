// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/handler"
)

// Selecting lets tests count whom a namespace wakes.
func Selecting(reader client.Reader, watches func(namespace string) bool) handler.Funcs {
	return selecting(reader, watches)
}
