// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package frame_test

import (
	"bytes"
	"encoding/binary"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"
	"unsafe"

	"github.com/google/go-cmp/cmp"

	"github.com/wsgateway/websocket-gateway-operator/gateway/frame"
	"github.com/wsgateway/websocket-gateway-operator/gateway/outcome"
)

const (
	fin  = 0x80
	rsv1 = 0x40
	text = byte(frame.Text)
	bin  = byte(frame.Binary)
	clos = byte(frame.Close)
	ping = byte(frame.Ping)
	pong = byte(frame.Pong)
)

// masked writes a frame as a client does.
func masked(first byte, payload []byte) []byte {
	key := [4]byte{0xa1, 0xb2, 0xc3, 0xd4}
	out := append(header(first, 0x80, len(payload)), key[:]...)
	for i, b := range payload {
		out = append(out, b^key[i%4])
	}
	return out
}

// plain writes a frame as a server does.
func plain(first byte, payload []byte) []byte {
	return append(header(first, 0, len(payload)), payload...)
}

func header(first, mask byte, size int) []byte {
	switch {
	case size < 126:
		return []byte{first, mask | byte(size)}
	case size < 1<<16:
		return binary.BigEndian.AppendUint16([]byte{first, mask | 126}, uint16(size))
	default:
		return binary.BigEndian.AppendUint64([]byte{first, mask | 127}, uint64(size))
	}
}

// walk gives a stream to a walker in pieces of these sizes, over and over, and
// checks on the way what a relay relies on. Without sizes it is one piece.
func walk(t testing.TB, stream []byte, rules frame.Rules, sizes ...int) verdict {
	t.Helper()
	var (
		w         frame.Walker
		got       verdict
		forwarded []byte
		at, piece int
	)
	before := bytes.Clone(stream)
	for first := true; first || at < len(stream); first = false {
		size := len(stream) - at
		if len(sizes) > 0 {
			size = min(size, sizes[piece%len(sizes)])
		}
		piece++
		p := stream[at : at+size]
		out := append(bytes.Clone(w.Held()), p...)
		done := 0
		for {
			n, event := w.Next(p[done:], &rules)
			if n < 0 || n > len(p)-done {
				t.Fatalf("took %d of %d bytes", n, len(p)-done)
			}
			done += n
			if event == frame.More {
				break
			}
			one := seen{at: at + done, event: event, fault: w.Fault()}
			if event != frame.Broken {
				one.opcode, one.final, one.length, one.key = w.Opcode(), w.Final(), w.Length(), w.Key()
				one.header, one.message, one.inMessage = w.HeaderSize(), w.Message(), w.InMessage()
			}
			got.seen = append(got.seen, one)
			if event == frame.Broken {
				break
			}
			if inFrame := event == frame.Began; inFrame != w.InFrame() {
				t.Fatalf("in a frame: %v after %v", w.InFrame(), event)
			}
		}
		if w.Fault() == frame.NoFault && done != len(p) {
			t.Fatalf("%d of %d bytes were not read", len(p)-done, len(p))
		}
		// A piece without its last bytes, which are held, goes on.
		whole := out[:len(out)-(len(p)-done)]
		if !bytes.HasSuffix(whole, w.Held()) {
			t.Fatalf("holds %x of %x", w.Held(), whole)
		}
		forwarded = append(forwarded, whole[:len(whole)-len(w.Held())]...)
		at += size
		if w.Fault() != frame.NoFault {
			if n, event := w.Next([]byte("any"), &rules); n != 0 || event != frame.Broken {
				t.Fatalf("goes on after a fault: %d, %v", n, event)
			}
			break
		}
	}
	if !bytes.Equal(before, stream) {
		t.Fatal("the stream was changed")
	}
	if !bytes.HasPrefix(stream, forwarded) {
		t.Fatal("what is forwarded is not what came")
	}
	got.forwarded = len(forwarded)
	return got
}

func compare(t testing.TB, want, got verdict) {
	t.Helper()
	if !reflect.DeepEqual(want, got) {
		t.Fatal(cmp.Diff(want, got, cmp.AllowUnexported(verdict{}, seen{})))
	}
}

