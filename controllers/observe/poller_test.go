// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package observe_test

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"github.com/wsgateway/websocket-gateway-operator/controllers/observe"
)

// scripted is a pod whose answers the test decides.
type scripted struct {
	mu    sync.Mutex
	etag  string
	err   error
	asked int
}

// Report implements observe.Reporter.
func (s *scripted) Report(_ context.Context, _ observe.Target, etag string) (observe.Answer, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asked++
	switch {
	case s.err != nil:
		return observe.Answer{}, s.err
	case s.etag == etag:
		return observe.Answer{}, observe.ErrUnchanged
	default:
		return observe.Answer{Report: report(), ETag: s.etag}, nil
	}
}

func (s *scripted) answer(etag string, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.etag, s.err = etag, err
}

// since answers how often the pod was asked and the gateway woken, and begins
// to count anew.
func (p *polling) since() (asked, woken int) {
	p.pod.mu.Lock()
	defer p.pod.mu.Unlock()
	p.mu.Lock()
	defer p.mu.Unlock()
	asked, woken = p.pod.asked, p.woken
	p.pod.asked, p.woken = 0, 0
	return asked, woken
}

type polling struct {
	*observe.Poller
	t   *testing.T
	pod *scripted

	mu    sync.Mutex
	woken int
}

// inBubble runs a poller of one pod on a clock that the test moves.
func inBubble(t *testing.T, test func(p *polling)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		p := &polling{t: t, pod: &scripted{etag: "one"}}
		p.Poller = observe.NewPoller(p.pod, time.Now, slog.New(slog.DiscardHandler),
			func(context.Context, types.NamespacedName) {
				p.mu.Lock()
				defer p.mu.Unlock()
				p.woken++
			})
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- p.Start(ctx) }()
		test(p)
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Start() = %v", err)
		}
	})
}

func (p *polling) wish(wanted string) {
	p.Watch(target().Gateway, []observe.Wish{{Target: target(), Wanted: wanted}})
}

func TestAQuietPodIsAskedEvery20Seconds(t *testing.T) {
	t.Parallel()
	inBubble(t, func(p *polling) {
		if _, asked := p.Asked("uid"); asked {
			p.t.Error("a pod counts as asked before it was")
		}
		p.wish("")
		time.Sleep(time.Second)
		if asked, woken := p.since(); asked != 1 || woken != 1 {
			p.t.Errorf("at the beginning: asked %d, woken %d times, want 1 and 1", asked, woken)
		}
		time.Sleep(200 * time.Second)
		if asked, woken := p.since(); asked < 8 || asked > 14 || woken != 0 {
			p.t.Errorf("in 200 s: asked %d, woken %d times, want about 10 and 0", asked, woken)
		}
		known, _ := p.Asked("uid")
		if age := time.Since(known.ReportedAt); age > 25*time.Second || known.Report == nil || known.Silence != "" {
			p.t.Errorf("Asked() = %+v, %v old", known, age)
		}
	})
}

func TestAPodIsAskedQuicklyWhileSomethingIsExpected(t *testing.T) {
	t.Parallel()
	inBubble(t, func(p *polling) {
		p.wish("")
		time.Sleep(time.Second)
		p.since()

		p.wish("new")
		p.wish("new")
		time.Sleep(500 * time.Millisecond)
		if asked, woken := p.since(); asked < 4 || woken != 0 {
			p.t.Errorf("asked %d, woken %d times in the first half second, want at least 4 and 0", asked, woken)
		}
		p.pod.answer("two", nil)
		time.Sleep(time.Second)
		if _, woken := p.since(); woken != 1 {
			p.t.Errorf("woken %d times by one changed answer", woken)
		}
		time.Sleep(time.Minute)
		if asked, _ := p.since(); asked > 40 {
			p.t.Errorf("asked %d times in a minute of waiting: never slows down", asked)
		}
		p.wish("")
		time.Sleep(time.Minute)
		p.since()
		time.Sleep(time.Minute)
		if asked, _ := p.since(); asked > 5 {
			p.t.Errorf("asked %d times a minute although nothing is expected any more", asked)
		}
	})
}

func TestSilenceIsToldOnceAndSoIsItsEnd(t *testing.T) {
	t.Parallel()
	inBubble(t, func(p *polling) {
		p.wish("")
		time.Sleep(time.Second)
		p.since()
		p.pod.answer("one", errors.New("refused"))
		time.Sleep(3 * time.Minute)
		known, _ := p.Asked("uid")
		if _, woken := p.since(); woken != 1 || known.Silence == "" || known.Report == nil {
			p.t.Errorf("woken %d times by silence, knows %+v", woken, known)
		}
		p.pod.answer("one", nil)
		time.Sleep(time.Minute)
		known, _ = p.Asked("uid")
		if _, woken := p.since(); woken != 1 || known.Silence != "" {
			p.t.Errorf("woken %d times by the end of silence, knows %+v", woken, known)
		}
	})
}

func TestAForgottenPodIsNotAsked(t *testing.T) {
	t.Parallel()
	inBubble(t, func(p *polling) {
		p.wish("")
		time.Sleep(time.Second)
		p.Watch(target().Gateway, nil)
		p.since()
		time.Sleep(5 * time.Minute)
		if asked, woken := p.since(); asked != 0 || woken != 0 {
			p.t.Errorf("asked %d, woken %d times for a gateway that is gone", asked, woken)
		}
		if _, asked := p.Asked("uid"); asked {
			p.t.Error("still knows a pod that is gone")
		}
	})
}
