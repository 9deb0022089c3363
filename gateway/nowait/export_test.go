// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package nowait

import "reflect"

// FindBuffersOf is FindBuffers for another release of crypto/tls.
func FindBuffersOf(conn reflect.Type) (*Buffers, error) { return findBuffers(conn) }

// ErrUnknownBuffers is what FindBuffers fails with.
var ErrUnknownBuffers = errUnknownBuffers