func TestStreamsInOrderAreFollowedToTheirEnd(t *testing.T) {
	for name, test := range map[string]struct {
		stream     [][]byte
		compressed bool
		messages   []uint64
	}{
		"an empty message":                      {stream: [][]byte{masked(fin|text, nil)}, messages: []uint64{0}},
		"sizes about those of the encodings":    {stream: [][]byte{masked(fin|bin, make([]byte, 125)), masked(fin|bin, make([]byte, 126)), masked(fin|bin, make([]byte, 65535)), masked(fin|bin, make([]byte, 65536))}, messages: []uint64{125, 126, 65535, 65536}},
		"fragments":                             {stream: [][]byte{masked(text, []byte("ab")), masked(0, nil), masked(0, []byte("c")), masked(fin, []byte("d"))}, messages: []uint64{4}},
		"control frames inside a message":       {stream: [][]byte{masked(text, []byte("ab")), masked(fin|ping, []byte("p")), masked(fin|pong, nil), masked(fin, []byte("c"))}, messages: []uint64{3}},
		"a compressed message in fragments":     {stream: [][]byte{masked(rsv1|text, []byte("ab")), masked(fin, []byte("c"))}, compressed: true, messages: []uint64{3}},
		"the longest control frames":            {stream: [][]byte{masked(fin|ping, make([]byte, 125)), masked(fin|clos, make([]byte, 125))}},
		"messages after one in fragments":       {stream: [][]byte{masked(bin, []byte("ab")), masked(fin, []byte("c")), masked(fin|text, []byte("z"))}, messages: []uint64{3, 1}},
		"a message that ends with an empty one": {stream: [][]byte{masked(bin, []byte("ab")), masked(fin, nil)}, messages: []uint64{2}},
	} {
		t.Run(name, func(t *testing.T) {
			stream := bytes.Join(test.stream, nil)
			rules := frame.Rules{Masked: true, Compression: test.compressed}
			got := walk(t, stream, rules)
			compare(t, reference(stream, rules), got)
			var messages []uint64
			for _, s := range got.seen {
				if s.event == frame.Ended && !s.opcode.Control() && s.final {
					messages = append(messages, s.message)
				}
			}
			if diff := cmp.Diff(test.messages, messages); diff != "" || got.forwarded != len(stream) || len(got.seen) != 2*len(test.stream) {
				t.Errorf("forwarded %d of %d bytes, %d events, messages: %s", got.forwarded, len(stream), len(got.seen), diff)
			}
		})
	}
}

