// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package conformance

import (
	"fmt"
	"unicode/utf8"
)

// greek is a word with characters of two and three bytes.
const greek = "\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5"

func texts() []Case {
	var all []byte
	for r := range utf8.MaxRune + 1 {
		if r%0x1111 == 0 && utf8.ValidRune(r) {
			all = utf8.AppendRune(all, r)
		}
	}
	whole := "Hello-µ@ßöäüàá-UTF-8!!"
	cases := []Case{
		echoed("6.1.1", "a text without payload", atOnce(text(""))),
		echoed("6.1.2", "a text in three frames without payload", atOnce(begun(""), more(""), last(""))),
		echoed("6.1.3", "a text in three frames, of which only the second has payload", atOnce(begun(""), more("middle frame payload"), last(""))),
		echoed("6.2.1", "a text with characters of two bytes", atOnce(text(whole))),
		echoed("6.2.2", "the same in two frames, cut between characters", atOnce(begun("Hello-µ@ßöä"), last("üàá-UTF-8!!"))),
		echoed("6.2.3", "the same in frames of one byte", atOnce(fragments(opText, []byte(whole), 1)...)),
		echoed("6.2.4", "a Greek word in frames of one byte", atOnce(fragments(opText, []byte(greek), 1)...)),
		echoed("6.2.5", "characters of all lengths in frames of three bytes", atOnce(fragments(opText, all, 3)...)),
	}
	return append(append(append(cases, garbled()...), sequences()...), noncharacters()...)
}

// garbled has texts in several frames that stop to be UTF-8 before their end. Whoever
// looks at the text while it comes ends the connection there, and does not get to
// the ping behind; whoever looks at the whole text ends it later, which is legal.
func garbled() []Case {
	const surrogate = "\xed\xa0\x80"
	late := func(name, does string, steps ...[]step) Case {
		const probe = "probe"
		want := wants{codes: []int{codeText}}
		slow := want
		slow.pongs = [][]byte{[]byte(probe)}
		want.late = &slow
		return Case{Name: name, Does: does, steps: then(append(steps, atOnce(ping(probe), last("edited")))...), wants: want}
	}
	return []Case{
		broken("6.3.1", "half of a surrogate pair, inside a text", []int{codeText}, nil, atOnce(text(greek+surrogate+"edited"))),
		broken("6.3.2", "the same in frames of one byte", []int{codeText}, nil, atOnce(fragments(opText, []byte(greek+surrogate+"edited"), 1)...)),
		late("6.4.1", "a text in three frames, the second beyond the last code point", atOnce(begun(greek), more("\xf4\x90\x80\x80"))),
		late("6.4.2", "the same, with the character cut in two", atOnce(begun(greek+"\xf4"), more("\x90"))),
		late("6.4.3", "the same, one write each", oneByOne(begun(greek), more("\xf4\x90\x80\x80"))),
		late("6.4.4", "the same, byte by byte", chopped(1, begun(greek), more("\xf4\x90\x80\x80"))),
	}
}

