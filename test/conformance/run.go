// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package conformance

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"time"
)

// Target is a server to try.
type Target struct {
	// Dial connects to it, with TLS where it wants that.
	Dial func(ctx context.Context) (net.Conn, error)
	// Host and Path of the handshake.
	Host, Path string
}

const (
	// patience bounds one conversation on a busy machine. A server that has not
	// ended it by then never would.
	patience = 2 * time.Minute
	// mostPayload bounds what a server may send in one message, in bytes.
	mostPayload = 32 << 20
)

var errTooLong = errors.New("more than was ever sent")

// errRefused is the error of a handshake that was answered, but not with 101.
var errRefused = errors.New("handshake refused")

// Run holds the conversation of a case and returns the answer. The error is one of
// the handshake, or that the server does not end the connection.
func (c *Case) Run(ctx context.Context, target Target) (*Answer, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	conn, err := target.Dial(ctx)
	if err != nil {
		return nil, fmt.Errorf("case %s: connect: %w", c.Name, err)
	}
	defer func() { _ = conn.Close() }()
	deadline, _ := ctx.Deadline()
	if err := conn.SetDeadline(deadline); err != nil {
		return nil, fmt.Errorf("case %s: set deadline: %w", c.Name, err)
	}
	reader, extensions, err := target.open(conn, c.offer)
	if err != nil {
		return nil, fmt.Errorf("case %s: handshake: %w", c.Name, err)
	}
	t := talk{conn: conn, reader: reader, change: make(chan struct{})}
	if t.compression, err = agree(extensions, c.offer); err != nil {
		return &Answer{fault: err}, nil
	}
	t.answer.agreed = t.compression != nil
	var writing sync.WaitGroup
	writing.Go(func() { t.speak(c.steps) })
	t.listen()
	// Whoever still writes speaks to nobody.
	_ = conn.Close()
	writing.Wait()
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("case %s: the server does not end the connection: %w", c.Name, err)
	}
	return &t.answer, nil
}

// open does the handshake of a client and returns what the server says of
// extensions. What it says next must be read from the reader.
func (target Target) open(conn net.Conn, offer string) (reader *bufio.Reader, extensions []string, err error) {
	const head = "GET %s HTTP/1.1\r\nHost: %s\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
	fields := ""
	if offer != "" {
		fields = "Sec-WebSocket-Extensions: " + offer + "\r\n"
	}
	if _, err := fmt.Fprintf(conn, head+"%s\r\n", target.Path, target.Host, fields); err != nil {
		return nil, nil, fmt.Errorf("send the request: %w", err)
	}
	reader = bufio.NewReader(conn)
	response, err := http.ReadResponse(reader, nil)
	if err != nil {
		return nil, nil, fmt.Errorf("read the answer: %w", err)
	}
	// The body of a 101 is empty: what follows are frames.
	_ = response.Body.Close()
	if response.StatusCode != http.StatusSwitchingProtocols {
		return nil, nil, fmt.Errorf("%w with status %d", errRefused, response.StatusCode)
	}
	return reader, response.Header.Values("Sec-WebSocket-Extensions"), nil
}

// talk is a conversation: one goroutine speaks, another listens.
type talk struct {
	conn   net.Conn
	reader *bufio.Reader
	// compression is nil where none was agreed upon. One goroutine compresses,
	// another decompresses.
	compression *deflation

	// turn is for writing.
	turn sync.Mutex
	// said is true once a Close frame was sent.
	said bool

	// mu guards the rest. change is closed and made anew with each answer.
	mu     sync.Mutex
	change chan struct{}
	over   bool
	answer Answer
}

// speak does the steps. That a server which was told nonsense no longer takes more
// is no error.
func (t *talk) speak(steps []step) {
	for _, s := range steps {
		t.await(s.answers)
		t.send(append(t.pack(s.messages, s.size), s.frames...), s.chop)
	}
}

// pack makes frames of messages.
func (t *talk) pack(messages []message, size int) []frame {
	var frames []frame
	for _, m := range messages {
		first := m.kind
		if t.compression != nil {
			first, m.data = first|rsv1, t.compression.deflate(m.data)
		}
		frames = append(frames, fragments(first, m.data, size)...)
	}
	return frames
}

// send writes frames, in pieces.
func (t *talk) send(frames []frame, chop int) {
	var data []byte
	closes := false
	for _, f := range frames {
		data = f.encode(data)
		closes = closes || f.first&opcodeBits == opClose
	}
	if chop == 0 {
		chop = len(data)
	}
	t.turn.Lock()
	defer t.turn.Unlock()
	t.said = t.said || closes
	for len(data) > 0 {
		n, err := t.conn.Write(data[:min(chop, len(data))])
		if err != nil {
			return
		}
		data = data[n:]
	}
}