func TestBrokenRulesAreFoundInTheHeader(t *testing.T) {
	limited := frame.Rules{Masked: true, MaxFrame: 1000, MaxMessage: 1500, MaxFragments: 3}
	open, half := masked(text, []byte("x")), masked(bin, make([]byte, 900))
	for name, test := range map[string]struct {
		before, header []byte
		rules          frame.Rules
		fault          frame.Fault
		reason         outcome.Reason
	}{
		"RSV1":                           {nil, []byte{fin | rsv1 | text}, limited, frame.ReservedBit, outcome.ProtocolError},
		"RSV2":                           {nil, []byte{fin | 0x20 | text}, limited, frame.ReservedBit, outcome.ProtocolError},
		"RSV3":                           {nil, []byte{fin | 0x10 | text}, limited, frame.ReservedBit, outcome.ProtocolError},
		"RSV2 beside compression":        {nil, []byte{fin | 0x60 | text}, frame.Rules{Masked: true, Compression: true}, frame.ReservedBit, outcome.ProtocolError},
		"RSV1 in a continuation":         {masked(rsv1|text, nil), []byte{fin | rsv1}, frame.Rules{Masked: true, Compression: true}, frame.ReservedBit, outcome.ProtocolError},
		"RSV1 in a control frame":        {nil, []byte{fin | rsv1 | ping}, frame.Rules{Masked: true, Compression: true}, frame.ReservedBit, outcome.ProtocolError},
		"opcode 3":                       {nil, []byte{fin | 3}, limited, frame.ReservedOpcode, outcome.ProtocolError},
		"opcode 7":                       {nil, []byte{fin | 7}, limited, frame.ReservedOpcode, outcome.ProtocolError},
		"opcode 11":                      {nil, []byte{fin | 11}, limited, frame.ReservedOpcode, outcome.ProtocolError},
		"opcode 15":                      {nil, []byte{fin | 15}, limited, frame.ReservedOpcode, outcome.ProtocolError},
		"a ping in fragments":            {nil, []byte{ping}, limited, frame.FragmentedControl, outcome.ProtocolError},
		"a Close frame in fragments":     {nil, []byte{clos}, limited, frame.FragmentedControl, outcome.ProtocolError},
		"a ping of 126 bytes":            {nil, []byte{fin | ping, 0x80 | 126}, limited, frame.LongControl, outcome.ProtocolError},
		"a continuation of nothing":      {nil, []byte{fin}, limited, frame.StrayContinuation, outcome.ProtocolError},
		"a continuation after the end":   {masked(fin|text, nil), []byte{0}, limited, frame.StrayContinuation, outcome.ProtocolError},
		"a message inside a message":     {open, []byte{fin | text}, limited, frame.NestedMessage, outcome.ProtocolError},
		"another behind a ping":          {append(open, masked(fin|ping, nil)...), []byte{bin}, limited, frame.NestedMessage, outcome.ProtocolError},
		"a client without a mask":        {nil, []byte{fin | text, 1}, limited, frame.MissingMask, outcome.ProtocolError},
		"a server with a mask":           {nil, []byte{fin | text, 0x81}, frame.Rules{}, frame.UnexpectedMask, outcome.ProtocolError},
		"125 in two bytes":               {nil, []byte{fin | text, 0x80 | 126, 0, 125}, limited, frame.WastefulLength, outcome.ProtocolError},
		"65535 in eight bytes":           {nil, []byte{fin | text, 0x80 | 127, 0, 0, 0, 0, 0, 0, 0xff, 0xff}, limited, frame.WastefulLength, outcome.ProtocolError},
		"a length with the top bit":      {nil, []byte{fin | text, 0x80 | 127, 0x80, 0, 0, 0, 0, 0, 0, 0}, frame.Rules{Masked: true}, frame.ImpossibleLength, outcome.ProtocolError},
		"a frame above the limit":        {nil, header(fin|bin, 0x80, 1001), limited, frame.FrameTooBig, outcome.MessageTooBig},
		"a message above the limit":      {half, header(fin, 0x80, 601), limited, frame.MessageTooBig, outcome.MessageTooBig},
		"the same without a frame limit": {nil, header(fin|bin, 0x80, 1501), frame.Rules{Masked: true, MaxMessage: 1500}, frame.MessageTooBig, outcome.MessageTooBig},
		"a fourth fragment":              {bytes.Join([][]byte{open, masked(0, nil), masked(0, nil)}, nil), []byte{0, 0x80}, limited, frame.TooManyFragments, outcome.TooManyFragments},
		"text where there may be none":   {masked(fin|bin, nil), []byte{fin | text}, frame.Rules{Masked: true, NoText: true}, frame.UnwantedType, outcome.UnwantedType},
		"bytes where there may be none":  {masked(fin|text, nil), []byte{bin}, frame.Rules{Masked: true, NoBinary: true}, frame.UnwantedType, outcome.UnwantedType},
	} {
		t.Run(name, func(t *testing.T) {
			// What follows must not matter, nor must that nothing does.
			for _, behind := range []string{"", "0123456789abcdef"} {
				stream := slices.Concat(test.before, test.header, []byte(behind))
				got := walk(t, stream, test.rules)
				last := got.seen[len(got.seen)-1]
				if last.event != frame.Broken || last.fault != test.fault || last.at != len(test.before)+len(test.header) {
					t.Errorf("%v at %d, want %v at %d", last.fault, last.at, test.fault, len(test.before)+len(test.header))
				}
				if got.forwarded != len(test.before) {
					t.Errorf("%d bytes were let through, want %d", got.forwarded, len(test.before))
				}
				compare(t, reference(stream, test.rules), got)
			}
			if test.fault.Reason() != test.reason {
				t.Errorf("reason %s, want %s", test.fault.Reason(), test.reason)
			}
		})
	}
}

