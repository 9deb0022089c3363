// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"debug/buildinfo"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/debug"
	"strings"
)

// Lister lists what is in an image, by syft, and holds the list against what the
// linker has written into the program: a list that leaves a module out is worse than
// none, since nobody looks for what is not on it.
type Lister struct {
	// Syft is the path of the program.
	Syft string
	// Version is the release that the list is of.
	Version string
}

// write lists the image for linux/arch of the OCI layout in dir as SPDX 2.3 in
// JSON, and returns how many modules the program in it has. All of them are on
// the list, or it is an error and there is no list.
func (l Lister) write(ctx context.Context, dir, arch, program, target string) (int, error) {
	info, err := buildinfo.ReadFile(program)
	if err != nil {
		return 0, fmt.Errorf("modules of %s: %w", program, err)
	}
	partial := target + ".partial"
	if err := l.scan(ctx, dir, arch, partial); err != nil {
		return 0, errors.Join(err, os.Remove(partial))
	}
	list, err := os.ReadFile(partial)
	if err != nil {
		return 0, err
	}
	if left, err := missing(list, info.Deps); err != nil || len(left) > 0 {
		if err == nil {
			err = fmt.Errorf("the list leaves out %s", strings.Join(left, ", "))
		}
		return 0, errors.Join(fmt.Errorf("%s: %w", target, err), os.Remove(partial))
	}
	return len(info.Deps), os.Rename(partial, target)
}

func (l Lister) scan(ctx context.Context, dir, arch, target string) error {
	cmd := exec.CommandContext(ctx, l.Syft, "scan", "oci-dir:"+dir, "--platform", "linux/"+arch,
		"--source-name", filepath.Base(dir), "--source-version", l.Version, "--output", "spdx-json="+target, "--quiet")
	// Licences are in the modules that the build has fetched; nothing is asked of the network.
	cmd.Env = append(os.Environ(), "SYFT_CHECK_FOR_APP_UPDATE=false", "SYFT_GOLANG_SEARCH_LOCAL_MOD_CACHE_LICENSES=true")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("syft of %s for linux/%s: %w: %s", dir, arch, err, strings.TrimSpace(string(out)))
	}
	return nil
}

// missing tells which modules are not in an SPDX document, as path@version. A
// module that was replaced has to be there as what replaces it.
func missing(document []byte, modules []*debug.Module) ([]string, error) {
	var list struct {
		Packages []struct {
			Name    string `json:"name"`
			Version string `json:"versionInfo"`
		} `json:"packages"`
	}
	if err := json.Unmarshal(document, &list); err != nil {
		return nil, fmt.Errorf("no SPDX document: %w", err)
	}
	listed := map[string]bool{}
	for _, each := range list.Packages {
		listed[each.Name+"@"+each.Version] = true
	}
	var left []string
	for _, module := range modules {
		if module.Replace != nil {
			module = module.Replace
		}
		if name := module.Path + "@" + module.Version; !listed[name] {
			left = append(left, name)
		}
	}
	return left, nil
}
