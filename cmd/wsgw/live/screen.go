// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

// Package live shows what changes: a screen that is drawn again and again, and
// what is drawn of connections on it.
package live

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"golang.org/x/term"
)

// Terminal is what a screen is drawn on.
type Terminal interface {
	// Size in characters.
	Size() (width, height int)
	// Raw lets single keys through, without showing them. The function that it
	// answers takes that back.
	Raw() (func() error, error)
}

// NewTerminal is the terminal of these files; nil if out is none.
func NewTerminal(in, out *os.File) Terminal {
	if !term.IsTerminal(int(out.Fd())) {
		return nil
	}
	return terminal{in, out}
}

type terminal struct{ in, out *os.File }

// Size implements Terminal.
func (t terminal) Size() (width, height int) {
	width, height, err := term.GetSize(int(t.out.Fd()))
	if err != nil || width <= 0 || height <= 0 {
		return 80, 24
	}
	return width, height
}

// Raw implements Terminal.
func (t terminal) Raw() (func() error, error) {
	descriptor := int(t.in.Fd())
	if !term.IsTerminal(descriptor) {
		return func() error { return nil }, nil
	}
	before, err := term.MakeRaw(descriptor)
	if err != nil {
		return nil, fmt.Errorf("prepare the terminal: %w", err)
	}
	return func() error { return term.Restore(descriptor, before) }, nil
}

// What a terminal is told (ECMA-48, and xterm's second screen): nothing of what
// was on it before is lost.
const (
	enter  = "\x1b[?1049h\x1b[?25l"
	leave  = "\x1b[?25h\x1b[?1049l"
	home   = "\x1b[H"
	toEnd  = "\x1b[K"
	toLast = "\x1b[J"
)

// Options of Show.
type Options struct {
	Out      io.Writer
	Terminal Terminal
	// Keys are read if it is not nil.
	Keys io.Reader
	// Key is told of each key but q and Ctrl-C, which end the show.
	Key func(key byte)
	// Interval between two frames.
	Interval time.Duration
	// Frame makes the lines, at most height of them that matter. An error is shown
	// in their place, and the next frame tried.
	Frame func(ctx context.Context, width, height int) ([]string, error)
}

// interrupt is what Ctrl-C sends when the terminal does not turn it into a
// signal.
const interrupt = 3

// Show draws frames until the context ends or somebody presses q. However it
// ends, the terminal is as it was. An interrupt is its ordinary end, and no error.
func Show(ctx context.Context, o Options) (err error) {
	restore, err := o.Terminal.Raw()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, restore()) }()
	if _, err := io.WriteString(o.Out, enter); err != nil {
		return err
	}
	defer func() {
		_, left := io.WriteString(o.Out, leave)
		err = errors.Join(err, left)
	}()
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	again := make(chan struct{}, 1)
	if o.Keys != nil {
		// It waits for a key that may never come; the process ends before.
		go o.listen(stop, again)
	}
	ticker := time.NewTicker(o.Interval)
	defer ticker.Stop()
	for {
		if err := o.draw(ctx); err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return nil
		case <-again:
		case <-ticker.C:
		}
	}
}

func (o *Options) listen(stop func(), again chan<- struct{}) {
	keys := bufio.NewReader(o.Keys)
	for {
		key, err := keys.ReadByte()
		if err != nil {
			return
		}
		if key == 'q' || key == interrupt {
			stop()
			return
		}
		if o.Key != nil {
			o.Key(key)
		}
		select {
		case again <- struct{}{}:
		default:
		}
	}
}

func (o *Options) draw(ctx context.Context) error {
	width, height := o.Terminal.Size()
	lines, failed := o.Frame(ctx, width, height)
	select {
	case <-ctx.Done():
		return nil
	default:
	}
	if failed != nil {
		lines = []string{"! " + failed.Error()}
	}
	if len(lines) > height {
		lines = lines[:height]
	}
	var out strings.Builder
	out.WriteString(home)
	for i, line := range lines {
		if i > 0 {
			// A terminal that is raw needs to be told to go back to the left.
			out.WriteString("\r\n")
		}
		out.WriteString(line + toEnd)
	}
	out.WriteString(toLast)
	_, err := io.WriteString(o.Out, out.String())
	return err
}

// Every calls look at once and then again and again, until the context ends,
// which is no error, or look fails.
func Every(ctx context.Context, interval time.Duration, look func(context.Context) error) error {
	ticker := time.NewTicker(interval)
	defer ticker.Stop()
	for {
		if err := look(ctx); err != nil {
			return failure(ctx, err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
	}
}

// IsTerminal tells whether a person may be at the other end of a file.
func IsTerminal(file *os.File) bool {
	return term.IsTerminal(int(file.Fd()))
}

// failure is nil for what an interrupt has brought about.
func failure(ctx context.Context, err error) error {
	if ctx.Err() == nil {
		return err
	}
	return nil
}
