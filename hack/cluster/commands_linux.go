// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/wsgateway/websocket-gateway-operator/hack/cluster/artifact"
	"github.com/wsgateway/websocket-gateway-operator/hack/cluster/image"
	"github.com/wsgateway/websocket-gateway-operator/hack/cluster/node"
)

// onNode dispatches the commands that deal with a running node.
func onNode(ctx context.Context, command string, args []string) error {
	layout, err := node.LayoutFromEnv()
	if err != nil {
		return err
	}
	if command == "supervise" {
		// File descriptors 3 and 4 are passed on by "up".
		return node.Supervise(layout, os.NewFile(3, "wait"), os.NewFile(4, "ready"))
	}
	store, err := openStore()
	if err != nil {
		return err
	}
	cluster := &node.Cluster{Layout: layout, Store: store, Log: os.Stderr}
	switch command {
	case "up":
		return cluster.Up(ctx)
	case "down":
		return cluster.Down(ctx)
	case "status":
		return cluster.Status(ctx, os.Stdout)
	case "load-image":
		return loadImage(ctx, cluster, args)
	case "exec":
		return execInside(cluster, args)
	case "env":
		return printEnv(ctx, cluster)
	case "kubectl":
		return kubectl(ctx, cluster, args)
	default:
		return fmt.Errorf("unknown command %q: %w", command, errUsage)
	}
}

// loadImage takes archives and NAME:TAG=BINARY, any number of either.
func loadImage(ctx context.Context, cluster *node.Cluster, args []string) error {
	flags := flag.NewFlagSet("load-image", flag.ContinueOnError)
	path := flags.String("path", "", "where the binary goes in the image, default / and its file name")
	files := map[string]string{}
	flags.Func("file", "DST=SRC, a further file in the image, may be repeated", func(value string) error {
		target, source, ok := strings.Cut(value, "=")
		if !ok {
			return errors.New("write DST=SRC")
		}
		files[target] = source
		return nil
	})
	if err := flags.Parse(args); err != nil {
		return err
	}
	if flags.NArg() == 0 {
		return errors.New("load-image: name an archive or NAME:TAG=BINARY")
	}
	for _, arg := range flags.Args() {
		reference, binary, isBinary := strings.Cut(arg, "=")
		var err error
		if isBinary {
			err = cluster.LoadImage(ctx, &image.Image{Reference: reference, Binary: binary, Path: *path, Files: files})
		} else {
			err = cluster.LoadArchive(ctx, arg)
		}
		if err != nil {
			return fmt.Errorf("load %s: %w", arg, err)
		}
		fmt.Fprintln(os.Stderr, "loaded", reference)
	}
	return nil
}

// execInside runs a command in the node's network, or with --all in its file
// system and among its processes too.
func execInside(cluster *node.Cluster, args []string) error {
	all := len(args) > 0 && args[0] == "--all"
	if all {
		args = args[1:]
	}
	if len(args) > 0 && args[0] == "--" {
		args = args[1:]
	}
	if len(args) == 0 {
		return errors.New("exec: name a command, as in exec -- ip address")
	}
	return cluster.Exec(args, all)
}

// printEnv prints what a shell evaluates: eval "$(go run . env)".
func printEnv(ctx context.Context, cluster *node.Cluster) error {
	bin, err := kubectlPath(ctx, cluster)
	if err != nil {
		return err
	}
	for _, pair := range [][2]string{
		{"KUBECONFIG", cluster.Kubeconfig()},
		{"WSGATEWAY_NODE_IP", cluster.NodeIP().String()},
		{"WSGATEWAY_AUDIT_LOG", cluster.AuditLog()},
		{"WSGATEWAY_POD_LOGS", filepath.Join(cluster.State, "root", "var", "log", "pods")},
	} {
		fmt.Printf("export %s='%s'\n", pair[0], pair[1])
	}
	fmt.Printf("export PATH='%s':\"$PATH\"\n", filepath.Dir(bin))
	return nil
}

// kubectl becomes the kubectl of the cluster's version.
func kubectl(ctx context.Context, cluster *node.Cluster, args []string) error {
	bin, err := kubectlPath(ctx, cluster)
	if err != nil {
		return err
	}
	if err := os.Setenv("KUBECONFIG", cluster.Kubeconfig()); err != nil {
		return err
	}
	return syscall.Exec(bin, append([]string{"kubectl"}, args...), os.Environ())
}

func kubectlPath(ctx context.Context, cluster *node.Cluster) (string, error) {
	bin, err := cluster.Store.Ensure(ctx, artifact.Test())
	if err != nil {
		return "", err
	}
	return exec.LookPath(bin["kubectl"])
}
