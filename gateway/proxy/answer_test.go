// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package proxy_test

import (
	"bufio"
	"bytes"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/wsgateway/websocket-gateway-operator/gateway/extension"
	"github.com/wsgateway/websocket-gateway-operator/gateway/outcome"
	"github.com/wsgateway/websocket-gateway-operator/gateway/proxy"
	"github.com/wsgateway/websocket-gateway-operator/test/wstest"
)

const (
	// sampleKey and sampleAccept are those of RFC 6455 section 1.3.
	sampleKey    = "dGhlIHNhbXBsZSBub25jZQ=="
	sampleAccept = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="

	goodAnswer = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {accept}\r\n"
)

func TestAnswersOfAnUpstreamThatAgrees(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		answer      string
		subprotocol string
	}{
		"as in the RFC":              {goodAnswer, ""},
		"with a subprotocol":         {goodAnswer + "Sec-WebSocket-Protocol: chat.v1\r\n", "chat.v1"},
		"in other spellings":         {"HTTP/1.1 101\r\nUPGRADE:WebSocket  \r\nconnection:\tkeep-alive , upgrade\r\nsec-websocket-accept:{accept}\r\n", ""},
		"with headers of its own":    {goodAnswer + "Server: x\r\nSet-Cookie: a=b\r\nSet-Cookie: c=d\r\nX-Empty:\r\n", ""},
		"with an odd reason and æ":   {strings.Replace(goodAnswer, "Switching Protocols", "Web Socket Protocol Handshäke", 1), ""},
		"with as much as is allowed": {goodAnswer + strings.Repeat("X: "+strings.Repeat("y", 150)+"\r\n", 90), ""},
	} {
		t.Run(name, func(t *testing.T) {
			upstream := wstest.Answering(t, test.answer+"\r\n"+string(plain(fin|text, []byte("hi"))))
			u, err := newPool(upstream.Address).Connect(t.Context(), proxy.Choice{Backends: toB}, proxy.Handshake{Target: "/", Host: "x", Subprotocols: []string{"chat.v2", "chat.v1"}})
			if err != nil {
				t.Fatal(err)
			}
			defer u.Release()
			if u.Subprotocol != test.subprotocol || u.Backend != "b" || u.Address != upstream.Address {
				t.Errorf("got %+v", u)
			}
			if f, err := readFrame(u.Conn); err != nil || string(f.payload) != "hi" {
				t.Errorf("first frame %v, %v", f, err)
			}
		})
	}
}

