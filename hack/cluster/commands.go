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

  up                          start the cluster; does nothing when it runs
  down                        stop it and remove everything of it but the logs
  status                      say what runs; exit code 1 when not all is well
  load-image [-path P] [-file DST=SRC] NAME:TAG=BINARY | FILE.tar ...
                              make images known to the node
  kubectl ARGS                kubectl of the cluster's version, as administrator
  env                         print exports for a shell: eval "$(go run . env)"
  exec [--all] -- CMD         run a command in the node's network; with --all
                              also in its file system and among its processes
  assets                      build etcd, kube-apiserver and kubectl, print their
                              folder: KUBEBUILDER_ASSETS=$(go run . assets)
  build                       fill the cache with all that up needs

Environment: WSGATEWAY_STATE, WSGATEWAY_CACHE, WSGATEWAY_SUBNET; see README.md.
`

var errUsage = errors.New("name a command; \"go run . help\" lists them")

// run dispatches one command. Those that only build work without root and on
// other systems than Linux.
func run(ctx context.Context, args []string) error {
	if len(args) == 0 {
		return errUsage
	}
	switch args[0] {
	case "help", "-h", "--help":
		fmt.Print(usage)
		return nil
	case "assets":
		return assets(ctx)
	case "build":
		return build(ctx)
	default:
		return onNode(ctx, args[0], args[1:])
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

// build fills the cache, so that a later "up" only has to start things.
func build(ctx context.Context) error {
	store, err := openStore()
	if err != nil {
		return err
	}
	_, err = store.Ensure(ctx, artifact.Node())
	return err
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
