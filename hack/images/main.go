// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

// Command images packs the programs of this repository as container images, and
// lists what is in them. It is started by "make images" and "make sbom".
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"syscall"
)

const usage = `usage: go run . COMMAND

  pack BIN OUT VERSION REVISION   write OUT/NAME as OCI layout of each program
                                  BIN/ARCH/NAME: manager, gateway and echo
  sbom SYFT BIN OUT VERSION       write OUT/NAME-ARCH.spdx.json of each, and check
                                  that each names all modules of the program
`

// registry is where the chart looks for the product's images by default.
const registry = "ghcr.io/wsgateway/"

// maxGateway bounds the image of the gateway, unpacked, in bytes: it is what a
// new node fetches before it can take over connections of a lost one.
const maxGateway = 30_000_000

var errUsage = errors.New("name a command and its arguments; \"go run . help\" lists them")

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:], os.Stdout)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "images:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, stdout io.Writer) error {
	switch {
	case len(args) == 1 && args[0] == "help":
		_, err := io.WriteString(stdout, usage)
		return err
	case len(args) == 5 && args[0] == "pack":
		return packAll(stdout, args[1], args[2], Image{Version: args[3], Revision: args[4]})
	case len(args) == 5 && args[0] == "sbom":
		return listAll(ctx, stdout, args[2], args[3], Lister{Syft: args[1], Version: args[4]})
	default:
		return errUsage
	}
}

// names are the programs in images of their own. echo is the backend of the
// samples, so that these work wherever the images are.
func names() []string { return []string{"manager", "gateway", "echo"} }

// packAll packs the programs and holds the gateway to its bound.
func packAll(stdout io.Writer, bin, out string, image Image) error {
	for _, name := range names() {
		programs, err := programs(bin, name)
		if err != nil {
			return err
		}
		image.Repository, image.Programs = registry+name, programs
		target := filepath.Join(out, name)
		packed, err := image.Write(target)
		if err != nil {
			return err
		}
		fmt.Fprintf(stdout, "%s\n  layout %s\n  digest %s\n", packed.Reference, target, packed.Digest)
		for _, arch := range slices.Sorted(maps.Keys(packed.Sizes)) {
			size := packed.Sizes[arch]
			fmt.Fprintf(stdout, "  linux/%s: %.1f MB to fetch, %.1f MB unpacked\n", arch, megabytes(size.Fetched), megabytes(size.Unpacked))
			if name == "gateway" && size.Unpacked > maxGateway {
				return fmt.Errorf("the gateway for linux/%s takes %.1f MB, more than %.0f: find out what it links now (go version -m %s)",
					arch, megabytes(size.Unpacked), megabytes(maxGateway), programs[arch])
			}
		}
	}
	return nil
}

func listAll(ctx context.Context, stdout io.Writer, bin, out string, lister Lister) error {
	for _, name := range names() {
		programs, err := programs(bin, name)
		if err != nil {
			return err
		}
		for _, arch := range slices.Sorted(maps.Keys(programs)) {
			target := filepath.Join(out, name+"-"+arch+".spdx.json")
			count, err := lister.write(ctx, filepath.Join(out, name), arch, programs[arch], target)
			if err != nil {
				return err
			}
			fmt.Fprintf(stdout, "%s: all %d modules of the program\n", target, count)
		}
	}
	return nil
}

// programs finds what was built of a program, by processor.
func programs(bin, name string) (map[string]string, error) {
	paths, err := filepath.Glob(filepath.Join(bin, "*", name))
	if err != nil {
		return nil, err
	}
	if len(paths) == 0 {
		return nil, fmt.Errorf("no %s in %s: build it first, by \"make images\"", name, filepath.Join(bin, "ARCH"))
	}
	found := map[string]string{}
	for _, path := range paths {
		found[filepath.Base(filepath.Dir(path))] = path
	}
	return found, nil
}

func megabytes(bytes int64) float64 { return float64(bytes) / 1e6 }
