// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/handler"
)

// Selecting lets tests count whom a namespace wakes.
func Selecting(reader client.Reader, watches func(namespace string) bool) handler.Funcs {
	return selecting(reader, watches)
}

// Paced lets tests count the passes that the objects of a namespace ask for.
func Paced(now func() time.Time, follow handler.MapFunc) handler.Funcs {
	return paced(newTenantPace(now), follow)
}
