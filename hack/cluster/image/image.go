// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

// Package image packs a static binary on an empty base into an archive that
// every container runtime imports. The same input gives the same bytes, hence
// the same digest, so an import that changes nothing is seen to change nothing.
package image

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"
)

// nonRoot is the user of every image unless it says otherwise. A number, since
// the kubelet cannot tell from a name that the user is not root.
const nonRoot = "65532:65532"

// Image describes an image of one layer.
type Image struct {
	Reference  string            // NAME:TAG
	Binary     string            // static executable on this machine
	Path       string            // where the binary goes, default "/" and its file name
	Entrypoint []string          // default: Path
	User       string            // default 65532:65532
	Files      map[string]string // further files: path in the image -> path on this machine
	Env        []string
}

// manifest is the entry of a docker-archive's manifest.json.
type manifest struct {
	Config   string
	RepoTags []string
	Layers   []string
}

// config is the part of an image configuration that runtimes read.
type config struct {
	Architecture string        `json:"architecture"`
	OS           string        `json:"os"`
	Created      time.Time     `json:"created"`
	Config       process       `json:"config"`
	RootFS       rootFS        `json:"rootfs"`
	History      []historyItem `json:"history"`
}

type process struct {
	User       string   `json:"User"`
	Entrypoint []string `json:"Entrypoint"`
	Env        []string `json:"Env,omitempty"`
	WorkingDir string   `json:"WorkingDir"`
}

type rootFS struct {
	Type    string   `json:"type"`
	DiffIDs []string `json:"diff_ids"`
}

type historyItem struct {
	Created   time.Time `json:"created"`
	CreatedBy string    `json:"created_by"`
}

// Write writes the image as a docker-archive, which Docker, Podman and
// containerd import alike.
func (i *Image) Write(w io.Writer) error {
	filled := *i
	i = &filled // the caller's stays as it is
	if err := i.complete(); err != nil {
		return err
	}
	layer, err := i.layer()
	if err != nil {
		return err
	}
	layerID := digest(layer)
	cfg, err := json.Marshal(i.config(layerID))
	if err != nil {
		return err
	}
	cfgName, layerName := digest(cfg)+".json", layerID+"/layer.tar"
	index, err := json.Marshal([]manifest{{Config: cfgName, RepoTags: []string{i.Reference}, Layers: []string{layerName}}})
	if err != nil {
		return err
	}
	archive := tar.NewWriter(w)
	for _, entry := range []struct {
		name string
		data []byte
	}{{cfgName, cfg}, {layerName, layer}, {"manifest.json", index}} {
		if err := add(archive, entry.name, 0o644, entry.data); err != nil {
			return err
		}
	}
	return archive.Close()
}

// complete fills the defaults in and refuses what no runtime would accept.
func (i *Image) complete() error {
	name := i.Reference[strings.LastIndex(i.Reference, "/")+1:]
	if _, tag, ok := strings.Cut(name, ":"); !ok || tag == "" {
		return fmt.Errorf("image %q has no tag, write NAME:TAG", i.Reference)
	}
	if i.Binary == "" {
		return errors.New("an image needs a binary, write NAME:TAG=BINARY")
	}
	if i.Path == "" {
		i.Path = "/" + filepath.Base(i.Binary)
	}
	if len(i.Entrypoint) == 0 {
		i.Entrypoint = []string{i.Path}
	}
	if i.User == "" {
		i.User = nonRoot
	}
	return nil
}

func (i *Image) config(layerID string) config {
	epoch := time.Unix(0, 0).UTC()
	return config{
		Architecture: runtime.GOARCH,
		OS:           "linux",
		Created:      epoch,
		Config:       process{User: i.User, Entrypoint: i.Entrypoint, Env: i.Env, WorkingDir: "/"},
		RootFS:       rootFS{Type: "layers", DiffIDs: []string{"sha256:" + layerID}},
		History:      []historyItem{{Created: epoch, CreatedBy: "hack/cluster/image"}},
	}
}

// layer is a tar of the binary and the further files, sorted by name, with
// every folder above them and with no trace of this machine.
func (i *Image) layer() ([]byte, error) {
	sources := map[string]string{path.Clean("/" + i.Path): i.Binary}
	for name, source := range i.Files {
		sources[path.Clean("/"+name)] = source
	}
	names := make([]string, 0, len(sources))
	for name := range sources {
		names = append(names, name)
	}
	slices.Sort(names)
	var out bytes.Buffer
	layer, made := tar.NewWriter(&out), map[string]bool{"/": true}
	for _, name := range names {
		if err := addParents(layer, made, path.Dir(name)); err != nil {
			return nil, err
		}
		if err := addFile(layer, name, sources[name]); err != nil {
			return nil, fmt.Errorf("image %s: %w", i.Reference, err)
		}
	}
	if err := layer.Close(); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}

func addParents(w *tar.Writer, made map[string]bool, dir string) error {
	if made[dir] {
		return nil
	}
	if err := addParents(w, made, path.Dir(dir)); err != nil {
		return err
	}
	made[dir] = true
	return w.WriteHeader(&tar.Header{Typeflag: tar.TypeDir, Name: dir[1:] + "/", Mode: 0o755, Format: tar.FormatUSTAR})
}

// addFile keeps only whether a file is executable: umask and owner of the
// machine that packs it must not show in the image.
func addFile(w *tar.Writer, name, source string) error {
	info, err := os.Stat(source)
	if err != nil {
		return err
	}
	data, err := os.ReadFile(source)
	if err != nil {
		return err
	}
	mode := int64(0o644)
	if info.Mode()&0o111 != 0 {
		mode = 0o755
	}
	return add(w, name[1:], mode, data)
}

func add(w *tar.Writer, name string, mode int64, data []byte) error {
	header := &tar.Header{Typeflag: tar.TypeReg, Name: name, Mode: mode, Size: int64(len(data)), ModTime: time.Unix(0, 0), Format: tar.FormatUSTAR}
	if err := w.WriteHeader(header); err != nil {
		return err
	}
	_, err := w.Write(data)
	return err
}

func digest(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}
