// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package gateway

import (
	"cmp"
	"slices"

	"github.com/wsgateway/websocket-gateway-operator/gateway/control"
	"github.com/wsgateway/websocket-gateway-operator/gateway/session"
)

// Connections lists open connections. Of those that are not shown only their
// place in the order is kept.
func (c controls) Connections(l *control.Listing) *control.Connections {
	now := c.options.Now()
	match := l.Matcher(now)
	open := c.sessions.List()
	answer := &control.Connections{
		Time: now.UTC(), Pod: c.options.PodName, BootID: c.bootID, Open: len(open), Connections: []control.Connection{},
	}
	sort, limit := cmp.Or(l.Sort, control.SortOpened), cmp.Or(l.Limit, control.DefaultLimit)
	after, id := l.Start()
	var places []place
	for _, one := range open {
		shown := c.show(one)
		if !match.Fits(&shown) {
			continue
		}
		answer.Matched++
		if before := shown.OpenedAt.Compare(after); before > 0 || before == 0 && shown.ID > id {
			places = append(places, place{one, rank(sort, &shown)})
		}
	}
	// They come oldest first, and stay so where they are equal.
	slices.SortStableFunc(places, func(a, b place) int { return cmp.Compare(b.rank, a.rank) })
	for i := range places[:min(limit, len(places))] {
		shown := c.show(places[i].one)
		shown.MakePrintable()
		answer.Connections = append(answer.Connections, shown)
	}
	if sort == control.SortOpened && len(places) > limit {
		last := places[limit-1].one
		answer.Next = control.Cursor(last.Connection().OpenedAt, last.ID())
	}
	return answer
}

// place is where a connection comes: the highest rank first.
type place struct {
	one  *session.Session
	rank int64
}

func rank(sort control.Sort, c *control.Connection) int64 {
	switch sort {
	case control.SortNewest:
		return c.OpenedAt.UnixNano()
	case control.SortBytes:
		return int64(c.Bytes()) //nolint:gosec // nobody relays so much
	case control.SortMessages:
		return int64(c.Messages()) //nolint:gosec // nobody relays so much
	case control.SortRate:
		return int64(c.BytesPerSecond) //nolint:gosec // nobody relays so much
	case control.SortIdle:
		return -c.ActiveAt.UnixNano()
	default:
		return 0
	}
}

// show is a connection as it is told of, not yet printable.
func (s *server) show(one *session.Session) control.Connection {
	c, t := one.Connection(), one.Traffic()
	active, rate := s.accounts.activity(one)
	if active.IsZero() {
		active = c.OpenedAt
	}
	shown := control.Connection{
		ID: c.ID, OpenedAt: c.OpenedAt.UTC(), Listener: c.Listener, Route: c.Route,
		Policy: c.Policy, Issuer: c.Issuer, Subject: c.Subject, Method: c.Method, KeyID: c.KeyID,
		ClientAddress: c.ClientAddress, PeerAddress: c.PeerAddress, Host: c.Host, Path: c.Path, Origin: c.Origin,
		Subprotocol: c.Subprotocol, TLSVersion: c.TLSVersion, Upstream: c.Backend + " " + c.BackendAddress, WouldRefuse: string(c.WouldRefuse),
		MessagesFromClient: t.MessagesFromClient, MessagesToClient: t.MessagesToClient,
		BytesFromClient: t.BytesFromClient, BytesToClient: t.BytesToClient,
		BytesPerSecond: rate, ActiveAt: active.UTC(),
	}
	if ending := one.Ending(); ending != nil {
		shown.Closing = string(ending.Reason)
	}
	return shown
}
