// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package conformance_test

import (
	"slices"
	"strings"

	"github.com/wsgateway/websocket-gateway-operator/test/conformance"
)

// exception is a case whose verdict is another one through the gateway, and why.
type exception struct {
	ways   []string
	server string
	cases  []string
	// directly and through are the two verdicts.
	directly, through conformance.Verdict
	why               string
}

// exceptions are all there are: what is not here fails, and so does what is here and
// does not happen any more. Where frames are passed on, only a violation that the
// server lets pass can be one.
func exceptions() []exception {
	return []exception{
		{
			[]string{byFrames, byThreads, byMessages},
			onGorilla,
			[]string{"7.3.2"},
			conformance.WrongCode, conformance.OK,
			"The gateway ends what breaks a rule of framing itself, with 1002, and does not pass it on. This server takes half a code for none.",
		},
		{
			[]string{byFrames, byThreads, byMessages},
			onCoder,
			[]string{"7.5.1"},
			conformance.WrongCode, conformance.OK,
			"The same: this server does not look at the reason in a Close frame.",
		},
		{
			[]string{byMessages},
			onCoder,
			[]string{"6.4.1", "6.4.2", "6.4.3", "6.4.4"},
			conformance.NonStrict, conformance.OK,
			"`Messages` judges a text while it comes, this server as a whole. What is no text ends earlier.",
		},
		{
			[]string{byFrames, byThreads, byMessages},
			onGorilla,
			[]string{"12.4.2", "12.4.3"},
			conformance.Failed, conformance.OK,
			"The same: this server does not mind a control frame or a continuation that claims to be compressed.",
		},
		{
			[]string{byMessages},
			onGorilla,
			compressed(),
			conformance.OK, conformance.Uncompressed,
			"`Messages` passes no extension on: nothing is compressed.",
		},
		{
			[]string{byMessages},
			onCoder,
			compressed(),
			conformance.OK, conformance.Uncompressed,
			"The same.",
		},
		{
			[]string{byMessages},
			onCoder,
			[]string{"7.7.12"},
			conformance.OK, conformance.WrongCode,
			"The library below `Messages` does not know the code 1014, which was registered after the RFC, and ends the connection with 1002 instead.",
		},
	}
}

// compressed are the cases that need an agreement on compression.
func compressed() []string {
	var names []string
	for _, c := range cases() {
		if number, _, _ := strings.Cut(c.Name, "."); (number == "12" || number == "13") && !strings.HasPrefix(c.Name, "12.4.") {
			names = append(names, c.Name)
		}
	}
	return names
}

// explains tells whether an exception is about a verdict.
func (e *exception) explains(p place, directly, through conformance.Verdict) bool {
	return e.server == p.server && slices.Contains(e.ways, p.way) && slices.Contains(e.cases, p.name) &&
		e.directly == directly && e.through == through
}