func TestLimitsAreInclusiveAndStartAgainWithEachMessage(t *testing.T) {
	rules := frame.Rules{Masked: true, MaxFrame: 1000, MaxMessage: 1500, MaxFragments: 3}
	message := bytes.Join([][]byte{masked(bin, make([]byte, 1000)), masked(0, make([]byte, 500)), masked(fin|ping, make([]byte, 125)), masked(fin, nil)}, nil)
	stream := bytes.Repeat(message, 3)
	if got := walk(t, stream, rules); got.forwarded != len(stream) {
		t.Errorf("%v", got.seen[len(got.seen)-1].fault)
	}
}

func TestNoLimitsMeansNone(t *testing.T) {
	var w frame.Walker
	rules := frame.Rules{}
	if _, event := w.Next([]byte{bin, 127, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}, &rules); event != frame.Began || w.Length() != 1<<63-1 {
		t.Errorf("event %v, length %d", event, w.Length())
	}
}

// frames is a random stream of frames in order.
func frames(random *rand.Rand, mask bool) []byte {
	write := plain
	if mask {
		write = masked
	}
	var stream []byte
	for range 30 {
		size := []int{0, 1, 2, 3, 7, 124, 125, 126, 300}[random.IntN(9)]
		payload := bytes.Repeat([]byte{byte(random.Uint32())}, size)
		parts := random.IntN(4)
		kind := []byte{text, bin}[random.IntN(2)]
		for range parts {
			stream = append(stream, write(kind, payload)...)
			kind = 0
			if random.IntN(2) == 0 {
				stream = append(stream, write(fin|[]byte{ping, pong}[random.IntN(2)], payload[:min(size, 125)])...)
			}
		}
		stream = append(stream, write(fin|kind, payload)...)
	}
	return stream
}

func TestVerdictDoesNotDependOnHowAStreamIsCut(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for i := range 300 {
		rules := frame.Rules{Masked: i%2 == 0, MaxFrame: 300, MaxMessage: 1200, MaxFragments: 4}
		stream := frames(random, rules.Masked)
		if i%3 == 0 { // most of these break a rule somewhere
			stream[random.IntN(len(stream))] ^= 1 << random.IntN(8)
		}
		want := reference(stream, rules)
		compare(t, want, walk(t, stream, rules))
		compare(t, want, walk(t, stream, rules, 1))
		compare(t, want, walk(t, stream, rules, 1+random.IntN(20), 1+random.IntN(20), 1+random.IntN(3)))
	}
}

func TestWalkerIsSmallAndHasNoPointers(t *testing.T) {
	if size := unsafe.Sizeof(frame.Walker{}); size > 40 {
		t.Errorf("%d bytes", size)
	}
	for field := range reflect.TypeFor[frame.Walker]().Fields() {
		kind := field.Type.Kind()
		if kind == reflect.Array {
			kind = field.Type.Elem().Kind()
		}
		switch kind {
		case reflect.Uint8, reflect.Uint32, reflect.Uint64:
		default:
			t.Errorf("field %s is a %v, which may hold a pointer", field.Name, kind)
		}
	}
}

func TestNothingIsAllocated(t *testing.T) {
	stream := frames(rand.New(rand.NewPCG(3, 4)), true)
	rules := frame.Rules{Masked: true}
	buffer := make([]byte, 0, frame.MaxControlFrame)
	if allocations := testing.AllocsPerRun(100, func() {
		var w frame.Walker
		for p := stream; ; {
			n, event := w.Next(p, &rules)
			if p = p[n:]; event == frame.More {
				break
			}
			_ = w.Held()
			_ = w.Key()
		}
		var collected frame.Payload
		collected.Add(stream[:20], [4]byte{})
		_ = frame.AppendClose(buffer, 1001, "going away", frame.Masking{Masked: true})
	}); allocations > 0 {
		t.Errorf("%v allocations", allocations)
	}
}

func BenchmarkWalk(b *testing.B) {
	for name, size := range map[string]int{"128B": 128, "16KiB": 16 << 10} {
		b.Run(name, func(b *testing.B) {
			stream := bytes.Repeat(masked(fin|bin, make([]byte, size)), 8)
			rules := frame.Rules{Masked: true, MaxMessage: 1 << 20, MaxFragments: 1000}
			var w frame.Walker
			b.ReportAllocs()
			frames := 0
			for b.Loop() {
				for p := stream; ; {
					n, event := w.Next(p, &rules)
					if p = p[n:]; event == frame.More {
						break
					}
					frames++
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(frames/2), "ns/frame")
		})
	}
}
