// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package bundle

import (
	"archive/tar"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path"
	"time"
)

// Bounds of an archive.
const (
	maxFileBytes  = 16 << 20
	maxTotalBytes = 256 << 20
)

// Manifest is what is in an archive: its last file. The JSON form is API.
type Manifest struct {
	// Schema is wsgateway.dev/bundle/v1.
	Schema    string    `json:"schema"`
	CreatedAt time.Time `json:"createdAt"`
	Gateway   string    `json:"gateway"`
	// Program and Server are the versions of this program and the API server.
	Program string `json:"program"`
	Server  string `json:"server,omitempty"`
	// Identities is true when audit records and revocations are in it, which name
	// callers and addresses.
	Identities bool    `json:"identities"`
	Files      []Entry `json:"files"`
	// Missing says what could not be collected, and why.
	Missing []string `json:"missing,omitempty"`
}

// Entry is a file of an archive.
type Entry struct {
	Path string `json:"path"`
	// About says what it is.
	About string `json:"about"`
	Bytes int    `json:"bytes"`
	// Redactions counts what was taken away because it looked like a credential.
	Redactions int `json:"redactions,omitempty"`
	// Truncated is true when the file was longer.
	Truncated bool `json:"truncated,omitempty"`
}

// Archive is a bundle in the making. It is used by one goroutine.
type Archive struct {
	Manifest Manifest

	folder string
	packed *gzip.Writer
	tar    *tar.Writer
	total  int
	err    error
}

// NewArchive writes to w, everything below a folder of that name.
func NewArchive(w io.Writer, folder string, manifest Manifest) *Archive {
	manifest.Schema = "wsgateway.dev/bundle/v1"
	packed := gzip.NewWriter(w)
	return &Archive{Manifest: manifest, folder: folder, packed: packed, tar: tar.NewWriter(packed)}
}

// Add adds a file, after what looks like a credential was taken out of it.
// Failures to write are kept for Close.
func (a *Archive) Add(name, about string, data []byte) {
	clean, found := Scrub(data)
	entry := Entry{Path: name, About: about, Redactions: found}
	if room := min(maxFileBytes, maxTotalBytes-a.total); len(clean) > room {
		clean, entry.Truncated = clean[:max(0, room)], true
	}
	entry.Bytes = len(clean)
	a.total += len(clean)
	a.Manifest.Files = append(a.Manifest.Files, entry)
	a.write(name, clean)
}

// Miss notes what could not be collected.
func (a *Archive) Miss(what string, err error) {
	if err != nil {
		said, _ := Scrub(fmt.Appendf(nil, "%s: %v", what, err))
		a.Manifest.Missing = append(a.Manifest.Missing, string(said))
	}
}

func (a *Archive) write(name string, data []byte) {
	if a.err != nil {
		return
	}
	header := &tar.Header{
		Typeflag: tar.TypeReg, Name: path.Join(a.folder, name), Mode: 0o600, Size: int64(len(data)), ModTime: a.Manifest.CreatedAt,
	}
	if a.err = a.tar.WriteHeader(header); a.err == nil {
		_, a.err = a.tar.Write(data)
	}
}

// Close adds the manifest and ends the archive. It answers the first failure of
// all that was written.
func (a *Archive) Close() error {
	data, err := json.MarshalIndent(a.Manifest, "", "  ")
	if err != nil {
		return fmt.Errorf("encode the manifest: %w", err)
	}
	a.write("manifest.json", append(data, '\n'))
	if err := errors.Join(a.err, a.tar.Close(), a.packed.Close()); err != nil {
		return fmt.Errorf("write the archive: %w", err)
	}
	return nil
}
