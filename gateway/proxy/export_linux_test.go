// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package proxy

import (
	"fmt"
	"net"
	"os"
	"strings"
	"syscall"
	"time"
)

// HasDescriptor tells whether a loop would take a connection over.
func HasDescriptor(conn net.Conn) bool {
	fd, err := descriptor(conn)
	if err == nil {
		_ = syscall.Close(fd)
	}
	return err == nil
}

// Pause has each loop wait until resume is called: what comes meanwhile it finds at once.
func Pause(l *Loops) (resume func()) {
	held := make(chan struct{})
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, one := range l.loops {
		waits := make(chan struct{})
		if one.post(func() { close(waits); <-held }) {
			<-waits
		}
	}
	return func() { close(held) }
}

// Demand is something that a client wants of TLS: bytes that it has to write, records
// without data that it has to read.
type Demand struct{ Bytes, Barren int }

// Demanding tells whether a client is refused that wants all that, each so much later.
func Demanding(every time.Duration, all ...Demand) bool {
	var d demand
	for i, one := range all {
		if d.more(one.Bytes, one.Barren, time.Duration(i)*every) {
			return true
		}
	}
	return false
}

// Masks is a pair without a loop that runs: what epoll was told of its sockets is
// looked at.
type Masks struct{ pair pair }

// NewMasks returns a pair of which nothing has happened yet.
func NewMasks() (*Masks, error) {
	epoll, err := syscall.EpollCreate1(syscall.EPOLL_CLOEXEC)
	if err != nil {
		return nil, err
	}
	ends, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	m := &Masks{pair{loop: &loop{fd: epoll}}}
	for x := range m.pair.sockets {
		m.pair.sockets[x].fd = ends[x]
	}
	return m, nil
}

// Close closes what NewMasks has opened.
func (m *Masks) Close() {
	for x := range m.pair.sockets {
		m.pair.sockets[x].close()
	}
	_ = syscall.Close(m.pair.loop.fd)
}

// State is what a mask depends on, for each of the two.
type State struct{ Silent, Gone, Ended, Pending [2]bool }

// Tell has the pair tell epoll of a state.
func (m *Masks) Tell(s State, lingering bool) error {
	p := &m.pair
	p.lingering = lingering
	for x := range p.sockets {
		p.parties[x].silent, p.parties[x].gone, p.sockets[x].ended = s.Silent[x], s.Gone[x], s.Ended[x]
		p.sockets[x].pending = nil
		if s.Pending[x] {
			p.sockets[x].pending = []byte("x")
		}
	}
	p.hold()
	for x := range p.sockets {
		p.remask(x)
	}
	if p.buried {
		return fmt.Errorf("the kernel refuses: %s", p.closure.Detail)
	}
	return nil
}

// Told is what the kernel reports of a socket besides errors: "in", "out", "in out" or
// "-"; empty for one that it was not told of.
func (m *Masks) Told(x int) (string, error) {
	info, err := os.ReadFile(fmt.Sprintf("/proc/self/fdinfo/%d", m.pair.loop.fd))
	if err != nil {
		return "", err
	}
	for line := range strings.Lines(string(info)) {
		var fd int
		var events uint32
		if n, _ := fmt.Sscanf(line, "tfd: %d events: %x", &fd, &events); n == 2 && fd == m.pair.sockets[x].fd {
			return Mask(events&syscall.EPOLLIN != 0, events&syscall.EPOLLOUT != 0), nil
		}
	}
	return "", nil
}

// Mask is how Told says what is reported.
func Mask(in, out bool) string {
	switch {
	case in && out:
		return "in out"
	case in:
		return "in"
	case out:
		return "out"
	}
	return "-"
}
