// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package revalidation

import (
	"time"

	"github.com/wsgateway/websocket-gateway-operator/gateway/due"
)

const (
	// leastAtOnce questions may always be on their way to one server, and one more
	// for each moreAfter that the first in the lane has waited: after little more
	// than a second there is all the room that a server ever gets, which is soon
	// enough for the shortest interval of the API, ten seconds.
	leastAtOnce = 16
	moreAfter   = 10 * time.Millisecond
	// behindFor is how long a lane counts as behind after somebody has waited in it
	// for too long: what is told of it must stand still.
	behindFor = time.Minute
)

// lane are the questions to one server.
type lane[K comparable] struct {
	// most is how many questions may be on their way at once.
	most int
	// asking are on their way; waiting has the others, by when they came.
	asking  int
	waiting *due.Queue[*entry[K]]
	// answered is when the server has said yes or no last; why is what has come of
	// a question since, nil for nothing.
	answered time.Time
	why      error
	// crowded is when somebody has last waited for longer than an interval although
	// the server answers.
	crowded time.Time
}

// room is how many more questions may be asked now.
func (l *lane[K]) room(now time.Time) int {
	first, ok := l.waiting.First()
	if !ok {
		return 0
	}
	waited := max(now.Sub(first.question.At()), 0)
	return min(l.most, leastAtOnce+int(waited/moreAfter)) - l.asking
}

// next begins the next question if there is room for one, else it returns nil.
func (l *lane[K]) next(now time.Time) *entry[K] {
	if l.room(now) <= 0 {
		return nil
	}
	v, _ := l.waiting.First()
	l.look(now)
	switch {
	case l.crowds(v, now):
		v.missed = ErrCrowded
	case v.missed == nil:
		v.missed = ErrUnanswered
	}
	l.waiting.Set(v, time.Time{})
	l.asking++
	v.asking = true
	return v
}

// look notes whether there are too many for the lane.
func (l *lane[K]) look(now time.Time) {
	if first, ok := l.waiting.First(); ok && l.crowds(first, now) {
		l.crowded = now
	}
}

// crowds tells whether a connection waits only because of the others. Where the
// server has said nothing for an interval it is the server.
func (l *lane[K]) crowds(v *entry[K], now time.Time) bool {
	return now.Sub(v.question.At()) > v.wanted.Every && now.Sub(l.answered) < v.wanted.Every
}

// behind tells whether there were too many of late.
func (l *lane[K]) behind(now time.Time) bool { return now.Sub(l.crowded) < behindFor }

// answered notes that the server has said yes or no to the question under way.
func (v *entry[K]) answered(now time.Time) {
	if v.asking {
		v.lane.answered, v.lane.why = now, nil
	}
}

// why says what is to blame for a connection that has had no yes.
func (v *entry[K]) why(now time.Time) error {
	waits := v.lane != nil && !v.asking
	switch {
	case waits && v.lane.crowds(v, now):
		return ErrCrowded
	case v.missed != nil:
		return v.missed
	case waits && v.lane.why != nil:
		return v.lane.why
	}
	return ErrUnanswered
}

// Behind tells whether connections wait for longer than an interval before a server
// is asked about them although it answers, or have done so in the last minute.
func (p *Plan[K]) Behind(server string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	l := p.lanes[server]
	if l == nil {
		return false
	}
	now := p.now()
	l.look(now)
	return l.behind(now)
}

// Lag is the longest time that a connection has waited until now for its server to
// be asked about it, in intervals; at two it ends.
func (p *Plan[K]) Lag() float64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	now, lag := p.now(), 0.0
	for _, l := range p.lanes {
		if first, ok := l.waiting.First(); ok {
			lag = max(lag, float64(now.Sub(first.question.At()))/float64(first.wanted.Every))
		}
	}
	return lag
}
