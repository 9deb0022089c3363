// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package load

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"
)

// dialersAtOnce is enough to keep a server busy that has one processor.
const dialersAtOnce = 4

func (c *client) do(ctx context.Context, order Order) (Answer, error) {
	started := time.Now()
	answer, err := c.carryOut(ctx, order)
	answer.Seconds = time.Since(started).Seconds()
	return answer, err
}

func (c *client) carryOut(ctx context.Context, order Order) (Answer, error) {
	switch order.Do {
	case "open":
		return c.open(ctx, order.N)
	case "say":
		return c.say(newMessage(order.Size))
	case "alive":
		return Answer{Count: c.alive()}, nil
	case "close":
		return c.close()
	case "shake":
		return c.shake(ctx, order)
	case "leaf":
		return c.leaf(ctx)
	case "gather":
		return c.gather(ctx, order.Connections)
	case "echo":
		return c.talk(ctx, order)
	case "disperse":
		return c.disperse()
	default:
		return Answer{}, fmt.Errorf("no such order: %q", order.Do)
	}
}

// open makes n more idle connections.
func (c *client) open(ctx context.Context, n int) (Answer, error) {
	made := make([]*conn, n)
	err := each(n, func(i int) (err error) {
		made[i], err = c.dial(ctx, nil)
		return err
	})
	for _, k := range made {
		if k != nil {
			c.idle = append(c.idle, k)
		}
	}
	return Answer{Count: len(c.idle)}, err
}

// each calls do for each of n, a few at once.
func each(n int, do func(int) error) error {
	var group errgroup.Group
	group.SetLimit(dialersAtOnce)
	for i := range n {
		group.Go(func() error { return do(i) })
	}
	return group.Wait()
}

// say has one message echoed over each idle connection.
func (c *client) say(m message) (Answer, error) {
	err := each(len(c.idle), func(i int) error {
		_ = c.idle[i].SetDeadline(time.Now().Add(patience))
		return c.idle[i].echo(m, make([]byte, len(m.payload)))
	})
	return Answer{Count: len(c.idle)}, err
}

// alive counts the idle connections over which a message still comes back.
func (c *client) alive() int {
	var count atomic.Int64
	m := newMessage(16)
	_ = each(len(c.idle), func(i int) error {
		_ = c.idle[i].SetDeadline(time.Now().Add(patience))
		if c.idle[i].echo(m, make([]byte, len(m.payload))) == nil {
			count.Add(1)
		}
		return nil
	})
	return int(count.Load())
}

func (c *client) close() (Answer, error) {
	n := len(c.idle)
	err := each(n, func(i int) error { c.idle[i].end(); return nil })
	c.idle = nil
	return Answer{Count: n}, err
}

// shake opens and closes connections, one after the other per dialer.
func (c *client) shake(ctx context.Context, order Order) (Answer, error) {
	var resumed atomic.Int64
	caches := make(chan tls.ClientSessionCache, dialersAtOnce)
	for range dialersAtOnce {
		caches <- tls.NewLRUClientSessionCache(1)
	}
	met := &kinds{}
	err := each(order.N, func(int) error {
		sessions := <-caches
		defer func() { caches <- sessions }()
		k, err := c.dial(ctx, func(config *tls.Config) {
			if order.Resume {
				config.ClientSessionCache = sessions
			}
			if order.Hybrid {
				config.CurvePreferences = []tls.CurveID{tls.X25519MLKEM768, tls.X25519}
			}
		})
		if err != nil {
			return err
		}
		state := k.ConnectionState()
		met.add(&state)
		if state.DidResume {
			resumed.Add(1)
		}
		k.end()
		return nil
	})
	return Answer{Count: order.N, Resumed: int(resumed.Load()), TLS: met.String()}, err
}

