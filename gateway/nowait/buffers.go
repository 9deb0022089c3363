// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package nowait

import (
	"bytes"
	"crypto/tls"
	"errors"
	"fmt"
	"reflect"
	"unsafe"
)

// recordHeader is the size of a record's header, in bytes: type, version, length.
const recordHeader = 5

// errUnknownBuffers means that crypto/tls is not made as it was when this was
// written.
var errUnknownBuffers = errors.New("buffers of tls.Conn not found")

// Buffers finds the buffers inside a tls.Conn: that of records as they came,
// what is left of the one that was decrypted, and that of handshake messages. A
// tls.Conn keeps the first and the last for as long as it lives, empty or not,
// and on a connection that waits for hours they are half of the memory that it
// holds. Methods must be called by whoever has taken the connection.
type Buffers struct {
	records, decrypted, handshake uintptr
}

// FindBuffers looks for the buffers by name and type. An error means that this
// release of Go has them elsewhere; whoever gets it can do without, at the price
// of memory and allocations.
func FindBuffers() (*Buffers, error) { return findBuffers(reflect.TypeFor[tls.Conn]()) }

func findBuffers(conn reflect.Type) (*Buffers, error) {
	b := &Buffers{}
	for _, wanted := range []struct {
		name   string
		of     reflect.Type
		offset *uintptr
	}{
		{"rawInput", reflect.TypeFor[bytes.Buffer](), &b.records},
		{"input", reflect.TypeFor[bytes.Reader](), &b.decrypted},
		{"hand", reflect.TypeFor[bytes.Buffer](), &b.handshake},
	} {
		field, ok := conn.FieldByName(wanted.name)
		if !ok || field.Type != wanted.of || len(field.Index) != 1 {
			return nil, fmt.Errorf("%w: field %s of %v", errUnknownBuffers, wanted.name, conn)
		}
		*wanted.offset = field.Offset
	}
	return b, nil
}

// Drop gives back the buffers of a connection that are empty and returns how
// many bytes they had. Call it right after Decrypt has returned without an error:
// then no part of what was decrypted is left in the buffer of records.
func (b *Buffers) Drop(conn *tls.Conn) (dropped int) {
	// What was decrypted last lies in the buffer of records, and would keep it: a
	// connection that is never read in vain forgets it with the next record only.
	if decrypted := (*bytes.Reader)(at(conn, b.decrypted)); decrypted.Len() == 0 {
		*decrypted = bytes.Reader{}
	}
	for _, offset := range []uintptr{b.records, b.handshake} {
		buffer := (*bytes.Buffer)(at(conn, offset))
		if buffer.Len() == 0 && buffer.Cap() > 0 {
			dropped += buffer.Cap()
			*buffer = bytes.Buffer{}
		}
	}
	return dropped
}

// put appends ciphertext to what has come and is not decrypted.
func (b *Buffers) put(conn *tls.Conn, ciphertext []byte) {
	if len(ciphertext) > 0 {
		_, _ = (*bytes.Buffer)(at(conn, b.records)).Write(ciphertext) // never fails
	}
}

// complete is how many records are there as a whole; 0 for nil. Of one that is
// decrypted already, but not read, Read returns data all the same.
func (b *Buffers) complete(conn *tls.Conn) (count int) {
	if b == nil {
		return 0
	}
	if (*bytes.Reader)(at(conn, b.decrypted)).Len() > 0 {
		count++
	}
	records := (*bytes.Buffer)(at(conn, b.records)).Bytes()
	for len(records) >= recordHeader {
		size := recordHeader + (int(records[3])<<8 | int(records[4]))
		if size > len(records) {
			break
		}
		count, records = count+1, records[size:]
	}
	return count
}

// ready tells whether the next Read finds something without asking the
// connection below: what is left of a record, or a complete one. A length that
// no record may have is for crypto/tls to complain about, now.
func (b *Buffers) ready(conn *tls.Conn) bool {
	if (*bytes.Reader)(at(conn, b.decrypted)).Len() > 0 {
		return true
	}
	const longest = 16<<10 + 2048 // RFC 5246 section 6.2.3; RFC 8446 allows less
	records := (*bytes.Buffer)(at(conn, b.records)).Bytes()
	if len(records) < recordHeader {
		return false
	}
	size := int(records[3])<<8 | int(records[4])
	return size > longest || len(records) >= recordHeader+size
}

func at(conn *tls.Conn, offset uintptr) unsafe.Pointer {
	return unsafe.Add(unsafe.Pointer(conn), offset) //nolint:gosec // the offset is that of a field whose type was looked at
}