func TestAnswersThatMustNotBecomeATunnel(t *testing.T) {
	t.Parallel()
	const status = "HTTP/1.1 101 Switching Protocols\r\n"
	for name, answer := range map[string]string{
		"200":                            strings.Replace(goodAnswer, "101", "200", 1),
		"302":                            "HTTP/1.1 302 Found\r\nLocation: http://x/\r\nContent-Length: 0\r\n",
		"426":                            "HTTP/1.1 426 Upgrade Required\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n",
		"500 with a body":                "HTTP/1.1 500 x\r\nContent-Length: 3\r\n\r\nabc",
		"100 before the 101":             "HTTP/1.1 100 Continue\r\n\r\n" + goodAnswer,
		"103 before the 101":             "HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" + goodAnswer,
		"101 and nothing else":           status,
		"no Upgrade":                     strings.Replace(goodAnswer, "Upgrade: websocket\r\n", "", 1),
		"Upgrade to something else":      strings.Replace(goodAnswer, "websocket", "h2c", 1),
		"Upgrade to two things":          strings.Replace(goodAnswer, "websocket", "websocket, h2c", 1),
		"two Upgrade fields":             goodAnswer + "Upgrade: websocket\r\n",
		"no Connection":                  strings.Replace(goodAnswer, "Connection: Upgrade\r\n", "", 1),
		"Connection: close":              strings.Replace(goodAnswer, "Connection: Upgrade", "Connection: close", 1),
		"no accept":                      strings.Replace(goodAnswer, "Sec-WebSocket-Accept: {accept}\r\n", "", 1),
		"the accept of another key":      strings.Replace(goodAnswer, "{accept}", sampleAccept, 1),
		"the accept and more":            strings.Replace(goodAnswer, "{accept}", "{accept}, x", 1),
		"two accepts":                    goodAnswer + "Sec-WebSocket-Accept: {accept}\r\n",
		"Content-Length":                 goodAnswer + "Content-Length: 2\r\n",
		"Content-Length 0":               goodAnswer + "Content-Length: 0\r\n",
		"chunked":                        goodAnswer + "Transfer-Encoding: chunked\r\n",
		"a subprotocol nobody offered":   goodAnswer + "Sec-WebSocket-Protocol: chat.v3\r\n",
		"an offered one in another case": goodAnswer + "Sec-WebSocket-Protocol: CHAT.V1\r\n",
		"two subprotocols":               goodAnswer + "Sec-WebSocket-Protocol: chat.v1\r\nSec-WebSocket-Protocol: chat.v2\r\n",
		"a list of subprotocols":         goodAnswer + "Sec-WebSocket-Protocol: chat.v1, chat.v2\r\n",
		"an extension":                   goodAnswer + "Sec-WebSocket-Extensions: permessage-deflate\r\n",
		"an empty extension":             goodAnswer + "Sec-WebSocket-Extensions:\r\n",
		"HTTP/1.0":                       strings.Replace(goodAnswer, "HTTP/1.1", "HTTP/1.0", 1),
		"HTTP/2":                         strings.Replace(goodAnswer, "HTTP/1.1", "HTTP/2", 1),
		"a status of four digits":        strings.Replace(goodAnswer, "101", "1010", 1),
		"a signed status":                strings.Replace(goodAnswer, "101", "+101", 1),
		"two spaces before the status":   strings.Replace(goodAnswer, " 101", "  101", 1),
		"bare line feeds":                strings.ReplaceAll(goodAnswer, "\r\n", "\n") + "\n",
		"one bare line feed":             goodAnswer + "X: y\nZ: z\r\n",
		"a bare carriage return":         goodAnswer + "X: y\rZ: z\r\n",
		"a folded line":                  goodAnswer + "X: y\r\n z\r\n",
		"a space before the colon":       goodAnswer + "X : y\r\n",
		"a line without a colon":         goodAnswer + "X\r\n",
		"a field without a name":         goodAnswer + ": y\r\n",
		"NUL in a value":                 goodAnswer + "X: \x00\r\n",
		"too many fields":                goodAnswer + strings.Repeat("X: y\r\n", 100),
		"too large a head":               goodAnswer + "X: " + strings.Repeat("y", 16<<10) + "\r\n",
		"a head without end":             goodAnswer + strings.Repeat("X: "+strings.Repeat("y", 1000)+"\r\n", 1000),
		"something that is no HTTP":      "SSH-2.0-OpenSSH_9.2\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			upstream := wstest.Answering(t, answer+"\r\n")
			_, err := newPool(upstream.Address).Connect(t.Context(), proxy.Choice{Backends: toB}, proxy.Handshake{Target: "/", Host: "x", Subprotocols: []string{"chat.v2", "chat.v1"}})
			wantRefusal(t, err, outcome.UpstreamRefused)
		})
	}
}

