// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package live_test

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/wsgateway/websocket-gateway-operator/cmd/wsgw/live"
)

// paper is a terminal that cannot be drawn on without leaving a trace.
type paper struct {
	strings.Builder
	raw      int
	refuse   error
	restored error
	// drawn, if not nil, runs when the first frame is on the paper.
	drawn func()
}

func (p *paper) Write(text []byte) (int, error) {
	n, err := p.Builder.Write(text)
	if p.drawn != nil && strings.Contains(p.String(), "\x1b[J") {
		p.drawn()
		p.drawn = nil
	}
	return n, err
}

// WriteString hides the one of the Builder, which nothing would notice.
func (p *paper) WriteString(text string) (int, error) { return p.Write([]byte(text)) }

func (*paper) Size() (width, height int) { return 40, 3 }

func (p *paper) Raw() (func() error, error) {
	if p.refuse != nil {
		return nil, p.refuse
	}
	p.raw++
	return func() error { p.raw--; return p.restored }, nil
}

const (
	begun = "\x1b[?1049h\x1b[?25l"
	ended = "\x1b[?25h\x1b[?1049l"
)

func TestTheTerminalIsAsItWasHoweverTheShowEnds(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		keys string
		end  func(stop func())
	}{
		"by an interrupt":      {"", func(stop func()) { stop() }},
		"by a key":             {"xq", func(func()) {}},
		"by a key of a signal": {"\x03", func(func()) {}},
	} {
		ctx, stop := context.WithCancel(t.Context())
		keys, typed := io.Pipe()
		pressed := ""
		p := &paper{drawn: func() {
			go func() {
				_, _ = io.WriteString(typed, tt.keys)
				tt.end(stop)
			}()
		}}
		err := live.Show(ctx, live.Options{
			Out: p, Terminal: p, Keys: keys, Interval: time.Hour, Key: func(key byte) { pressed += string(key) },
			Frame: func(context.Context, int, int) ([]string, error) {
				return []string{"one", "two", "three", "four"}, nil
			},
		})
		stop()
		out := p.String()
		if err != nil || p.raw != 0 || !strings.HasPrefix(out, begun) || !strings.HasSuffix(out, ended) {
			t.Errorf("%s: %v, raw %d, %q", name, err, p.raw, out)
		}
		if !strings.Contains(out, "one\x1b[K\r\ntwo\x1b[K\r\nthree\x1b[K\x1b[J") || strings.Contains(out, "four") {
			t.Errorf("%s: %q", name, out)
		}
		if tt.keys == "xq" && pressed != "x" {
			t.Errorf("%s: keys %q", name, pressed)
		}
	}
}

func TestAFrameThatFailsIsShownAndTriedAgain(t *testing.T) {
	t.Parallel()
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	p, frames := &paper{}, 0
	err := live.Show(ctx, live.Options{
		Out: p, Terminal: p, Interval: time.Millisecond,
		Frame: func(context.Context, int, int) ([]string, error) {
			frames++
			switch frames {
			case 1:
				return nil, errors.New("no answer")
			case 2:
				return []string{"fine again"}, nil
			}
			stop()
			return nil, ctx.Err()
		},
	})
	if err != nil || !strings.Contains(p.String(), "! no answer") || !strings.Contains(p.String(), "fine again") || strings.Contains(p.String(), "canceled") {
		t.Errorf("%v: %q", err, p.String())
	}
}

func TestATerminalThatCannotBePreparedIsLeftAlone(t *testing.T) {
	t.Parallel()
	p := &paper{refuse: errors.New("not a terminal")}
	if err := live.Show(t.Context(), live.Options{Out: p, Terminal: p, Interval: time.Hour}); err == nil || p.Len() != 0 {
		t.Errorf("%v: %q", err, p.String())
	}
}

func TestEveryEndsWithoutAnErrorWhenItIsInterrupted(t *testing.T) {
	t.Parallel()
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	looks := 0
	err := live.Every(ctx, time.Millisecond, func(ctx context.Context) error {
		if looks++; looks == 3 {
			stop()
			return ctx.Err()
		}
		return nil
	})
	if err != nil || looks != 3 {
		t.Errorf("%v after %d looks", err, looks)
	}
	failed := errors.New("failed")
	if err := live.Every(t.Context(), time.Millisecond, func(context.Context) error { return failed }); !errors.Is(err, failed) {
		t.Errorf("%v", err)
	}
}
