// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package conformance

import "fmt"

const anyDeflate = "permessage-deflate; client_max_window_bits"

// deflated is a case of a client that offers compression and then sends messages,
// compressed if the server has agreed, in frames of at most size bytes.
func deflated(name, does, offer string, size int, messages ...message) Case {
	want := wants{codes: []int{codeNormal}, messages: messages, agreed: true}
	return Case{Name: name, Does: does, offer: offer, wants: want, steps: []step{
		{messages: messages, size: size}, {answers: len(messages)}, {frames: []frame{closing(codeNormal, "")}},
	}}
}

// compression has messages of many kinds with the offer that browsers make.
func compression() []Case {
	var cases []Case
	for kind, name := range []string{"text", "binary message"} {
		for i, n := range []int{0, 16, 64, 256, kilo, 4 * kilo, 64 * kilo, mega} {
			m := message{kind: opText + byte(kind), data: payload(n)}
			cases = append(cases, deflated(fmt.Sprintf("12.%d.%d", kind+1, i+1), fmt.Sprintf("5 times a compressed %s of %d bytes", name, n), anyDeflate, mega, m, m, m, m, m))
		}
	}
	large := message{kind: opText, data: payload(64 * kilo)}
	cases = append(cases,
		deflated("12.3.1", "a compressed text of 64 KB in frames of 16 bytes", anyDeflate, 16, large),
		deflated("12.3.2", "compressed messages that have nothing in common", anyDeflate, mega, message{kind: opText, data: []byte("Hello, world!")}, message{kind: opBinary, data: []byte("\x00\xff\xfe")}, message{kind: opText}),
	)
	misused := func(name, does, offer string, frames ...frame) Case {
		// A server that sees nothing wrong must not wait for more.
		c := broken(name, does, protocolError(), nil, atOnce(append(frames, closing(codeNormal, ""))...))
		c.offer = offer
		return c
	}
	return append(cases,
		misused("12.4.1", "a compressed text although compression was not offered", "", text("\xf2\x48\xcd").with(rsv1)),
		misused("12.4.2", "a ping that claims to be compressed", anyDeflate, ping("\xf2\x48\xcd").with(rsv1)),
		misused("12.4.3", "a continuation that claims to be compressed", anyDeflate, begun("fragment1"), last("fragment2").with(rsv1)),
		misused("12.4.4", "a compressed text with RSV2", anyDeflate, text("\xf2\x48\xcd").with(rsv1|rsv2)),
	)
}

// offers has what clients may demand.
func offers() []Case {
	var cases []Case
	m := message{kind: opText, data: payload(4 * kilo)}
	for i, offer := range []string{
		"permessage-deflate",
		"permessage-deflate; client_no_context_takeover",
		"permessage-deflate; server_no_context_takeover",
		"permessage-deflate; server_no_context_takeover; client_no_context_takeover",
		"permessage-deflate; server_no_context_takeover, permessage-deflate",
		"x-unknown, permessage-deflate",
	} {
		cases = append(cases, deflated(fmt.Sprintf("13.%d", i+1), "5 times a compressed text of 4 KB; offered is `"+offer+"`", offer, mega, m, m, m, m, m))
	}
	return cases
}