// await waits for so many messages and pongs, or for the end.
func (t *talk) await(answers int) {
	for {
		t.mu.Lock()
		enough := t.over || len(t.answer.messages)+len(t.answer.pongs) >= answers
		change := t.change
		t.mu.Unlock()
		if enough {
			return
		}
		<-change
	}
}

func (t *talk) note(do func(*Answer)) {
	t.mu.Lock()
	defer t.mu.Unlock()
	do(&t.answer)
	close(t.change)
	t.change = make(chan struct{})
}

// listen reads until the connection ends, as a client does that answers a Close
// frame and leaves it to the server to close the connection (RFC 6455 section 7.1.1).
func (t *talk) listen() {
	defer t.note(func(*Answer) { t.over = true })
	var open *message
	for {
		f, err := readFrame(t.reader, t.compression != nil)
		if err != nil {
			// However the connection ends behind a Close frame, the frame has come.
			// Before one it makes the verdict that there was none.
			if errors.Is(err, errFrame) || errors.Is(err, errTooLong) {
				t.note(func(a *Answer) { a.fault = err })
			}
			return
		}
		var fault error
		open, fault = t.take(f, open)
		if fault != nil {
			t.note(func(a *Answer) { a.fault = fault })
			return
		}
	}
}

// take notes what a frame of the server is. open is the message that is under way.
func (t *talk) take(f frame, open *message) (*message, error) {
	opcode := f.first & opcodeBits
	t.mu.Lock()
	closed := t.answer.code != 0
	t.mu.Unlock()
	switch {
	case closed:
		return nil, fmt.Errorf("%w behind the Close frame", errFrame)
	case opcode == opPing:
		t.send([]frame{pong(string(f.payload))}, 0)
		return open, nil
	case opcode == opPong:
		t.note(func(a *Answer) { a.pongs = append(a.pongs, f.payload) })
		return open, nil
	case opcode == opClose:
		t.closed(f.payload)
		return nil, nil
	case opcode == opContinuation && open == nil, opcode != opContinuation && open != nil:
		return nil, fmt.Errorf("%w: fragments out of order", errFrame)
	case open == nil:
		open = &message{kind: opcode, packed: f.first&rsv1 != 0}
	}
	return t.collect(f, open)
}

// collect adds a frame to the message that is under way.
func (t *talk) collect(f frame, open *message) (*message, error) {
	open.data = append(open.data, f.payload...)
	switch {
	case len(open.data) > mostPayload:
		return nil, errTooLong
	case f.first&fin == 0:
		return open, nil
	}
	if open.packed {
		var err error
		if open.data, err = t.compression.inflate(open.data); err != nil {
			return nil, err
		}
	}
	t.note(func(a *Answer) { a.messages = append(a.messages, *open) })
	return nil, nil
}

// closed notes a Close frame and answers it, unless it is the answer itself.
func (t *talk) closed(payload []byte) {
	code, answer := CodeNone, frame{first: fin | opClose}
	if len(payload) >= 2 {
		code = int(binary.BigEndian.Uint16(payload))
		answer = closing(code, "")
	}
	t.note(func(a *Answer) { a.code = code })
	t.turn.Lock()
	said := t.said
	t.turn.Unlock()
	if !said {
		t.send([]frame{answer}, 0)
	}
}

var errFrame = errors.New("the server's frame is against the rules")

// readFrame reads a frame of a server strictly. Where compression was agreed upon the
// first frame of a message may be compressed.
func readFrame(r io.Reader, compression bool) (frame, error) {
	var head [2]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return frame{}, err //nolint:wrapcheck // the end of the connection
	}
	length, err := readLength(r, head[1])
	if err != nil {
		return frame{}, err
	}
	f := frame{first: head[0]}
	opcode := f.first & opcodeBits
	forbidden := rsv1 | rsv2 | rsv3
	if compression && (opcode == opText || opcode == opBinary) {
		forbidden &^= rsv1
	}
	switch control := opcode&controlBit != 0; {
	case f.first&forbidden != 0, head[1]&maskBit != 0,
		control && (f.first&fin == 0 || length > maxControl),
		opcode > opPong, opcode > opBinary && !control:
		return frame{}, errFrame
	case length > mostPayload:
		return frame{}, errTooLong
	}
	f.payload = make([]byte, length)
	_, err = io.ReadFull(r, f.payload)
	return f, err //nolint:wrapcheck // as above
}

func readLength(r io.Reader, second byte) (uint64, error) {
	short := uint64(second & lengthBits)
	size := map[uint64]int{follows16: 2, follows64: 8}[short]
	if size == 0 {
		return short, nil
	}
	var buffer [8]byte
	_, err := io.ReadFull(r, buffer[8-size:])
	return binary.BigEndian.Uint64(buffer[:]), err //nolint:wrapcheck // the end of the connection
}