// sequences are the byte sequences that a decoder has to know apart, good and bad.
func sequences() []Case {
	groups := []struct {
		number int
		about  string
		texts  []string
	}{
		{5, "a short text that grows", []string{"\xce\xba", greek[:5], greek[:7], greek[:9], greek}},
		{6, "a text that ends inside a character", []string{"\xce", "\xce\xba\xe1", "\xce\xba\xe1\xbd", greek[:6], greek[:8], greek[:10]}},
		{7, "the first of each length", []string{"\x00", "\xc2\x80", "\xe0\xa0\x80", "\xf0\x90\x80\x80"}},
		{8, "the first of five and six bytes, which are no characters", []string{"\xf8\x88\x80\x80\x80", "\xfc\x84\x80\x80\x80\x80"}},
		{9, "the last of each length", []string{"\x7f", "\xdf\xbf", "\xef\xbf\xbf", "\xf4\x8f\xbf\xbf"}},
		{10, "the last of longer ones, which are no characters", []string{"\xf7\xbf\xbf\xbf", "\xfb\xbf\xbf\xbf\xbf", "\xfd\xbf\xbf\xbf\xbf\xbf"}},
		{11, "the edges of what is allowed", []string{"\xed\x9f\xbf", "\xee\x80\x80", "\xef\xbf\xbd", "\xf4\x8f\xbf\xbf", "\xf4\x90\x80\x80"}},
		{12, "continuation bytes alone", []string{"\x80", "\xbf", "\x80\xbf", "\x80\xbf\x80", "\x80\xbf\x80\xbf", "\x80\xbf\x80\xbf\x80", "\x80\xbf\x80\xbf\x80\xbf"}},
		{13, "first bytes without what should follow", []string{lonely(0xc0, 0xdf), lonely(0xe0, 0xef), lonely(0xf0, 0xf7), lonely(0xf8, 0xfb), lonely(0xfc, 0xfd)}},
		{14, "characters without their last byte", []string{"\xc0", "\xe0\x80", "\xf0\x80\x80", "\xf8\x80\x80\x80", "\xfc\x80\x80\x80\x80", "\xdf", "\xef\xbf", "\xf7\xbf\xbf", "\xfb\xbf\xbf\xbf", "\xfd\xbf\xbf\xbf\xbf"}},
		{15, "those one behind the other", []string{"\xc0\xe0\x80\xf0\x80\x80\xf8\x80\x80\x80\xfc\x80\x80\x80\x80\xdf\xef\xbf\xf7\xbf\xbf\xfb\xbf\xbf\xbf\xfd\xbf\xbf\xbf\xbf"}},
		{16, "bytes that are in no text", []string{"\xfe", "\xff", "\xfe\xfe\xff\xff"}},
		{17, "a slash in more bytes than it needs", []string{"\xc0\xaf", "\xe0\x80\xaf", "\xf0\x80\x80\xaf", "\xf8\x80\x80\x80\xaf", "\xfc\x80\x80\x80\x80\xaf"}},
		{18, "the largest in more bytes than it needs", []string{"\xc1\xbf", "\xe0\x9f\xbf", "\xf0\x8f\xbf\xbf", "\xf8\x87\xbf\xbf\xbf", "\xfc\x83\xbf\xbf\xbf\xbf"}},
		{19, "zero in more bytes than it needs", []string{"\xc0\x80", "\xe0\x80\x80", "\xf0\x80\x80\x80", "\xf8\x80\x80\x80\x80", "\xfc\x80\x80\x80\x80\x80"}},
		{20, "halves of surrogate pairs", []string{"\xed\xa0\x80", "\xed\xad\xbf", "\xed\xae\x80", "\xed\xaf\xbf", "\xed\xb0\x80", "\xed\xbe\x80", "\xed\xbf\xbf"}},
		{21, "surrogate pairs", []string{"\xed\xa0\x80\xed\xb0\x80", "\xed\xa0\x80\xed\xbf\xbf", "\xed\xad\xbf\xed\xb0\x80", "\xed\xad\xbf\xed\xbf\xbf", "\xed\xae\x80\xed\xb0\x80", "\xed\xae\x80\xed\xbf\xbf", "\xed\xaf\xbf\xed\xb0\x80", "\xed\xaf\xbf\xed\xbf\xbf"}},
	}
	var cases []Case
	for _, group := range groups {
		for i, s := range group.texts {
			cases = append(cases, judged(fmt.Sprintf("6.%d.%d", group.number, i+1), fmt.Sprintf("%s: %s", group.about, inHex(s)), s))
		}
	}
	return cases
}

// noncharacters are code points that Unicode gives no meaning to. Texts may have them.
func noncharacters() []Case {
	var cases []Case
	for plane := range rune(17) {
		for low := range rune(2) {
			s := string(plane<<16 | 0xfffe | low)
			cases = append(cases, judged(fmt.Sprintf("6.22.%d", 2*plane+low+1), "a code point without meaning: "+inHex(s), s))
		}
	}
	for i, s := range []string{"\ufffc", "\ufffd"} {
		cases = append(cases, judged(fmt.Sprintf("6.23.%d", i+1), "a code point with a special meaning: "+inHex(s), s))
	}
	return cases
}

// judged is a text that has to come back if it is UTF-8, and else end the connection.
func judged(name, does, s string) Case {
	if utf8.ValidString(s) {
		return echoed(name, does, atOnce(text(s)))
	}
	return broken(name, does, []int{codeText}, nil, atOnce(text(s)))
}

// lonely has each byte of a range, with a space behind it.
func lonely(from, to byte) string {
	var s []byte
	for b := from; b <= to; b++ {
		s = append(s, b, ' ')
	}
	return string(s)
}

func inHex(s string) string {
	const most = 8
	if len(s) > most {
		return fmt.Sprintf("% x ...", s[:most])
	}
	return fmt.Sprintf("% x", s)
}
