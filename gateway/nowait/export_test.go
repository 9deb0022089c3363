// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package nowait

import (
	"bytes"
	"crypto/tls"
	"reflect"
	"unsafe"
	"weak"
)

// FindBuffersOf is FindBuffers for another release of crypto/tls.
func FindBuffersOf(conn reflect.Type) (*Buffers, error) { return findBuffers(conn) }

// ErrUnknownBuffers is what FindBuffers fails with.
var ErrUnknownBuffers = errUnknownBuffers

// Memory is where a connection keeps records as they came.
func (b *Buffers) Memory(conn *tls.Conn) weak.Pointer[byte] {
	return weak.Make(unsafe.SliceData((*bytes.Buffer)(at(conn, b.records)).Bytes()))
}
