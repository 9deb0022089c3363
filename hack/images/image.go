// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"cmp"
	"debug/elf"
	"errors"
	"fmt"
	"maps"
	"os"
	"path"
	"slices"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// User is the user of each image. A number, since the kubelet cannot tell from a
// name that the user is not root.
const User = "65532:65532"

// Source is where the code of the images is.
const Source = "https://github.com/wsgateway/websocket-gateway-operator"

// Image describes a container image of one static program on an empty base, for
// several processors. The same input gives the same bytes, hence the same digest,
// on every machine: whoever builds a release again can see that it holds nothing but
// the sources.
type Image struct {
	// Repository is the name without tag, such as ghcr.io/wsgateway/gateway. Its
	// last part is what the program is called in the image.
	Repository string
	// Version is the release; Tag makes a tag of it.
	Version string
	// Revision is the commit that it was built from.
	Revision string
	// Programs are the paths of static executables, by GOARCH.
	Programs map[string]string
}

// Packed is what was written.
type Packed struct {
	// Reference is the name and tag that the layout says.
	Reference string
	// Digest is that of the index of all platforms: what to pin and to sign.
	Digest string
	// Sizes has, by GOARCH, what one platform takes.
	Sizes map[string]Size
}

// Size is what an image takes, in bytes.
type Size struct {
	// Fetched is what a node has to fetch, compressed.
	Fetched int64
	// Unpacked is what its files take on the node.
	Unpacked int64
}

// Write writes the image as an OCI image layout in dir, in place of what was
// there. It leaves no half of a layout behind.
func (i Image) Write(dir string) (Packed, error) {
	index, sizes, err := i.index()
	if err != nil {
		return Packed{}, fmt.Errorf("image %s: %w", i.reference(), err)
	}
	digest, err := index.Digest()
	if err != nil {
		return Packed{}, fmt.Errorf("image %s: %w", i.reference(), err)
	}
	if err := replace(dir, func(partial string) error { return i.write(partial, index) }); err != nil {
		return Packed{}, fmt.Errorf("write image %s to %s: %w", i.reference(), dir, err)
	}
	return Packed{Reference: i.reference(), Digest: digest.String(), Sizes: sizes}, nil
}

func (i Image) name() string      { return path.Base(i.Repository) }
func (i Image) reference() string { return i.Repository + ":" + Tag(i.Version) }

func (i Image) write(dir string, index v1.ImageIndex) error {
	target, err := layout.Write(dir, mutate.IndexMediaType(empty.Index, types.OCIImageIndex))
	if err != nil {
		return err
	}
	// The first name is what the specification asks for, the second is what
	// containerd calls the image when it imports the layout.
	return target.AppendIndex(index, layout.WithAnnotations(map[string]string{
		"org.opencontainers.image.ref.name": Tag(i.Version),
		"io.containerd.image.name":          i.reference(),
	}))
}

// index holds one image for each platform, in the order of their names.
func (i Image) index() (v1.ImageIndex, map[string]Size, error) {
	if len(i.Programs) == 0 {
		return nil, nil, errors.New("no program for any platform: build one first")
	}
	index, sizes := mutate.IndexMediaType(empty.Index, types.OCIImageIndex), map[string]Size{}
	for _, arch := range slices.Sorted(maps.Keys(i.Programs)) {
		if err := fits(i.Programs[arch], arch); err != nil {
			return nil, nil, err
		}
		image, size, err := i.platform(arch)
		if err != nil {
			return nil, nil, fmt.Errorf("for %s: %w", arch, err)
		}
		sizes[arch] = size
		index = mutate.AppendManifests(index, mutate.IndexAddendum{
			Add:        image,
			Descriptor: v1.Descriptor{Platform: &v1.Platform{OS: "linux", Architecture: arch}},
		})
	}
	annotated, ok := mutate.Annotations(index, i.annotations()).(v1.ImageIndex)
	if !ok {
		return nil, nil, errors.New("annotations made something else of an index")
	}
	return annotated, sizes, nil
}

func (i Image) annotations() map[string]string {
	all := map[string]string{
		"org.opencontainers.image.title":    i.name(),
		"org.opencontainers.image.version":  i.Version,
		"org.opencontainers.image.revision": i.Revision,
		"org.opencontainers.image.source":   Source,
		"org.opencontainers.image.licenses": "Apache-2.0",
	}
	maps.DeleteFunc(all, func(_, value string) bool { return value == "" })
	return all
}

// fits refuses programs that could not run in the image: of another processor,
// or in need of a loader that an empty base does not have.
func fits(program, arch string) error {
	machines := map[string]elf.Machine{"amd64": elf.EM_X86_64, "arm64": elf.EM_AARCH64}
	want, known := machines[arch]
	if !known {
		return fmt.Errorf("platform linux/%s: images are made for %v", arch, slices.Sorted(maps.Keys(machines)))
	}
	file, err := elf.Open(program)
	if err != nil {
		return fmt.Errorf("program for linux/%s, is it built? %w", arch, err)
	}
	defer file.Close()
	if file.Machine != want {
		return fmt.Errorf("%s is for %s, not for linux/%s", program, file.Machine, arch)
	}
	if slices.ContainsFunc(file.Progs, func(p *elf.Prog) bool { return p.Type == elf.PT_INTERP }) {
		return fmt.Errorf("%s needs a dynamic linker, and the image has none: build it with CGO_ENABLED=0", program)
	}
	return nil
}

// Tag makes a tag of a version, as the chart's appVersion says it: v1.2.3+4 is
// 1.2.3_4, since a version may hold a plus sign and a tag must not.
func Tag(version string) string {
	number := strings.TrimPrefix(version, "v")
	if number == "" || number[0] < '0' || number[0] > '9' {
		number = version
	}
	return strings.ReplaceAll(cmp.Or(number, "dev"), "+", "_")
}

// replace lets write fill a new folder and then puts it in place of dir.
func replace(dir string, write func(partial string) error) error {
	partial := dir + ".partial"
	if err := os.RemoveAll(partial); err != nil {
		return err
	}
	if err := write(partial); err != nil {
		return errors.Join(err, os.RemoveAll(partial))
	}
	if err := os.RemoveAll(dir); err != nil {
		return err
	}
	return os.Rename(partial, dir)
}
