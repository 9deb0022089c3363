// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package image

import (
	"archive/tar"
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"
)

func write(t *testing.T, i *Image) []byte {
	t.Helper()
	var out bytes.Buffer
	if err := i.Write(&out); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func file(t *testing.T, name, content string, mode os.FileMode) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(content), mode); err != nil {
		t.Fatal(err)
	}
	return path
}

// untar returns the content of regular files and the mode of each entry.
func untar(t *testing.T, data []byte) (files map[string][]byte, modes map[string]int64) {
	t.Helper()
	files, modes = map[string][]byte{}, map[string]int64{}
	for r := tar.NewReader(bytes.NewReader(data)); ; {
		header, err := r.Next()
		if errors.Is(err, io.EOF) {
			return files, modes
		}
		if err != nil {
			t.Fatal(err)
		}
		modes[header.Name] = header.Mode
		if header.Typeflag == tar.TypeReg {
			if files[header.Name], err = io.ReadAll(r); err != nil {
				t.Fatal(err)
			}
		}
	}
}

func TestSameInputGivesSameBytes(t *testing.T) {
	first := file(t, "gateway", "program", 0o755)
	second := file(t, "gateway", "program", 0o700)
	later := time.Now().Add(time.Hour)
	if err := os.Chtimes(second, later, later); err != nil {
		t.Fatal(err)
	}
	extra := map[string]string{"/etc/a": first, "/etc/b": first, "/opt/c/d": first}
	a := write(t, &Image{Reference: "wsgateway/gateway:dev", Binary: first, Files: extra})
	b := write(t, &Image{Reference: "wsgateway/gateway:dev", Binary: second, Files: extra})
	if !bytes.Equal(a, b) {
		t.Error("time, umask or order of the files show in the archive")
	}
}

func TestArchiveHoldsProgramAndConfiguration(t *testing.T) {
	binary := file(t, "gateway", "program", 0o755)
	notes := file(t, "notes", "text", 0o600)
	archive, _ := untar(t, write(t, &Image{
		Reference: "wsgateway/gateway:dev", Binary: binary,
		Files: map[string]string{"/usr/share/notes": notes},
	}))
	var index []manifest
	if err := json.Unmarshal(archive["manifest.json"], &index); err != nil {
		t.Fatal(err)
	}
	if got := index[0].RepoTags; !slices.Equal(got, []string{"wsgateway/gateway:dev"}) {
		t.Errorf("tags: %v", got)
	}
	var cfg config
	if err := json.Unmarshal(archive[index[0].Config], &cfg); err != nil {
		t.Fatal(err)
	}
	if cfg.Config.User != nonRoot || !slices.Equal(cfg.Config.Entrypoint, []string{"/gateway"}) {
		t.Errorf("configuration: %+v", cfg.Config)
	}
	layer := archive[index[0].Layers[0]]
	if cfg.RootFS.DiffIDs[0] != "sha256:"+digest(layer) {
		t.Error("the configuration names another layer")
	}
	files, modes := untar(t, layer)
	if string(files["gateway"]) != "program" || modes["gateway"] != 0o755 {
		t.Error("the program is missing or not executable")
	}
	if string(files["usr/share/notes"]) != "text" || modes["usr/share/notes"] != 0o644 {
		t.Error("a file that only its owner may read here must be readable by the image's user")
	}
	if modes["usr/"] != 0o755 || modes["usr/share/"] != 0o755 {
		t.Error("a runtime that does not make missing folders could not unpack this")
	}
}

func TestReferenceNeedsTag(t *testing.T) {
	for _, reference := range []string{"gateway", "localhost:5000/gateway", "gateway:"} {
		if err := (&Image{Reference: reference, Binary: "x"}).Write(io.Discard); err == nil {
			t.Errorf("%q was accepted", reference)
		}
	}
}
