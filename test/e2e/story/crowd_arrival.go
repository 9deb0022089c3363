// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package story

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/wsgateway/websocket-gateway-operator/gateway/outcome"
)

// fate is what will end a connection; its subject is called after it.
type fate string

const (
	leaves    fate = "leaves"     // by a Close frame
	breaksOff fate = "breaks-off" // by a reset
	revoked   fate = "revoked"
	dismissed fate = "dismissed" // by kubectl wsgw close
	stays     fate = "stays"     // as long as the pod does
)

// seat is one connection.
type seat struct {
	number int
	at     *station
	fate   fate
	guest  *guest
	// over is what the log must say of the end; nil while it is open. The zero
	// value is for what nobody can say anything of.
	over *ending
}

type ending struct {
	reason outcome.Reason
	code   int
}

func (s *seat) path() string { return fmt.Sprintf("%s/%d", crowdPath, s.number) }

// fateOf gives each of four fates one of ten seats, at every pod.
func fateOf(number int) fate {
	switch number / crowdPods % 10 {
	case 0:
		return leaves
	case 1:
		return breaksOff
	case 2:
		return revoked
	case 3:
		return dismissed
	default:
		return stays
	}
}

// refusal is what a client knows of one, and a record tells: at which pod, from
// which address, and the status; 0 where there was a TLS alert instead.
type refusal struct {
	pod, address string
	status       int
}

type refusals struct {
	mu     sync.Mutex
	counts map[refusal]uint64
}

func (r *refusals) add(one refusal) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.counts == nil {
		r.counts = map[refusal]uint64{}
	}
	r.counts[one]++
}

// total is how many there were, and at one pod.
func (r *refusals) total(pod string) (all, there uint64) {
	for one, count := range r.counts {
		all += count
		if one.pod == pod {
			there += count
		}
	}
	return all, there
}

// Strangers at each pod: of each kind so many from an address of their own, which
// the log tells of one by one; then those who do not stop, whom it counts.
const (
	strangersOfAKind = 50
	floods           = 3
	floodSize        = 60
	unknownNames     = 40
)

// atOnce is how many handshakes are under way: enough to keep the processors
// busy, too few for any of them to wait long.
const atOnce = 32

// arrives opens all connections, with strangers in between.
func (c *crowd) arrives(ctx context.Context) (string, error) {
	c.began = time.Now()
	tokens := map[fate]string{}
	for _, fate := range []fate{leaves, breaksOff, revoked, dismissed, stays} {
		token, err := c.world.token(string(fate), time.Hour)
		if err != nil {
			return "", err
		}
		tokens[fate] = token
	}
	strangers := c.strangers(tokens[stays])
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(atOnce)
	every := crowdSize / len(strangers)
	for number := range crowdSize {
		s := &seat{number: number, at: c.stations[number%crowdPods], fate: fateOf(number)}
		c.seats = append(c.seats, s)
		group.Go(func() error { return c.sits(ctx, s, tokens[s.fate]) })
		if next := number / every; number%every == 0 && next < len(strangers) {
			group.Go(func() error { return strangers[next](ctx) })
		}
	}
	if err := group.Wait(); err != nil {
		return "", err
	}
	if err := c.present(); err != nil {
		return "", err
	}
	took := time.Since(c.began)
	refused, _ := c.refused.total("")
	return fmt.Sprintf("%d open at %d pods and %d refused after %s, %.0f handshakes per second",
		crowdSize, crowdPods, refused, took.Round(100*time.Millisecond), (crowdSize+float64(refused))/took.Seconds()), nil
}

// sits opens a connection and sends a message through it.
func (c *crowd) sits(ctx context.Context, s *seat, token string) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	a := c.from(s.at, fmt.Sprintf("198.18.%d.%d", s.number/250, s.number%250+1))
	a.path, a.token = s.path(), token
	conn, _, err := c.world.dial(ctx, a)
	if err != nil {
		return fmt.Errorf("connection %d at pod %s: %w", s.number, s.at.pod, err)
	}
	s.guest = receive(fmt.Sprintf("connection %d", s.number), conn)
	return s.guest.stays(ctx)
}

// from is an attempt of a client behind the proxy.
func (c *crowd) from(at *station, address string) attempt {
	return attempt{
		serverName: crowdHost, to: at.target, sessions: at.session, path: crowdPath,
		header: http.Header{"X-Forwarded-For": {address}},
	}
}

// strangers are those who must not be let in, each a list of attempts of one kind.
func (c *crowd) strangers(token string) []func(context.Context) error {
	forged := token[:len(token)-8] + "forged00"
	var all []func(context.Context) error
	for i, at := range c.stations {
		for kind, ask := range []func(*attempt){
			func(*attempt) {},
			func(a *attempt) { a.token = forged },
			func(a *attempt) { a.token, a.origin = token, "https://evil.example.org" },
			func(a *attempt) { a.token, a.path = token, "/nowhere" },
		} {
			for n := range strangersOfAKind {
				address := fmt.Sprintf("198.19.%d.%d", 10*i+kind, n+1)
				all = append(all, func(ctx context.Context) error { return c.knocks(ctx, at, address, 1, ask) })
			}
		}
		for n := range floods {
			address := fmt.Sprintf("198.19.%d.1", 100+10*i+n)
			all = append(all, func(ctx context.Context) error {
				return c.knocks(ctx, at, address, floodSize, func(a *attempt) { a.token = forged })
			})
		}
		all = append(all, func(ctx context.Context) error {
			return c.knocks(ctx, at, at.host, unknownNames, func(a *attempt) { a.serverName, a.sessions = "unknown.example.com", nil })
		})
	}
	return all
}

// knocks tries to come in some times, in vain.
func (c *crowd) knocks(ctx context.Context, at *station, address string, times int, ask func(*attempt)) error {
	for range times {
		a := c.from(at, address)
		ask(&a)
		conn, response, err := c.world.dial(ctx, a)
		if err == nil {
			_ = conn.Close()
			return fmt.Errorf("a stranger from %s was let in at pod %s", address, at.pod)
		}
		one := refusal{pod: at.pod, address: address}
		if response != nil {
			one.status = response.StatusCode
		} else if _, refused := alert(err); !refused {
			return fmt.Errorf("a stranger from %s was neither let in nor refused at pod %s: %w", address, at.pod, err)
		}
		c.refused.add(one)
	}
	return nil
}

// present fails unless exactly those connections have ended whose end was meant.
func (c *crowd) present() error {
	var problems []error
	for _, s := range c.seats {
		select {
		case <-s.guest.gone:
			if s.over == nil {
				problems = append(problems, fmt.Errorf("%s ended by itself: %w", s.guest.name, s.guest.end))
			}
		default:
			if s.over != nil {
				problems = append(problems, fmt.Errorf("%s is still open", s.guest.name))
			}
		}
	}
	return first(problems)
}

// rotated waits until there is more than one file of every pod's log.
func (c *crowd) rotated(ctx context.Context) (string, error) {
	err := until(ctx, startPatience, func(context.Context) error {
		files := c.logs.files()
		for _, at := range c.stations {
			if files[bootName{at.pod, 0}] < 2 {
				return fmt.Errorf("the log of pod %s was not rotated, although it is larger than the kubelet should let it become: "+
					"hack/cluster sets containerLogMaxSize", at.pod)
			}
		}
		return c.logs.problem()
	})
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("%d pods, %s after the first connection", len(c.stations), time.Since(c.began).Round(100*time.Millisecond)), nil
}
