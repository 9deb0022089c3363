// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package observe

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/util/workqueue"

	"github.com/wsgateway/websocket-gateway-operator/gateway/contract"
)

// Pace of the questions.
const (
	// quietInterval is the time between two questions to a pod that nothing is
	// expected of, plus or minus a quarter so that pods do not fall into step.
	quietInterval = 20 * time.Second
	// The times between questions to a pod that something is expected of.
	firstHurry = 50 * time.Millisecond
	lastHurry  = 2 * time.Second
	// workers bounds how many pods are asked at the same time.
	workers = 32
)

// Wish is a pod to ask and what is expected of it.
type Wish struct {
	Target
	// Wanted identifies what the pod is expected to report soon; empty when
	// nothing is expected. A new value makes the poller ask quickly again.
	Wanted string
}

// Asked is what the poller knows of a pod.
type Asked struct {
	// Report is the last answer; nil if there never was one.
	Report *contract.Report
	// ReportedAt is when the pod last answered.
	ReportedAt time.Time
	// Silence is why the pod did not answer the last time; empty when it did.
	Silence string
}

// Poller asks the pods of all gateways. Its methods are safe for concurrent
// use.
type Poller struct {
	reporter Reporter
	now      func() time.Time
	changed  func(ctx context.Context, gateway types.NamespacedName)
	log      *slog.Logger
	queue    workqueue.TypedDelayingInterface[types.UID]

	mu       sync.Mutex
	pods     map[types.UID]*watched
	gateways map[types.NamespacedName][]types.UID
}

type watched struct {
	Wish
	Asked
	etag string
	// hurry is the time to the next question while something is expected.
	hurry time.Duration
	asked bool
}

// NewPoller answers a Poller that calls changed, from its own goroutines, when
// the answer of a pod of the gateway changed.
func NewPoller(
	reporter Reporter, now func() time.Time, log *slog.Logger,
	changed func(ctx context.Context, gateway types.NamespacedName),
) *Poller {
	return &Poller{
		reporter: reporter, now: now, changed: changed, log: log,
		queue:    workqueue.NewTypedDelayingQueue[types.UID](),
		pods:     map[types.UID]*watched{},
		gateways: map[types.NamespacedName][]types.UID{},
	}
}

// Start asks until ctx is done.
func (p *Poller) Start(ctx context.Context) error {
	var group sync.WaitGroup
	for range workers {
		group.Go(func() {
			for p.askNext(ctx) {
			}
		})
	}
	<-ctx.Done()
	p.queue.ShutDown()
	group.Wait()
	return nil
}

// NeedLeaderElection is true: one operator asking is enough, and only the
// leader writes what comes of it.
func (p *Poller) NeedLeaderElection() bool { return true }

// Watch sets which pods of a gateway are asked; none forgets the gateway.
func (p *Poller) Watch(gateway types.NamespacedName, wishes []Wish) {
	p.mu.Lock()
	defer p.mu.Unlock()
	kept := make([]types.UID, 0, len(wishes))
	for _, wish := range wishes {
		p.wish(wish)
		kept = append(kept, wish.UID)
	}
	keep := make(map[types.UID]bool, len(kept))
	for _, uid := range kept {
		keep[uid] = true
	}
	for _, uid := range p.gateways[gateway] {
		if !keep[uid] {
			delete(p.pods, uid)
		}
	}
	if len(kept) == 0 {
		delete(p.gateways, gateway)
		return
	}
	p.gateways[gateway] = kept
}

func (p *Poller) wish(wish Wish) {
	known, ok := p.pods[wish.UID]
	if !ok {
		known = &watched{}
		p.pods[wish.UID] = known
	}
	inHurry := wish.Wanted != "" && wish.Wanted != known.Wanted
	moved := wish.Address != known.Address
	known.Wish = wish
	if wish.Wanted == "" {
		known.hurry = 0
	}
	if inHurry {
		known.hurry = firstHurry
	}
	if inHurry || moved {
		p.queue.Add(wish.UID)
	}
}

// Asked answers what is known of a pod. It is false until the pod was asked
// once, whatever came of it.
func (p *Poller) Asked(uid types.UID) (Asked, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	known, ok := p.pods[uid]
	if !ok || !known.asked {
		return Asked{}, false
	}
	return known.Asked, true
}

func (p *Poller) askNext(ctx context.Context) bool {
	uid, closed := p.queue.Get()
	if closed {
		return false
	}
	defer p.queue.Done(uid)
	target, etag, ok := p.next(uid)
	if !ok {
		return true
	}
	asking, cancel := context.WithTimeout(ctx, askTimeout)
	answer, err := p.reporter.Report(asking, target, etag)
	cancel()
	if ctx.Err() != nil {
		return false
	}
	changed, again, known := p.record(uid, target, answer, err)
	if !known {
		return true
	}
	p.queue.AddAfter(uid, again)
	if changed {
		p.changed(ctx, target.Gateway)
	}
	return true
}

func (p *Poller) next(uid types.UID) (Target, string, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	known, ok := p.pods[uid]
	if !ok || known.Address == "" {
		return Target{}, "", false
	}
	return known.Target, known.etag, true
}

// record notes the answer. It tells whether that changed anything, when to ask
// again, and whether the pod is still to be asked at all.
func (p *Poller) record(
	uid types.UID, target Target, answer Answer, err error,
) (changed bool, again time.Duration, known bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	pod, ok := p.pods[uid]
	if !ok || pod.Target != target {
		return false, 0, false
	}
	silence := ""
	switch {
	case errors.Is(err, ErrUnchanged) && pod.Report != nil:
		pod.ReportedAt = p.now()
	case err != nil:
		silence = err.Error()
		p.log.Debug("pod did not answer", "gateway", target.Gateway.String(), "pod", target.Pod, "error", err)
	default:
		changed = pod.etag != answer.ETag || answer.ETag == ""
		pod.Report, pod.etag, pod.ReportedAt = &answer.Report, answer.ETag, p.now()
	}
	// What the failure says may differ each time; that it fails is what counts.
	changed = changed || !pod.asked || (silence == "") != (pod.Silence == "")
	pod.Silence, pod.asked = silence, true
	return changed, pod.pause(), true
}

// pause answers the time to the next question.
func (w *watched) pause() time.Duration {
	if w.hurry == 0 {
		return quietInterval*3/4 + rand.N(quietInterval/2) //nolint:gosec // this spreads load and guards nothing
	}
	pause := w.hurry
	w.hurry = min(lastHurry, w.hurry*3/2)
	return pause
}
