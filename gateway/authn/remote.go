// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package authn

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"time"

	"github.com/wsgateway/websocket-gateway-operator/gateway/outcome"
)

// How often an issuer is asked for its keys, and how long its answer counts.
const (
	// refreshInterval is how long a key that the issuer has withdrawn is still
	// believed at most.
	refreshInterval = 5 * time.Minute
	// renewInterval is how often tokens signed with an unknown key may cause a
	// fetch: anybody can make such tokens, so they must not load the issuer.
	renewInterval = 10 * time.Second
	// After a failure: 1 s, doubling up to a minute.
	firstRetry = time.Second
	lastRetry  = time.Minute
	// MaxKeySetAge is how long a key set is believed that cannot be fetched
	// again. An issuer that is down for a night must not lock everybody out; but
	// whoever keeps us from the issuer must not keep a withdrawn key alive.
	MaxKeySetAge = 24 * time.Hour
)

// remoteSet is the key set behind one address. One goroutine fetches; the last
// good set stays in force when a fetch fails.
type remoteSet struct {
	address string
	client  *http.Client
	options KeySetOptions

	wake chan struct{}
	stop context.CancelFunc
	// done is closed when nothing will be fetched any more.
	done chan struct{}

	// mu guards the fields below.
	mu      sync.Mutex
	current *keySet
	// fetched is when the fetch began that gave current.
	fetched time.Time
	failure error
	// outdated is true once it was logged that current is too old.
	outdated bool
	// round is closed when the fetch that is wanted or under way has ended; nil
	// when there is none.
	round chan struct{}
	// asked is when the last fetch began.
	asked time.Time
}

// newRemoteSet does not fetch yet. caBundle may turn out to be unusable; then
// the set says so and never has a key.
func newRemoteSet(address, caBundle string, options KeySetOptions) *remoteSet {
	s := &remoteSet{
		address: address,
		options: options,
		wake:    make(chan struct{}, 1),
		stop:    func() {},
		done:    make(chan struct{}),
		round:   make(chan struct{}),
	}
	client, err := newFetchClient(caBundle)
	if err != nil {
		s.ended(nil, err)
	}
	s.client = client
	return s
}

// start begins to fetch, once and for all.
func (s *remoteSet) start() {
	if s.client == nil {
		close(s.done)
		return
	}
	ctx, stop := context.WithCancel(context.Background())
	s.stop = stop
	go s.run(ctx)
}

func (s *remoteSet) run(ctx context.Context) {
	defer close(s.done)
	retry := firstRetry
	for {
		set, err := s.fetch(ctx)
		before := s.known()
		s.ended(set, err)
		if ctx.Err() != nil {
			return
		}
		if s.options.Fetched != nil {
			s.options.Fetched(err)
		}
		if err == nil && s.options.Changed != nil && !set.sameAs(before) {
			s.options.Changed()
		}
		pause := refreshInterval
		if err != nil {
			pause, retry = retry, min(2*retry, lastRetry)
		} else {
			retry = firstRetry
		}
		if !s.pause(ctx, pause) {
			s.ended(nil, context.Canceled)
			return
		}
	}
}

// pause waits for the time or a wish, whichever is first; false when ctx ended.
func (s *remoteSet) pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-s.wake:
	case <-ctx.Done():
		return false
	}
	return true
}

func (s *remoteSet) fetch(ctx context.Context) (*keySet, error) {
	s.mu.Lock()
	s.asked = s.options.Now()
	if s.round == nil {
		s.round = make(chan struct{})
	}
	// A wish that came while the timer fired is granted by this fetch.
	select {
	case <-s.wake:
	default:
	}
	s.mu.Unlock()
	ctx, cancel := context.WithTimeout(ctx, fetchTimeout)
	defer cancel()
	return fetchKeySet(ctx, s.client, s.address)
}

// ended publishes what a fetch gave and lets those go on who wait for it.
func (s *remoteSet) ended(set *keySet, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	before := s.failure
	// A cancelled fetch says nothing about the issuer.
	if !errors.Is(err, context.Canceled) {
		s.failure = err
	}
	if set != nil {
		// The same keys as before keep what they have verified.
		if !set.sameAs(s.current) {
			s.current = set
		}
		s.fetched = s.asked
	}
	if s.round != nil {
		close(s.round)
		s.round = nil
	}
	s.log(before)
}

