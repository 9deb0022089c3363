// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package standalone

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/fsnotify/fsnotify"

	"github.com/wsgateway/websocket-gateway-operator/cmd/wsgw/manifest"
)

const (
	// quiet is how long nothing may happen before an edit is read: editors write
	// in several steps, and half a file may well be a valid one.
	quiet = 100 * time.Millisecond
	// lookEvery finds what no notification told of, as on network file systems.
	lookEvery = 2 * time.Second
)

// watch calls changed, never twice at a time, when the named files may have
// changed, until ctx is done. It watches the folders that hold the files: editors
// and GitOps tools replace a file by renaming another one.
func watch(ctx context.Context, names []string, changed func()) error {
	watcher, err := fsnotify.NewWatcher()
	if err != nil {
		return fmt.Errorf("watch the files: %w", err)
	}
	defer func() { _ = watcher.Close() }()
	for _, folder := range foldersOf(names) {
		if err := watcher.Add(folder); err != nil {
			return fmt.Errorf("watch the files: %w", err)
		}
	}
	look := time.NewTicker(lookEvery)
	defer look.Stop()
	settle := time.NewTimer(quiet)
	defer settle.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-watcher.Events:
			settle.Reset(quiet)
		case _, open := <-watcher.Errors:
			// Lost notifications are found by the next look.
			if !open {
				return errors.New("watch the files: the watcher has ended")
			}
		case <-settle.C:
			changed()
		case <-look.C:
			// Not at once: an edit may be under way.
			settle.Reset(quiet)
		}
	}
}

// foldersOf lists the folders to watch, once each; nothing for standard input.
func foldersOf(names []string) []string {
	var folders []string
	for _, name := range names {
		if name == manifest.Stdin {
			continue
		}
		folder := filepath.Dir(name)
		if info, err := os.Stat(name); err == nil && info.IsDir() {
			folder = name
		}
		folders = append(folders, folder)
	}
	slices.Sort(folders)
	return slices.Compact(folders)
}
