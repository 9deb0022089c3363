// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package conformance

import "fmt"

func closings() []Case {
	hello, bye := text("Hello, world!"), closing(codeNormal, "")
	cases := []Case{
		echoed("7.1.1", "a text, then a Close frame", atOnce(hello)),
		ended("7.1.2", "two Close frames", nil, atOnce(bye, bye)),
		ended("7.1.3", "a ping behind the Close frame", nil, atOnce(bye, ping("too late"))),
		ended("7.1.4", "a text behind the Close frame", nil, atOnce(bye, hello)),
		ended("7.1.5", "a Close frame inside a text", nil, atOnce(begun("fragment1"), bye, last("fragment2"))),
		ended("7.1.6", "a text of 256 KB, a short one, and a ping behind the Close frame",
			atOnce(text(repeated("BAsd7&jh23", 26214)), hello), atOnce(bye, ping("too late"))),
		ended("7.3.1", "a Close frame without payload", nil, atOnce(frame{first: fin | opClose}), CodeNone),
		broken("7.3.2", "a Close frame with half a code", protocolError(), nil, atOnce(frame{fin | opClose, []byte("a")})),
		ended("7.3.3", "a Close frame with a code alone", nil, atOnce(bye)),
		ended("7.3.4", "a Close frame with a code and a reason", nil, atOnce(closing(codeNormal, "Hello, world!"))),
		ended("7.3.5", "a Close frame with the longest reason there is", nil, atOnce(closing(codeNormal, repeated("*", maxControl-2)))),
		broken("7.3.6", "a Close frame with a reason that is too long", protocolError(), nil, atOnce(closing(codeNormal, repeated("*", maxControl-1)))),
		broken("7.5.1", "a Close frame with a reason that is not UTF-8", []int{codeText, codeProtocol}, nil, atOnce(closing(codeNormal, "Hello\xce\xba\xed\xa0\x80edited"))),
	}
	for i, code := range []int{1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 3999, 4000, 4999} {
		cases = append(cases, ended(fmt.Sprintf("7.7.%d", i+1), fmt.Sprintf("a Close frame with code %d", code), nil, atOnce(closing(code, "")), code))
	}
	for i, code := range []int{0, 999, 1004, CodeNone, 1006, 1015, 1016, 1100, 2000, 2999} {
		cases = append(cases, broken(fmt.Sprintf("7.9.%d", i+1), fmt.Sprintf("a Close frame with code %d, which nobody may send", code), protocolError(), nil, atOnce(closing(code, ""))))
	}
	for i, code := range []int{5000, 65535} {
		cases = append(cases, broken(fmt.Sprintf("7.13.%d", i+1), fmt.Sprintf("a Close frame with code %d, which has no meaning", code), protocolError(), nil, atOnce(closing(code, ""))))
	}
	return cases
}

// ended is a case of a client that closes in its last step: what came before has to
// be answered, what is behind the Close frame must not be. codes are those of the
// answer besides 1000.
func ended(name, does string, before, end []step, codes ...int) Case {
	want := wants{codes: append([]int{codeNormal}, codes...)}
	want.messages, want.pongs = replies(before)
	return Case{Name: name, Does: does, steps: then(before, end), wants: want}
}
