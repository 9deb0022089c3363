// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

// Command pack writes container images as archives, one for each static binary,
// with nothing else in it. The image is named after its binary.
package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"

	"github.com/wsgateway/websocket-gateway-operator/hack/cluster/image"
)

func main() {
	registry := flag.String("registry", "ghcr.io/wsgateway", "what the image's name begins with")
	tag := flag.String("tag", "dev", "the image's tag")
	out := flag.String("out", ".", "folder to write NAME.tar to")
	flag.Parse()
	if err := pack(*registry, *tag, *out, flag.Args()); err != nil {
		fmt.Fprintln(os.Stderr, "pack:", err)
		os.Exit(1)
	}
}

func pack(registry, tag, out string, binaries []string) error {
	if len(binaries) == 0 {
		return errors.New("no binary to pack")
	}
	if err := os.MkdirAll(out, 0o755); err != nil {
		return err
	}
	for _, binary := range binaries {
		name := filepath.Base(binary)
		archive := filepath.Join(out, name+".tar")
		if err := write(archive, image.Image{Reference: registry + "/" + name + ":" + tag, Binary: binary}); err != nil {
			return fmt.Errorf("%s: %w", archive, err)
		}
		fmt.Println(archive)
	}
	return nil
}

func write(path string, packed image.Image) error {
	file, err := os.Create(path)
	if err != nil {
		return err
	}
	return errors.Join(packed.Write(file), file.Close())
}
