// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"

	"github.com/wsgateway/websocket-gateway-operator/hack/cluster/artifact"
)

const usage = `usage: go run . COMMAND

  assets                      build etcd, kube-apiserver and kubectl, print their folder
`

// run dispatches one command.
func run(ctx context.Context, args []string) error {
	if len(args) == 0 {
		return errors.New("no command\n" + usage)
	}
	switch args[0] {
	case "assets":
		return assets(ctx)
	default:
		return fmt.Errorf("unknown command %q\n%s", args[0], usage)
	}
}

// assets prints the folder on stdout and everything else on stderr, so that
// KUBEBUILDER_ASSETS=$(go run . assets) works.
func assets(ctx context.Context) error {
	store, err := openStore()
	if err != nil {
		return err
	}
	dir, err := store.Assets(ctx, artifact.Test())
	if err != nil {
		return err
	}
	fmt.Println(dir)
	return nil
}

func openStore() (*artifact.Store, error) {
	source, err := sourceDir()
	if err != nil {
		return nil, err
	}
	cache, err := artifact.CacheDir()
	if err != nil {
		return nil, err
	}
	return artifact.NewStore(source, cache, os.Stderr), nil
}

// sourceDir finds hack/cluster: where this file was compiled, which is right
// for "go run" from anywhere, else the current folder.
func sourceDir() (string, error) {
	_, file, _, _ := runtime.Caller(0)
	for _, dir := range []string{filepath.Dir(file), "."} {
		if _, err := os.Stat(filepath.Join(dir, "kubernetes", "go.mod")); err == nil {
			return filepath.Abs(dir)
		}
	}
	return "", errors.New("the modules to build are not here, run this in the folder hack/cluster of a checkout")
}
