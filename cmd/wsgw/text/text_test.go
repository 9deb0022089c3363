// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package text_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/wsgateway/websocket-gateway-operator/cmd/wsgw/text"
)

func TestAmountsAreReadable(t *testing.T) {
	t.Parallel()
	for n, want := range map[uint64]string{0: "0 B", 1023: "1023 B", 1024: "1.0 KiB", 1536: "1.5 KiB", 5 << 30: "5.0 GiB", 1<<64 - 1: "16.0 EiB"} {
		if got := text.Bytes(n); got != want {
			t.Errorf("%d bytes: %q, want %q", n, got, want)
		}
	}
	for span, want := range map[time.Duration]string{
		-time.Second: "0s", 0: "0s", 45500 * time.Millisecond: "45s", 200 * time.Second: "3m20s", 59 * time.Minute: "59m",
		5 * time.Hour: "5h", 61 * 24 * time.Hour: "61d",
	} {
		if got := text.Span(span); got != want {
			t.Errorf("%s: %q, want %q", span, got, want)
		}
	}
	if text.Count(1, "pod") != "1 pod" || text.Count(0, "pod") != "0 pods" {
		t.Error("counts")
	}
}

func TestATableIsAsWideAsItMustBe(t *testing.T) {
	t.Parallel()
	table := text.NewTable("NAME", ">SIZE", "END")
	table.Row("a", "1", "")
	table.Row("größer", "1000", "esc\x1b[2J")
	want := "NAME    SIZE  END\na          1\ngrößer  1000  esc\uFFFD[2J\n"
	if diff := cmp.Diff(want, table.String()); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"NAME  …", "a     …", "größer…"}, table.Lines(7)); diff != "" {
		t.Error(diff)
	}
}

func TestATreeIsDrawn(t *testing.T) {
	t.Parallel()
	root := text.NewTree("root %d", 1)
	branch := root.Add("first", "", "second")
	branch.Add("leaf\nof two lines").Mark(true)
	root.Add("last")
	want := "root 1\n├─ first  second\n│  └─ ✗ leaf\uFFFDof two lines\n└─ last\n"
	if diff := cmp.Diff(want, root.String()); diff != "" {
		t.Error(diff)
	}
}
