// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package conformance

import "fmt"

const (
	kilo = 1 << 10
	mega = 1 << 20
)

// sizes has what is long or much. The suite that the numbers are from goes up to
// 16 MB and thousands of messages, to measure speed; here it is about the limits of
// buffers, which are all far below.
func sizes() []Case {
	var cases []Case
	for kind, name := range []string{"text", "binary message"} {
		opcode := opText + byte(kind)
		add := func(group, number int, does string, steps []step) {
			cases = append(cases, echoed(fmt.Sprintf("9.%d.%d", group+kind, number), does, steps))
		}
		for i, n := range []int{64 * kilo, 256 * kilo, mega, 4 * mega} {
			add(1, i+1, fmt.Sprintf("a %s of %d KB", name, n/kilo), atOnce(frame{fin | opcode, payload(n)}))
		}
		for i, n := range []int{64, 256, kilo, 4 * kilo, 16 * kilo, 64 * kilo, 256 * kilo} {
			whole := min(mega, 4096*n)
			add(3, i+1, fmt.Sprintf("a %s of %d KB in frames of %d bytes", name, whole/kilo, n), atOnce(fragments(opcode, payload(whole), n)...))
		}
		for i, n := range []int{64, 128, 256, 512, kilo, 2 * kilo} {
			whole := 512 * n
			add(5, i+1, fmt.Sprintf("a %s of %d KB in pieces of %d bytes", name, whole/kilo, n), chopped(n, frame{fin | opcode, payload(whole)}))
		}
		for i, n := range []int{0, 16, 64, 256, kilo, 4 * kilo} {
			add(7, i+1, fmt.Sprintf("200 times a %s of %d bytes", name, n), atOnce(times(200, frame{fin | opcode, payload(n)})...))
		}
	}
	return cases
}

func payload(n int) []byte { return []byte(repeated("0123456789abcdef", (n+15)/16))[:n] }

func times(n int, f frame) []frame {
	frames := make([]frame, n)
	for i := range frames {
		frames[i] = f
	}
	return frames
}
