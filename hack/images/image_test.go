// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"archive/tar"
	"bytes"
	"debug/elf"
	"encoding/binary"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"github.com/google/go-containerregistry/pkg/v1/validate"
)

// program writes the smallest file that passes for an executable of a machine.
func program(t *testing.T, machine elf.Machine, parts ...elf.ProgType) string {
	t.Helper()
	var out bytes.Buffer
	header := elf.Header64{
		Ident: [16]byte{0x7f, 'E', 'L', 'F', byte(elf.ELFCLASS64), byte(elf.ELFDATA2LSB), byte(elf.EV_CURRENT)},
		Type:  uint16(elf.ET_EXEC), Machine: uint16(machine), Version: uint32(elf.EV_CURRENT),
		Phoff: 64, Ehsize: 64, Phentsize: 56, Phnum: uint16(len(parts)),
	}
	contents := []any{header}
	for _, part := range parts {
		contents = append(contents, elf.Prog64{Type: uint32(part)})
	}
	for _, content := range contents {
		if err := binary.Write(&out, binary.LittleEndian, content); err != nil {
			t.Fatal(err)
		}
	}
	path := filepath.Join(t.TempDir(), "program")
	if err := os.WriteFile(path, out.Bytes(), 0o700); err != nil {
		t.Fatal(err)
	}
	return path
}

func edge(t *testing.T) Image {
	t.Helper()
	return Image{
		Repository: "registry.example/ws/gateway", Version: "v1.2.3+4", Revision: "0123abcd",
		Programs: map[string]string{"amd64": program(t, elf.EM_X86_64, elf.PT_LOAD), "arm64": program(t, elf.EM_AARCH64, elf.PT_LOAD)},
	}
}

func write(t *testing.T, image Image, dir string) Packed {
	t.Helper()
	packed, err := image.Write(dir)
	if err != nil {
		t.Fatal(err)
	}
	return packed
}