// log tells what has changed since the fetch before, which failed with before;
// mu is held.
func (s *remoteSet) log(before error) {
	address, log := publicAddress(s.address), s.options.Logger
	switch {
	case s.failure != nil && before == nil:
		log.Warn("key set cannot be fetched", "address", address, "error", s.failure.Error(), "has_keys", s.current != nil)
	case s.failure == nil && before != nil:
		log.Info("key set can be fetched again", "address", address)
	}
	if outdated := s.current != nil && !s.fresh(); outdated != s.outdated {
		if s.outdated = outdated; outdated {
			log.Error("key set is too old to be believed: nobody new is admitted by it", "address", address, "fetched", s.fetched, "max_age", MaxKeySetAge)
		}
	}
}

// fresh tells whether the current set may admit; mu is held.
func (s *remoteSet) fresh() bool {
	return s.current != nil && s.options.Now().Sub(s.fetched) < MaxKeySetAge
}

// keys implements keySource. While the first fetch is under way it waits, and
// while keys that have become too old are fetched again.
func (s *remoteSet) keys(ctx context.Context) (*keySet, error) {
	s.mu.Lock()
	current, round, fresh := s.current, s.round, s.fresh()
	s.mu.Unlock()
	switch {
	case fresh:
		return current, nil
	case current != nil:
		return s.renewed(ctx)
	}
	return s.wait(ctx, round)
}

// known implements keySource. It does not ask how old the keys are: that an
// issuer cannot be reached says nothing about those whom it vouched for.
func (s *remoteSet) known() *keySet {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.current
}

// renewed implements keySource. All who ask during a fetch share it.
func (s *remoteSet) renewed(ctx context.Context) (*keySet, error) {
	s.mu.Lock()
	if s.round == nil && s.options.Now().Sub(s.asked) >= renewInterval {
		s.round = make(chan struct{})
		select {
		case s.wake <- struct{}{}:
		default:
		}
	}
	round := s.round
	s.mu.Unlock()
	return s.wait(ctx, round)
}

// wait returns the keys in force once round has ended.
func (s *remoteSet) wait(ctx context.Context, round <-chan struct{}) (*keySet, error) {
	if round != nil {
		select {
		case <-round:
		case <-s.done:
		case <-ctx.Done():
			return nil, outcome.Refuse(outcome.AuthUnavailable, "key set of %s not fetched in time", publicAddress(s.address))
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.current == nil:
		return nil, outcome.Refuse(outcome.AuthUnavailable, "key set of %s was never fetched", publicAddress(s.address))
	case !s.fresh():
		return nil, outcome.Refuse(outcome.AuthUnavailable, "key set of %s could not be fetched for %v", publicAddress(s.address), MaxKeySetAge)
	}
	return s.current, nil
}

// state tells whether there are keys that admit, and why the last fetch failed;
// nil if it did not.
func (s *remoteSet) state() (admits bool, failure error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.fresh(), s.failure
}

// KeySetState is what is known of a key set that is fetched.
type KeySetState struct {
	// Address without anything that may be a credential.
	Address string
	// Fetched is when the keys in force were asked for; zero when there are none.
	Fetched time.Time
	Keys    int
	// Admits is false where there are no keys, or they are too old.
	Admits bool
	// Failure of the last fetch; nil for none.
	Failure error
}

// KeySets returns the key sets of the policy that are fetched from addresses.
func (p *Policy) KeySets() []KeySetState {
	states := make([]KeySetState, 0, len(p.remotes))
	for _, remote := range p.remotes {
		states = append(states, remote.tell())
	}
	return states
}

func (s *remoteSet) tell() KeySetState {
	s.mu.Lock()
	defer s.mu.Unlock()
	state := KeySetState{Address: publicAddress(s.address), Fetched: s.fetched, Admits: s.fresh(), Failure: s.failure}
	if s.current != nil {
		state.Keys = len(s.current.keys)
	}
	return state
}
