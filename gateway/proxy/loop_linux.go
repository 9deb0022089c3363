// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package proxy

import (
	"fmt"
	"os"
	"sync"
	"syscall"
	"time"

	"github.com/wsgateway/websocket-gateway-operator/gateway/due"
	"github.com/wsgateway/websocket-gateway-operator/gateway/nowait"
	"github.com/wsgateway/websocket-gateway-operator/gateway/outcome"
)

const (
	eventsAtOnce = 256
	// cipherRoom is what is read from a socket at once. plainRoom holds what that
	// becomes, with the rest of a record that came before.
	cipherRoom = 32 << 10
	plainRoom  = headroom + cipherRoom + 17<<10 + 2<<10
	// corkRoom is for one wake-up.
	corkRoom = 48 << 10
)

// loop owns the sockets of its pairs and does all that is done to them, in one
// goroutine. It never waits for a peer: what would block is kept by the pair.
//
// Its epoll set is level-triggered, so that one read per wake-up is enough: what
// is left is reported again, after the others had their turn. The set itself
// waits in the poller of the runtime; so no thread is held.
type loop struct {
	// of is what has this loop and others.
	of     *Loops
	frames *Frames
	epoll  *os.File
	fd     int
	wakeUp [2]int // a pipe: somebody has posted
	done   chan struct{}

	// These belong to the loop's goroutine.
	now time.Duration
	// alarm is when waiting ends at the latest, nap how long no timer is due.
	alarm, nap time.Duration
	clock      *time.Timer
	slots      []*pair
	free       []int32
	turn       int32 // makes events of a slot's last owner recognizable
	// lifetimes are the contexts of the pairs, by the channels that they close.
	lifetimes map[<-chan struct{}]*lifetime
	timers    *due.Queue[*pair]
	dead      []*pair
	// The buffers are empty between two pairs.
	exchanges [2]nowait.Exchange
	cipher    []byte
	plain     []byte
	cork      []byte
	// direct is what goes to the upstream as long as it is in one piece.
	direct  []byte
	current *pair
	closing bool
	// turns were taken since the others were told, longest is the longest ever.
	turns   uint64
	longest time.Duration

	mu     sync.Mutex
	posted []func()
	woken  bool
	ended  bool
}

var _ carrier = (*loop)(nil)

func newLoop(of *Loops) (*loop, error) {
	l := &loop{
		of: of, frames: of.frames, done: make(chan struct{}),
		lifetimes: map[<-chan struct{}]*lifetime{},
		cipher:    make([]byte, cipherRoom), plain: make([]byte, plainRoom), cork: make([]byte, 0, corkRoom),
		timers: due.New(func(p *pair) *due.Slot { return &p.timer }),
	}
	for x := range l.exchanges {
		l.exchanges[x].Buffers, l.exchanges[x].Out = of.buffers, make([]byte, 0, corkRoom)
	}
	fd, err := syscall.EpollCreate1(syscall.EPOLL_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("start event loop: %w", err)
	}
	if err := syscall.SetNonblock(fd, true); err != nil {
		_ = syscall.Close(fd)
		return nil, fmt.Errorf("start event loop: %w", err)
	}
	l.fd, l.epoll = fd, os.NewFile(uintptr(fd), "epoll")
	// Fails where the poller of the runtime has not taken it, out of watches, say:
	// a loop that cannot wait must not get connections.
	if err := l.epoll.SetReadDeadline(time.Time{}); err != nil {
		_ = l.epoll.Close()
		return nil, fmt.Errorf("start event loop: %w", err)
	}
	if err := syscall.Pipe2(l.wakeUp[:], syscall.O_NONBLOCK|syscall.O_CLOEXEC); err != nil {
		_ = l.epoll.Close()
		return nil, fmt.Errorf("start event loop: %w", err)
	}
	if err := l.watch(syscall.EPOLL_CTL_ADD, l.wakeUp[0], syscall.EPOLLIN, -1, 0); err != nil {
		l.closeOwn()
		return nil, fmt.Errorf("start event loop: %w", err)
	}
	l.clock = time.AfterFunc(due.LongestNap, func() { l.post(nil) })
	go l.run()
	return l, nil
}

// watch changes what is reported of a descriptor.
func (l *loop) watch(operation, fd int, events uint32, key, turn int32) error {
	return os.NewSyscallError("epoll_ctl", syscall.EpollCtl(l.fd, operation, fd, &syscall.EpollEvent{Events: events, Fd: key, Pad: turn}))
}

// post has the loop call something, soon; nil only wakes it. It returns false when
// the loop has ended.
func (l *loop) post(call func()) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.ended {
		return false
	}
	l.posted = append(l.posted, call)
	if !l.woken {
		l.woken = true
		_, _ = syscall.Write(l.wakeUp[1], []byte{0})
	}
	return true
}

func (l *loop) stop() {
	if l.post(func() { l.closing = true }) {
		<-l.done
	}
}

