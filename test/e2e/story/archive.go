// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package story

import (
	"archive/tar"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
)

// unpack reads an archive of kubectl wsgw collect: the files by their paths below
// its folder.
func unpack(file string) (map[string][]byte, error) {
	packed, err := os.Open(file)
	if err != nil {
		return nil, fmt.Errorf("open the archive: %w", err)
	}
	defer packed.Close()
	plain, err := gzip.NewReader(packed)
	if err != nil {
		return nil, fmt.Errorf("read the archive: %w", err)
	}
	files := map[string][]byte{}
	for archive := tar.NewReader(plain); ; {
		header, err := archive.Next()
		if errors.Is(err, io.EOF) {
			return files, nil
		}
		if err != nil {
			return nil, fmt.Errorf("read the archive: %w", err)
		}
		content, err := io.ReadAll(archive)
		if err != nil {
			return nil, fmt.Errorf("read the archive: %w", err)
		}
		_, name, _ := strings.Cut(header.Name, "/")
		if files[name] != nil {
			return nil, fmt.Errorf("%s is in the archive twice", name)
		}
		files[name] = content
	}
}
