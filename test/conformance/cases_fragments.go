// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package conformance

// sending is a way to write frames.
type sending struct {
	name string
	send func(...frame) []step
}

func ways() []sending {
	return []sending{
		{"in one write", atOnce},
		{"one write each", oneByOne},
		{"byte by byte", func(frames ...frame) []step { return chopped(1, frames...) }},
	}
}

func fragmentation() []Case {
	cases := []Case{
		broken("5.1", "a ping in two frames", protocolError(), nil, atOnce(frame{opPing, []byte("frag")}, last("ment"))),
		broken("5.2", "a pong in two frames", protocolError(), nil, atOnce(frame{opPong, []byte("frag")}, last("ment"))),
	}
	add := func(c Case) { cases = append(cases, c) }
	two := []frame{begun("fragment1"), last("fragment2")}
	between := []frame{begun("fragment1"), ping("between"), last("fragment2")}
	for i, way := range ways() {
		add(echoed([]string{"5.3", "5.4", "5.5"}[i], "a text in two frames, "+way.name, way.send(two...)))
		add(echoed([]string{"5.6", "5.7", "5.8"}[i], "a text in two frames with a ping between them, "+way.name, way.send(between...)))
		add(broken([]string{"5.9", "5.10", "5.11"}[i], "the last frame of a message that never began, then a text, "+way.name,
			protocolError(), nil, way.send(last("stray"), text("Hello, world!"))))
		add(broken([]string{"5.12", "5.13", "5.14"}[i], "a middle frame of a message that never began, then a text, "+way.name,
			protocolError(), nil, way.send(more("stray"), text("Hello, world!"))))
	}
	add(broken("5.15", "a text in two frames, a middle frame of no message, then a text", protocolError(),
		then(atOnce(two...), answered()), atOnce(more("stray"), text("Hello, world!"))))
	add(broken("5.16", "a middle frame of no message and a text in two frames, both twice", protocolError(), nil,
		atOnce(more("stray"), begun("fragment1"), last("fragment2"), more("stray"), begun("fragment1"), last("fragment2"))))
	add(broken("5.17", "the last frame of no message and a text in two frames, both twice", protocolError(), nil,
		atOnce(last("stray"), begun("fragment1"), last("fragment2"), last("stray"), begun("fragment1"), last("fragment2"))))
	add(broken("5.18", "a text in two frames, the second of which begins a text too", protocolError(), nil,
		atOnce(begun("fragment1"), text("fragment2"))))
	add(echoed("5.19", "a text in five frames, with a ping behind the second and the fourth",
		atOnce(begun("fragment1"), more("fragment2"), ping("pongme 1")), answered(),
		atOnce(more("fragment3"), more("fragment4"), ping("pongme 2"), last("fragment5"))))
	add(echoed("5.20", "the same, one write each",
		oneByOne(begun("fragment1"), more("fragment2"), ping("pongme 1")), answered(),
		oneByOne(more("fragment3"), more("fragment4"), ping("pongme 2"), last("fragment5"))))
	return cases
}

// cuts has a message as clients write it that cut everything at the same size.
func cuts() []Case {
	return []Case{echoed("10.1.1", "a text of 65536 bytes in frames of 1300", atOnce(fragments(opText, []byte(repeated("*", 65536)), 1300)...))}
}
