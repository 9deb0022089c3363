// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"os"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// platform is the image of one processor: one layer with one file.
func (i Image) platform(arch string) (v1.Image, Size, error) {
	program, err := os.ReadFile(i.Programs[arch])
	if err != nil {
		return nil, Size{}, err
	}
	content, err := archive(i.name(), program)
	if err != nil {
		return nil, Size{}, err
	}
	layer, err := tarball.LayerFromOpener(
		func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(content)), nil },
		tarball.WithMediaType(types.OCILayer), tarball.WithCompressionLevel(gzip.BestCompression), tarball.WithCompressedCaching)
	if err != nil {
		return nil, Size{}, err
	}
	fetched, err := layer.Size()
	if err != nil {
		return nil, Size{}, err
	}
	image, err := i.configured(arch, layer)
	return image, Size{Fetched: fetched, Unpacked: int64(len(program))}, err
}

func (i Image) configured(arch string, layer v1.Layer) (v1.Image, error) {
	epoch := v1.Time{Time: time.Unix(0, 0).UTC()}
	typed := mutate.ConfigMediaType(mutate.MediaType(empty.Image, types.OCIManifestSchema1), types.OCIConfigJSON)
	image, err := mutate.Append(typed, mutate.Addendum{
		Layer:   layer,
		History: v1.History{Created: epoch, CreatedBy: "make images"},
	})
	if err != nil {
		return nil, err
	}
	config, err := image.ConfigFile()
	if err != nil {
		return nil, err
	}
	config = config.DeepCopy()
	config.OS, config.Architecture, config.Created = "linux", arch, epoch
	config.Config = v1.Config{User: User, Entrypoint: []string{"/" + i.name()}, WorkingDir: "/", Labels: i.annotations()}
	if image, err = mutate.ConfigFile(image, config); err != nil {
		return nil, err
	}
	annotated, ok := mutate.Annotations(image, i.annotations()).(v1.Image)
	if !ok {
		return nil, errors.New("annotations made something else of an image")
	}
	return annotated, nil
}

// archive is a tar of one executable, without a trace of this machine: neither
// its time nor its users nor its umask.
func archive(name string, content []byte) ([]byte, error) {
	var out bytes.Buffer
	writer := tar.NewWriter(&out)
	header := &tar.Header{
		Typeflag: tar.TypeReg, Name: name, Mode: 0o755, Size: int64(len(content)),
		ModTime: time.Unix(0, 0), Format: tar.FormatUSTAR,
	}
	if err := writer.WriteHeader(header); err != nil {
		return nil, err
	}
	if _, err := writer.Write(content); err != nil {
		return nil, err
	}
	if err := writer.Close(); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}
