// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package filewatch

import (
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"path/filepath"
	"time"

	"github.com/fsnotify/fsnotify"

	"github.com/wsgateway/websocket-gateway-operator/gateway/contract"
)

// Options tune a watch.
type Options struct {
	// Root is the folder whose configuration and Secrets are watched.
	Root string
	// Settle is how long nothing must happen before a change is told: a writer
	// that replaces several files should be done. 0 means 20 ms. It is told
	// after ten times as long in any case.
	Settle time.Duration
	// Poll is the time between two looks that no notification asked for: they
	// get lost when the kernel's limits are exhausted. 0 means 10 s.
	Poll   time.Duration
	Logger *slog.Logger
}

// Watch calls changed whenever the files may have changed, from one goroutine,
// until ctx is done. It calls it once at the start. It works without
// notifications too, only slower.
func Watch(ctx context.Context, o Options, changed func()) {
	if o.Settle == 0 {
		o.Settle = 20 * time.Millisecond
	}
	if o.Poll == 0 {
		o.Poll = 10 * time.Second
	}
	w := &watch{options: o}
	notify, err := fsnotify.NewWatcher()
	if err != nil {
		o.Logger.Warn("no file notifications, looking at intervals", "interval", o.Poll, "error", err)
	} else {
		w.notify = notify
		defer func() { _ = notify.Close() }()
	}
	w.run(ctx, changed)
}

type watch struct {
	options Options
	notify  *fsnotify.Watcher
	warned  bool
}

func (w *watch) run(ctx context.Context, changed func()) {
	poll := time.NewTicker(w.options.Poll)
	defer poll.Stop()
	for {
		// Watching comes first, then reading: a change between the two is seen
		// by one of them.
		w.follow()
		changed()
		if !w.wait(ctx, poll.C) {
			return
		}
	}
}

// wait returns true when it is time to look, false when ctx is done.
func (w *watch) wait(ctx context.Context, poll <-chan time.Time) bool {
	select {
	case <-ctx.Done():
		return false
	case <-poll:
		return true
	case <-w.events():
	case err := <-w.errors():
		w.options.Logger.Warn("file notifications were lost, looking now", "error", err)
		return true
	}
	return w.settle(ctx)
}

func (w *watch) settle(ctx context.Context) bool {
	quiet := time.NewTimer(w.options.Settle)
	defer quiet.Stop()
	enough := time.NewTimer(10 * w.options.Settle)
	defer enough.Stop()
	for {
		select {
		case <-ctx.Done():
			return false
		case <-quiet.C:
			return true
		case <-enough.C:
			return true
		case <-w.events():
			quiet.Reset(w.options.Settle)
		}
	}
}

// events and errors are nil without notifications: such a channel never speaks.
func (w *watch) events() <-chan fsnotify.Event {
	if w.notify == nil {
		return nil
	}
	return w.notify.Events
}

func (w *watch) errors() <-chan error {
	if w.notify == nil {
		return nil
	}
	return w.notify.Errors
}

// follow watches each folder that exists now. Folders are watched and not
// files: a watch on a file stays with the old one when it is replaced.
func (w *watch) follow() {
	if w.notify == nil {
		return
	}
	secrets := filepath.Join(w.options.Root, contract.SecretsFolder)
	want := []string{w.options.Root, filepath.Join(w.options.Root, contract.ConfigFolder), secrets}
	// Without the list, the folders known so far go on being watched.
	names, _ := folders(secrets)
	for _, name := range names {
		want = append(want, filepath.Join(secrets, name))
	}
	for _, path := range want {
		// Adding a watch again changes nothing, and a folder that was removed and
		// made again needs it. A folder that is missing shows in its parent; for
		// one that the kernel has no room for there is the poll.
		if err := w.notify.Add(path); err != nil && !errors.Is(err, fs.ErrNotExist) && !w.warned {
			w.warned = true
			w.options.Logger.Warn("no notifications for a folder, looking at intervals", "path", path, "interval", w.options.Poll, "error", err)
		}
	}
}
