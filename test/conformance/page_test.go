// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package conformance_test

import (
	"fmt"
	"strings"

	"github.com/wsgateway/websocket-gateway-operator/test/conformance"
)

// page shows the verdicts.
const page = "../../docs/conformance.md"

const intro = `# Conformance

<!-- Written by "go test ./test/conformance -update" from what was found. Edit test/conformance/page_test.go or the cases. -->

What a client sees of a WebSocket server must be the same with the gateway in between. [test/conformance](../test/conformance) is a client
that does what RFC 6455 allows and what it forbids, in the groups that the Autobahn test suite has made known, with cases of our own. It tries
two servers that echo, each on a library of its own: gorilla/websocket, judging texts while they come, and coder/websocket, judging them as a
whole. Each case is tried at both, directly and through the gateway, in both relays; for ` + "`Frames`" + ` also with the goroutines that take over
where there are no event loops. This happens in each run of the tests, under the race detector. A verdict is one of

- OK: what the RFC asks for
- NON-STRICT: legal, but later than possible: a text that stops to be UTF-8 is refused at its end
- UNCOMPRESSED: as it should be, but an offer of compression was not accepted
- WRONG CODE: the connection ends as it has to, but the code in the Close frame is another one
- NO CLOSE: it ends so without a Close frame
- FAILED: anything else

`

// columns in the order of the page.
var (
	servers = []string{onGorilla, onCoder}
	ways    = []string{direct, byFrames, byThreads, byMessages}
)

func render(verdicts map[place]conformance.Verdict) string {
	var b strings.Builder
	b.WriteString(intro)
	b.WriteString("## Cases that are OK\n\n")
	heading(&b, "Group | Cases")
	for _, group := range conformance.Groups() {
		fmt.Fprintf(&b, "| %d %s | %d |", group.Number, group.Title, len(group.Cases))
		each(func(server, way string) {
			n := 0
			for _, c := range group.Cases {
				if verdicts[place{server, way, c.Name}] == conformance.OK {
					n++
				}
			}
			fmt.Fprintf(&b, " %d |", n)
		})
		b.WriteString("\n")
	}
	b.WriteString("\n## Cases that are not OK everywhere\n\nThat `Messages` compresses nothing is left out here.\n\n")
	heading(&b, "Case | What the client does")
	for _, c := range cases() {
		if !okEverywhere(verdicts, c.Name) {
			fmt.Fprintf(&b, "| %s | %s |", c.Name, c.Does)
			each(func(server, way string) { fmt.Fprintf(&b, " %s |", verdicts[place{server, way, c.Name}]) })
			b.WriteString("\n")
		}
	}
	b.WriteString("\n## Differences\n\nWhere the verdict through the gateway is another one than directly, and why. In `Frames` no verdict may be worse.\n\n")
	b.WriteString("| Relay | Server | Cases | Directly | Through the gateway | Why |\n|---|---|---|---|---|---|\n")
	for _, e := range exceptions() {
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %s | %s |\n", strings.Join(e.ways, "; "), e.server, listed(e.cases), e.directly, e.through, e.why)
	}
	return b.String()
}

// listed names cases, of many the first and the last.
func listed(names []string) string {
	const most = 6
	if n := len(names); n > most {
		return fmt.Sprintf("%s to %s: %d cases", names[0], names[n-1], n)
	}
	return strings.Join(names, ", ")
}

func heading(b *strings.Builder, first string) {
	b.WriteString("| " + first + " |")
	each(func(server, way string) { fmt.Fprintf(b, " %s, %s |", server, way) })
	b.WriteString("\n|---|---|" + strings.Repeat("---|", len(servers)*len(ways)) + "\n")
}

func each(do func(server, way string)) {
	for _, server := range servers {
		for _, way := range ways {
			do(server, way)
		}
	}
}

func okEverywhere(verdicts map[place]conformance.Verdict, name string) bool {
	ok := true
	each(func(server, way string) {
		verdict := verdicts[place{server, way, name}]
		ok = ok && (verdict == conformance.OK || verdict == conformance.Uncompressed && way == byMessages)
	})
	return ok
}