func (l *loop) run() {
	defer close(l.done)
	defer l.release()
	raw, err := l.epoll.SyscallConn()
	if err != nil {
		return
	}
	events := make([]syscall.EpollEvent, eventsAtOnce)
	for !l.closing {
		n := 0
		l.setAlarm()
		if raw.Read(func(uintptr) bool {
			n, _ = syscall.EpollWait(l.fd, events, 0)
			return n > 0
		}) != nil {
			return
		}
		l.now = l.frames.elapsed()
		for i := range n {
			l.event(&events[i])
		}
		l.tick()
		l.bury()
		l.of.turns.Add(l.turns)
		l.turns = 0
	}
}

// setAlarm ends the next wait in time for the next timer. An alarm that is too
// early costs less than one that is moved with every message.
func (l *loop) setAlarm() {
	at := l.now + l.nap
	if at < l.alarm || l.alarm <= l.now {
		l.alarm = at
		l.clock.Reset(l.nap)
	}
}

func (l *loop) tick() {
	for {
		p, wait, ok := l.timers.Take(l.frames.start.Add(l.now))
		if !ok {
			l.nap = wait
			return
		}
		l.on(p, p.tickAll)
	}
}

func (l *loop) event(e *syscall.EpollEvent) {
	if e.Fd < 0 {
		l.takePosted()
		return
	}
	slot, x := e.Fd/2, int(e.Fd%2)
	if int(slot) >= len(l.slots) || l.slots[slot] == nil || l.slots[slot].turn != e.Pad {
		return // of a pair that has gone in this batch
	}
	p := l.slots[slot]
	l.on(p, func() { p.ready(x, e.Events) })
}

func (l *loop) takePosted() {
	var drain [16]byte
	_, _ = syscall.Read(l.wakeUp[0], drain[:])
	l.mu.Lock()
	posted := l.posted
	l.posted, l.woken = nil, false
	l.mu.Unlock()
	for _, call := range posted {
		if call != nil {
			call()
		}
	}
}

// on does something for a pair and then what follows from it. A bug in one pair
// ends that pair only.
func (l *loop) on(p *pair, do func()) {
	if p.buried {
		return
	}
	l.current = p
	defer func() {
		if problem := recover(); problem != nil {
			p.fail(outcome.Close(outcome.RelayFailed, outcome.ByGateway, mistake(problem)), l.now)
			p.kill()
		}
		l.empty()
		l.current = nil
		poison(l.cipher, l.plain, l.cork[:cap(l.cork)])
		for x := range l.exchanges {
			e := &l.exchanges[x]
			e.In, e.Ended = nil, false
			poison(e.Out[:cap(e.Out)])
		}
		l.turned()
	}()
	do()
	p.follow()
}

// empty forgets what was written in a turn.
func (l *loop) empty() {
	l.cork, l.direct = l.cork[:0], nil
	for x := range l.exchanges {
		l.exchanges[x].Out = l.exchanges[x].Out[:0]
	}
}

// turned ends a turn. The next one begins now: what it measures time by must not be
// as old as the first of the batch.
func (l *loop) turned() {
	now := l.frames.elapsed()
	took := now - l.now
	l.now = now
	l.turns++
	if took > l.longest {
		l.longest = took
		l.of.tookLongest(took)
	}
}

// write implements carrier. For a party by TLS p is encrypted at once; for an
// upstream without it is copied only if there is more than one piece.
func (l *loop) write(to int, p []byte) {
	if l.current.tls[to] != nil {
		l.current.encrypt(to, p)
		return
	}
	if l.direct == nil && len(l.cork) == 0 {
		l.direct = p
		return
	}
	l.cork = append(append(l.cork, l.direct...), p...)
	l.direct = nil
}

// enter gives a pair a slot.
func (l *loop) enter(p *pair) {
	l.turn++
	p.turn = l.turn
	if last := len(l.free) - 1; last >= 0 {
		p.slot, l.free = l.free[last], l.free[:last]
		l.slots[p.slot] = p
		return
	}
	p.slot = int32(len(l.slots)) //nolint:gosec // there are fewer descriptors
	l.slots = append(l.slots, p)
}

// bury closes the pairs that ended. It comes after all events of a batch: until
// then they may name a slot that would be somebody else's.
func (l *loop) bury() {
	for i, p := range l.dead {
		l.timers.Set(p, time.Time{})
		l.slots[p.slot] = nil
		l.free = append(l.free, p.slot)
		l.dead[i] = nil
		l.outlive(p)
		p.session.OnEnd(nil)
		p.vanish()
	}
	l.dead = l.dead[:0]
}

// release cuts what is left.
func (l *loop) release() {
	l.mu.Lock()
	l.ended = true
	l.mu.Unlock()
	l.takePosted()
	for _, p := range l.slots {
		if p != nil && !p.buried {
			p.fail(outcome.Close(outcome.Shutdown, outcome.ByGateway, ""), l.now)
			p.kill()
		}
	}
	l.bury()
	l.clock.Stop()
	l.closeOwn()
}

// closeOwn closes the descriptors that are not those of pairs.
func (l *loop) closeOwn() {
	_ = l.epoll.Close()
	_ = syscall.Close(l.wakeUp[0])
	_ = syscall.Close(l.wakeUp[1])
}