// files returns the content of all files below a folder by their paths in it.
func files(t *testing.T, dir string) map[string]string {
	t.Helper()
	found := map[string]string{}
	err := fs.WalkDir(os.DirFS(dir), ".", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		content, err := os.ReadFile(filepath.Join(dir, path))
		found[path] = string(content)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func TestTheSameProgramsGiveTheSameBytes(t *testing.T) {
	t.Parallel()
	image, first, second := edge(t), t.TempDir(), t.TempDir()
	a := write(t, image, first)
	later := time.Now().Add(time.Hour)
	for arch, path := range image.Programs {
		content, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		elsewhere := filepath.Join(t.TempDir(), "called-otherwise")
		if err := errors.Join(os.WriteFile(elsewhere, content, 0o600), os.Chtimes(elsewhere, later, later)); err != nil {
			t.Fatal(err)
		}
		image.Programs[arch] = elsewhere
	}
	// What an earlier release left behind must not be in the layout either.
	if err := os.WriteFile(filepath.Join(second, "left-over"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	b := write(t, image, second)
	if a.Digest != b.Digest {
		t.Errorf("name, time, mode or folder of a program show in the digest: %s, %s", a.Digest, b.Digest)
	}
	left, right := files(t, first), files(t, second)
	if len(left) != len(right) {
		t.Errorf("%d files the first time, %d the second", len(left), len(right))
	}
	for path, content := range left {
		if right[path] != content {
			t.Errorf("%s differs", path)
		}
	}
}

func TestAnotherProgramOrReleaseGivesAnotherDigest(t *testing.T) {
	t.Parallel()
	image := edge(t)
	seen := map[string]string{}
	for name, change := range map[string]func(*Image){
		"nothing":      func(*Image) {},
		"the version":  func(i *Image) { i.Version = "v1.2.4" },
		"the commit":   func(i *Image) { i.Revision = "ffff" },
		"one platform": func(i *Image) { i.Programs = map[string]string{"amd64": i.Programs["amd64"]} },
	} {
		changed := image
		change(&changed)
		digest := write(t, changed, filepath.Join(t.TempDir(), "gateway")).Digest
		if other, twice := seen[digest]; twice {
			t.Errorf("changing %s and changing %s give the same digest", name, other)
		}
		seen[digest] = name
	}
}

func TestEachPlatformHasTheProgramAndNothingElse(t *testing.T) {
	t.Parallel()
	image, dir := edge(t), filepath.Join(t.TempDir(), "gateway")
	packed := write(t, image, dir)
	if packed.Reference != "registry.example/ws/gateway:1.2.3_4" {
		t.Errorf("reference %s", packed.Reference)
	}
	index := only(t, dir, packed)
	if err := validate.Index(index); err != nil {
		t.Errorf("not a valid image: %v", err)
	}
	manifest, err := index.IndexManifest()
	if err != nil {
		t.Fatal(err)
	}
	var platforms []string
	for _, each := range manifest.Manifests {
		platforms = append(platforms, each.Platform.String())
		one, err := index.Image(each.Digest)
		if err != nil {
			t.Fatal(err)
		}
		looksRight(t, one, each.Platform.Architecture, image.Programs[each.Platform.Architecture])
	}
	if want := []string{"linux/amd64", "linux/arm64"}; !slices.Equal(platforms, want) {
		t.Errorf("platforms %v, want %v", platforms, want)
	}
}

// only returns the one index that a layout holds, under its names.
func only(t *testing.T, dir string, packed Packed) v1.ImageIndex {
	t.Helper()
	all, err := layout.ImageIndexFromPath(dir)
	if err != nil {
		t.Fatal(err)
	}
	top, err := all.IndexManifest()
	if err != nil {
		t.Fatal(err)
	}
	if len(top.Manifests) != 1 || top.Manifests[0].MediaType != types.OCIImageIndex || top.Manifests[0].Digest.String() != packed.Digest {
		t.Fatalf("the layout does not hold the one index %s: %+v", packed.Digest, top.Manifests)
	}
	if names := top.Manifests[0].Annotations; names["org.opencontainers.image.ref.name"] != "1.2.3_4" || names["io.containerd.image.name"] != packed.Reference {
		t.Errorf("names: %v", names)
	}
	index, err := all.ImageIndex(top.Manifests[0].Digest)
	if err != nil {
		t.Fatal(err)
	}
	return index
}

func looksRight(t *testing.T, image v1.Image, arch, program string) {
	t.Helper()
	config, err := image.ConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	if config.Config.User != User || !slices.Equal(config.Config.Entrypoint, []string{"/gateway"}) || config.Architecture != arch {
		t.Errorf("%s: configuration %+v", arch, config)
	}
	if config.Config.Labels["org.opencontainers.image.revision"] != "0123abcd" || !config.Created.Equal(time.Unix(0, 0)) {
		t.Errorf("%s: labels %v, created %v", arch, config.Config.Labels, config.Created)
	}
	layers, err := image.Layers()
	if err != nil || len(layers) != 1 {
		t.Fatalf("%s: %d layers, %v", arch, len(layers), err)
	}
	content, err := layers[0].Uncompressed()
	if err != nil {
		t.Fatal(err)
	}
	defer content.Close()
	reader := tar.NewReader(content)
	header, err := reader.Next()
	if err != nil {
		t.Fatal(err)
	}
	want, err := os.ReadFile(program)
	if err != nil {
		t.Fatal(err)
	}
	got, err := io.ReadAll(reader)
	if err != nil || !bytes.Equal(got, want) || header.Name != "gateway" || header.Mode != 0o755 || header.Uid != 0 {
		t.Errorf("%s: %d bytes of %d, %+v, %v", arch, len(got), len(want), header, err)
	}
	if extra, err := reader.Next(); !errors.Is(err, io.EOF) {
		t.Errorf("%s: one more file, %+v, %v", arch, extra, err)
	}
}

func TestATagIsTheVersionAsTheChartSaysIt(t *testing.T) {
	t.Parallel()
	for version, want := range map[string]string{
		"v0.1.0": "0.1.0", "0.1.0": "0.1.0", "v0.1.0-12-gabc": "0.1.0-12-gabc", "v1.0.0+build.1": "1.0.0_build.1",
		"fda8144-dirty": "fda8144-dirty", "vendored": "vendored", "v": "v", "": "dev",
	} {
		if got := Tag(version); got != want {
			t.Errorf("%q becomes %q, not %q", version, got, want)
		}
	}
}

func TestProgramsThatCouldNotRunAreRefused(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		programs map[string]string
		says     string
	}{
		"none":                     {nil, "no program"},
		"one that was not built":   {map[string]string{"amd64": "/nonexistent/gateway"}, "is it built?"},
		"one of another processor": {map[string]string{"arm64": program(t, elf.EM_X86_64)}, "not for linux/arm64"},
		"one that needs a loader":  {map[string]string{"amd64": program(t, elf.EM_X86_64, elf.PT_LOAD, elf.PT_INTERP)}, "CGO_ENABLED=0"},
		"a platform that we miss":  {map[string]string{"riscv64": program(t, elf.EM_RISCV)}, "[amd64 arm64]"},
		"something that is no ELF": {map[string]string{"amd64": notELF(t)}, "bad magic number"},
	} {
		dir := filepath.Join(t.TempDir(), "gateway")
		_, err := Image{Repository: "registry.example/gateway", Version: "v1", Programs: test.programs}.Write(dir)
		if err == nil || !strings.Contains(err.Error(), test.says) {
			t.Errorf("%s: %v, want %q in it", name, err, test.says)
		}
		for _, left := range []string{dir, dir + ".partial"} {
			if _, err := os.Stat(left); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("%s: %s was left behind", name, left)
			}
		}
	}
}

func notELF(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "script")
	if err := os.WriteFile(path, []byte("#!/bin/sh\nexit 0\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}