// leaf tells which certificate a new connection is shown.
func (c *client) leaf(ctx context.Context) (Answer, error) {
	k, err := c.dial(ctx, nil)
	if err != nil {
		return Answer{}, err
	}
	defer k.end()
	return Answer{Count: 1, Leaf: k.ConnectionState().PeerCertificates[0].SerialNumber.Text(16)}, nil
}

// kinds of connections that there were.
type kinds struct {
	mu   sync.Mutex
	seen map[string]bool
}

func (k *kinds) add(state *tls.ConnectionState) {
	kind := tls.VersionName(state.Version) + " " + tls.CipherSuiteName(state.CipherSuite) + " " + state.CurveID.String()
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.seen == nil {
		k.seen = map[string]bool{}
	}
	k.seen[kind] = true
}

// String lists them.
func (k *kinds) String() string {
	k.mu.Lock()
	defer k.mu.Unlock()
	return strings.Join(slices.Sorted(maps.Keys(k.seen)), ", ")
}

// gather opens n connections that will talk: what they cost is not the messages'.
func (c *client) gather(ctx context.Context, n int) (Answer, error) {
	c.talkers = make([]*conn, n)
	err := each(n, func(i int) (err error) {
		c.talkers[i], err = c.dial(ctx, nil)
		return err
	})
	return Answer{Count: n}, err
}

func (c *client) disperse() (Answer, error) {
	n := len(c.talkers)
	err := each(n, func(i int) error { c.talkers[i].end(); return nil })
	c.talkers = nil
	return Answer{Count: n}, err
}

// talk has order.N messages echoed over those who were gathered, while dialers may
// open and close others.
func (c *client) talk(ctx context.Context, order Order) (Answer, error) {
	if len(c.talkers) == 0 {
		return Answer{}, errors.New("nobody was gathered")
	}
	stop := c.storm(ctx, order.Dialers)
	times, err := exchange(c.talkers, order)
	handshakes, stormErr := stop()
	return Answer{
		Count: len(times), Handshakes: handshakes, P50: percentile(times, 0.5), P99: percentile(times, 0.99),
	}, errors.Join(err, stormErr)
}

// storm has dialers open and close connections until it is stopped.
func (c *client) storm(ctx context.Context, dialers int) (stop func() (handshakes int, err error)) {
	running, cancel := context.WithCancel(ctx)
	var count atomic.Int64
	var group errgroup.Group
	for range dialers {
		group.Go(func() error {
			for running.Err() == nil {
				k, err := c.dial(ctx, nil)
				if err != nil {
					return err
				}
				k.end()
				count.Add(1)
			}
			return nil
		})
	}
	return func() (int, error) {
		cancel()
		err := group.Wait()
		return int(count.Load()), err
	}
}

// exchange shares the messages of an order among talkers, and returns how long
// each took to come back. With a rate, a message's time begins when it was due:
// who is late because the one before was slow counts as slow, too.
func exchange(talkers []*conn, order Order) ([]time.Duration, error) {
	m := newMessage(order.Size)
	per := order.N / len(talkers)
	all := make([][]time.Duration, len(talkers))
	var interval time.Duration
	if order.Rate > 0 {
		interval = time.Duration(float64(len(talkers)) / order.Rate * float64(time.Second))
	}
	started := time.Now().Add(10 * time.Millisecond)
	var group errgroup.Group
	for i, k := range talkers {
		group.Go(func() error {
			scratch := make([]byte, len(m.payload))
			due := started.Add(interval * time.Duration(i) / time.Duration(len(talkers)))
			for range per {
				begin := time.Now()
				if interval > 0 {
					time.Sleep(due.Sub(begin))
					begin, due = due, due.Add(interval)
				}
				_ = k.SetDeadline(time.Now().Add(patience))
				if err := k.echo(m, scratch); err != nil {
					return err
				}
				all[i] = append(all[i], time.Since(begin))
			}
			return nil
		})
	}
	err := group.Wait()
	var times []time.Duration
	for _, t := range all {
		times = append(times, t...)
	}
	return times, err
}