func TestUpstreamThatHangsUpInsteadOfAnswering(t *testing.T) {
	t.Parallel()
	for name, answer := range map[string]string{"at once": "", "within the head": goodAnswer} {
		_, _, err := proxy.ReadAnswer([]byte(answer), sampleKey, &proxy.Handshake{}, false)
		if err == nil || !strings.Contains(err.Error(), "EOF") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestAnExtensionIsWhatBothHaveAgreedUpon(t *testing.T) {
	t.Parallel()
	offered := []extension.Extension{{Name: extension.Deflate, Parameters: []extension.Parameter{{Name: "client_max_window_bits"}}}}
	for name, test := range map[string]struct {
		fields, want string
		refused      bool
	}{
		"none":                       {fields: ""},
		"the one that was offered":   {fields: "Sec-WebSocket-Extensions: permessage-deflate;client_max_window_bits=10\r\n", want: "permessage-deflate; client_max_window_bits=10"},
		"another one":                {fields: "Sec-WebSocket-Extensions: permessage-bzip2\r\n", refused: true},
		"a parameter that fits none": {fields: "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits=16\r\n", refused: true},
		"in two fields":              {fields: "Sec-WebSocket-Extensions: permessage-deflate\r\nSec-WebSocket-Extensions: permessage-deflate\r\n", refused: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			upstream := wstest.Answering(t, goodAnswer+test.fields+"\r\n")
			u, err := newPool(upstream.Address).Connect(t.Context(), proxy.Choice{Backends: toB}, proxy.Handshake{Target: "/", Host: "x", Extensions: offered})
			if test.refused {
				wantRefusal(t, err, outcome.UpstreamRefused)
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			defer u.Release()
			if u.Extension != test.want {
				t.Errorf("agreed on %q, want %q", u.Extension, test.want)
			}
		})
	}
}

// FuzzAnswer holds: the parser never fails in another way than by an error; how
// the bytes were cut makes no difference; and what it lets through is what the
// standard library reads too, so that the two cannot disagree on where the
// frames begin.
func FuzzAnswer(f *testing.F) {
	good := strings.Replace(goodAnswer, "{accept}", sampleAccept, 1)
	for _, seed := range []string{
		good + "\r\n", good + "Sec-WebSocket-Protocol: a\r\n\r\nframes", good + "Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n", good + "Content-Length: 0\r\n\r\n", "HTTP/1.1 100 x\r\n\r\n" + good + "\r\n",
		strings.ReplaceAll(good, "\r\n", "\n") + "\n", good + " folded\r\n\r\n", "\r\n\r\n", "HTTP/1.1 101\r\n\r\n\r\n",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		offered := []string{"a", "b"}
		h := &proxy.Handshake{Subprotocols: offered, Extensions: []extension.Extension{{Name: extension.Deflate}}}
		subprotocol, rest, err := proxy.ReadAnswer(data, sampleKey, h, false)
		slowSubprotocol, slowRest, slowErr := proxy.ReadAnswer(data, sampleKey, h, true)
		if (err == nil) != (slowErr == nil) || subprotocol != slowSubprotocol {
			t.Fatalf("at once %q, %v; byte by byte %q, %v", subprotocol, err, slowSubprotocol, slowErr)
		}
		if err != nil {
			return
		}
		if len(slowRest) != 0 || !bytes.HasSuffix(data, rest) {
			t.Fatalf("rest %q of %q", rest, data)
		}
		reader := bufio.NewReader(bytes.NewReader(data))
		response, err := http.ReadResponse(reader, nil)
		if err != nil {
			t.Fatalf("let through what net/http refuses: %v", err)
		}
		_ = response.Body.Close()
		if response.StatusCode != http.StatusSwitchingProtocols || response.Header.Get("Sec-Websocket-Accept") != sampleAccept ||
			response.Header.Get("Sec-Websocket-Protocol") != subprotocol || (subprotocol != "" && !slices.Contains(offered, subprotocol)) {
			t.Fatalf("read differently: %+v, subprotocol %q", response, subprotocol)
		}
		// net/http reads the rest of a 101 as its body.
		if got, err := io.ReadAll(reader); err != nil || !bytes.Equal(got, rest) {
			t.Fatalf("frames begin elsewhere: %q, want %q (%v)", got, rest, err)
		}
	})
}

// FuzzText compares the check in pieces with the check of the whole.
func FuzzText(f *testing.F) {
	for _, seed := range []string{"", "abc", "é€😀", "\xff", "a\xc3", "\xed\xa0\x80", "\xf4\x90\x80\x80", "\xe2\x82\xac\xe2\x82", "\xc0\xaf", "\xf0\x9f\x98"} {
		f.Add([]byte(seed), uint8(1))
		f.Add([]byte(seed+seed), uint8(3))
	}
	f.Fuzz(func(t *testing.T, message []byte, size uint8) {
		got, err := proxy.ReadText(message, int(size)+1)
		if valid := utf8.Valid(message); valid != (err == nil) {
			t.Fatalf("%q in pieces of %d: err %v, want valid %v", message, int(size)+1, err, valid)
		}
		if err == nil && !bytes.Equal(got, message) {
			t.Fatalf("got %q of %q", got, message)
		}
	})
}
