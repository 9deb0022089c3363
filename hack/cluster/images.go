// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/wsgateway/websocket-gateway-operator/hack/cluster/image"
)

// registry is where the chart looks for the product's images by default.
const registry = "ghcr.io/wsgateway/"

// images writes the product's images as archives to BIN/images, from the
// binaries in BIN. They are called as the chart calls them, so that load-image
// makes the chart's defaults work without a registry.
func images(args []string) error {
	if len(args) != 2 {
		return errors.New("images: name the folder of the binaries and the version, as in images ../../bin v0.1.0")
	}
	bin, version := args[0], args[1]
	// A build version may hold a plus sign, a tag must not.
	tag := strings.ReplaceAll(version, "+", "_")
	if err := os.MkdirAll(filepath.Join(bin, "images"), 0o755); err != nil {
		return err
	}
	for _, name := range []string{"manager", "gateway"} {
		i := &image.Image{Reference: registry + name + ":" + tag, Binary: filepath.Join(bin, name)}
		target := filepath.Join(bin, "images", name+".tar")
		if err := saveImage(i, target); err != nil {
			return fmt.Errorf("image %s, is the binary built? %w", i.Reference, err)
		}
		fmt.Println(target)
	}
	return nil
}

// saveImage leaves no half of an archive behind.
func saveImage(i *image.Image, path string) error {
	file, err := os.Create(path + ".partial")
	if err != nil {
		return err
	}
	if err := errors.Join(i.Write(file), file.Close()); err != nil {
		return errors.Join(err, os.Remove(file.Name()))
	}
	return os.Rename(file.Name(), path)
}
