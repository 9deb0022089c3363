// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package verify_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/ed25519"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/wsgateway/websocket-gateway-operator/gateway/audit"
	"github.com/wsgateway/websocket-gateway-operator/gateway/audit/verify"
	"github.com/wsgateway/websocket-gateway-operator/gateway/contract"
	"github.com/wsgateway/websocket-gateway-operator/gateway/outcome"
)

// boot is the log of one process: five connections, of which the last stays
// open, and a refusal; ten lines and a final checkpoint.
func boot(t testing.TB, id string, signer *audit.Signer) []string {
	t.Helper()
	var out bytes.Buffer
	log := audit.New(audit.Options{
		Sinks: []audit.Sink{{Out: &out}}, Gateway: contract.GatewayRef{Namespace: "default", Name: "edge"}, Pod: "edge-" + id, BootID: id,
		Now: func() time.Time { return time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC) },
	})
	log.Sign(signer)
	for i := range 5 {
		c := &audit.Connection{ID: fmt.Sprint(i), Path: "/chat", Subject: "alice"}
		log.Opened(c)
		if i < 4 {
			log.Closed(c, audit.Traffic{}, outcome.Closed(outcome.ByClient, outcome.CodeNormal))
		}
	}
	log.Denied(&audit.Attempt{ClientAddress: "192.0.2.1:1"}, outcome.Refuse(outcome.NoRoute, ""))
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	if err := log.Close(ctx); err != nil {
		t.Fatal(err)
	}
	return strings.Split(strings.TrimSuffix(out.String(), "\n"), "\n")
}

func read(t testing.TB, o verify.Options, lines []string) *verify.Report {
	t.Helper()
	v := verify.New(o)
	if err := v.Read("log", strings.NewReader(strings.Join(lines, "\n")+"\n")); err != nil {
		t.Fatal(err)
	}
	return v.Report()
}

// found is a finding as KIND LINE SEQUENCE[-UPTO].
func found(report *verify.Report) []string {
	var all []string
	for _, f := range report.Findings {
		text := fmt.Sprintf("%s %s:%d %d", f.Kind, f.File, f.Line, f.Sequence)
		if f.UpTo > 0 {
			text += fmt.Sprintf("-%d", f.UpTo)
		}
		all = append(all, text)
	}
	return all
}

func TestTamperingIsFoundAtTheRightLine(t *testing.T) {
	t.Parallel()
	edit := func(i int, old, changed string) func([]string) []string {
		return func(lines []string) []string {
			if !strings.Contains(lines[i], old) {
				panic("nothing to edit")
			}
			lines[i] = strings.Replace(lines[i], old, changed, 1)
			return lines
		}
	}
	move := func(from, to int) func([]string) []string {
		return func(lines []string) []string {
			line := lines[from]
			rest := append(append([]string{}, lines[:from]...), lines[from+1:]...)
			return append(append(append([]string{}, rest[:to]...), line), rest[to:]...)
		}
	}
	for name, tt := range map[string]struct {
		tamper func([]string) []string
		want   []string
	}{
		"nothing was done":                {func(l []string) []string { return l }, nil},
		"a line is deleted":               {func(l []string) []string { return append(l[:4], l[5:]...) }, []string{"deleted log:5 5"}},
		"three lines are deleted":         {func(l []string) []string { return append(l[:4], l[7:]...) }, []string{"deleted log:5 5-7"}},
		"the first line is deleted":       {func(l []string) []string { return l[1:] }, []string{"no_beginning log:1 1-1"}},
		"who it was is changed":           {edit(4, "alice", "mallory"), []string{"edited log:5 5"}},
		"the first line is changed":       {edit(0, "alice", "mallory"), []string{"edited log:1 1"}},
		"the line before the last is":     {edit(9, "no_route", "draining"), []string{"edited log:10 10"}},
		"a space is added":                {edit(4, ",", ", "), []string{"edited log:5 5"}},
		"the hash of a line is changed":   {edit(4, `previous":"`, `previous":"0`), []string{"edited log:5 5"}},
		"the number of a line is changed": {edit(4, `sequence":5`, `sequence":7`), []string{"edited log:5 5", "edited log:5 5"}},
		"a line goes to the end":          {move(4, 9), []string{"reordered log:10 5"}},
		"two neighbours change places":    {move(4, 5), []string{"reordered log:6 5"}},
		"a line comes to the front":       {move(8, 2), []string{"reordered log:4 3-8"}},
		"a line is repeated":              {func(l []string) []string { return append(l[:5], l[4:]...) }, []string{"duplicated log:6 5"}},
		"a line is repeated at the end":   {func(l []string) []string { return append(l, l[4]) }, []string{"duplicated log:12 5"}},
		"a line is cut in the middle":     {func(l []string) []string { l[4] = l[4][:400]; return l }, []string{"truncated log:5 5"}},
		"a line is cut in its head":       {func(l []string) []string { l[4] = l[4][:60]; return l }, []string{"truncated log:5 0", "deleted log:6 5"}},
		"two lines in a row are cut":      {func(l []string) []string { l[4], l[5] = l[4][:400], l[5][:400]; return l }, []string{"truncated log:5 5", "truncated log:6 6"}},
		"one is cut, the next deleted":    {func(l []string) []string { l[4] = l[4][:400]; return append(l[:5], l[6:]...) }, []string{"truncated log:5 5", "deleted log:6 6"}},
		"one is torn, then cut twice": {func(l []string) []string {
			torn := append(append([]string{}, l[:4]...), l[4][:300])
			return append(append(torn, l[4][:len(l[4])-9], l[5][:400]), l[6:]...)
		}, []string{"truncated log:6 5", "truncated log:7 6"}},
		"the first two lines are cut": {func(l []string) []string { l[0], l[1] = l[0][:400], l[1][:400]; return l }, []string{"truncated log:1 1", "truncated log:2 2"}},
		"all lines are cut": {func(l []string) []string {
			for i := range l {
				l[i] = l[i][:400]
			}
			return l[:2]
		}, []string{"truncated log:1 0", "truncated log:2 0"}},
		"a cut line comes behind the end":     {func(l []string) []string { return append(l, l[4][:400]) }, []string{"truncated log:12 0"}},
		"a line is damaged before its number": {edit(4, `"user.id":"`, `"user.id":""`), []string{"truncated log:5 5"}},
		"the first line is cut":               {func(l []string) []string { l[0] = l[0][:400]; return l }, []string{"truncated log:1 1"}},
		"a line is put in": {func(l []string) []string {
			return append(append(append([]string{}, l[:4]...), strings.Replace(l[4], "alice", "eve", 1)), l[4:]...)
		}, []string{"edited log:5 5", "duplicated log:6 5"}},
		"a line is put in behind the end": {func(l []string) []string { return append(l, l[10]) }, []string{"duplicated log:12 11"}},
		"the sums of a checkpoint are":    {edit(10, `checkpoint.opened":5`, `checkpoint.opened":4`), []string{"miscounted log:11 11"}},
		"the lines of another boot between": {func(l []string) []string {
			return append(append(append([]string{}, l[:4]...), boot(t, "other", nil)...), l[4:]...)
		}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := found(read(t, verify.Options{}, tt.tamper(boot(t, "b", nil))))
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("findings (-want +got):\n%s", diff)
			}
		})
	}
}

// Whatever single line is changed at whatever place, it is named.
func TestEveryChangeOfEveryByteIsFound(t *testing.T) {
	t.Parallel()
	lines := boot(t, "b", nil)
	for i := range lines[:len(lines)-1] {
		for at := 0; at < len(lines[i]); at += 7 {
			changed := append([]string{}, lines...)
			b := []byte(lines[i])
			b[at] ^= 1
			changed[i] = string(b)
			report := read(t, verify.Options{}, changed)
			named := false
			for _, f := range report.Findings {
				named = named || f.Line == i+1 || f.Line == i+2 || f.Sequence == uint64(i+1)
			}
			if !named {
				t.Fatalf("line %d, byte %d: findings %v", i+1, at, found(report))
			}
		}
	}
}

func TestWhatIsToldOfAStream(t *testing.T) {
	t.Parallel()
	lines := boot(t, "b", nil)
	whole := verify.Stream{
		Gateway: "default/edge", Pod: "edge-b", Boot: "b", First: 1, Last: 11, Records: 11, Opened: 5, Closed: 4, Denied: 1, Open: 1, Complete: true,
	}
	with := func(change func(*verify.Stream)) verify.Stream {
		s := whole
		change(&s)
		return s
	}
	for name, tt := range map[string]struct {
		options  verify.Options
		input    string
		want     verify.Stream
		findings []string
	}{
		"a whole one": {input: strings.Join(lines, "\n") + "\n", want: whole},
		"one that was killed in the middle of a line": {
			input: strings.Join(lines[:9], "\n") + "\n" + lines[9][:300],
			want: with(func(s *verify.Stream) {
				s.Last, s.Records, s.Denied, s.Complete, s.Torn = 9, 9, 0, false, true
			}),
		},
		"one that goes on": {
			input: strings.Join(lines[:3], "\n") + "\n",
			want: with(func(s *verify.Stream) {
				s.Last, s.Records, s.Opened, s.Closed, s.Denied, s.Complete = 3, 3, 2, 1, 0, false
			}),
		},
		"one that should have ended": {
			options: verify.Options{Ended: true}, input: strings.Join(lines[:3], "\n") + "\n", findings: []string{"no_end log:3 3"},
			want: with(func(s *verify.Stream) {
				s.Last, s.Records, s.Opened, s.Closed, s.Denied, s.Complete = 3, 3, 2, 1, 0, false
			}),
		},
		"a checkpoint sums up what was rotated away": {
			options: verify.Options{Partial: true}, input: strings.Join(lines[6:], "\n") + "\n",
			want: with(func(s *verify.Stream) { s.First, s.Records = 7, 5 }),
		},
		"nothing sums up what was rotated away": {
			options: verify.Options{Partial: true}, input: strings.Join(lines[8:10], "\n") + "\n",
			want: with(func(s *verify.Stream) {
				s.First, s.Last, s.Records, s.Opened, s.Closed, s.Open, s.Estimated, s.Complete = 9, 10, 2, 1, 0, 1, true, false
			}),
		},
		"a line that a failing sink took half of": {
			input: strings.Join(lines[:4], "\n") + "\n" + lines[4][:300] + "\n" + strings.Join(lines[4:], "\n") + "\n", want: whole,
		},
		"the first line, of which a failing sink took half twice": {
			input: lines[0][:300] + "\n" + lines[0][:200] + "\n" + strings.Join(lines, "\n") + "\n", want: whole,
		},
		"a line of which a failing sink took a part three times, twice with its number": {
			input: strings.Join(lines[:4], "\n") + "\n" + lines[4][:300] + "\n" + lines[4][:len(lines[4])-9] + "\n" +
				lines[4][:len(lines[4])-20] + "\n" + strings.Join(lines[4:], "\n") + "\n",
			want: whole,
		},
		"kubectl logs with names and times": {
			input: "[pod/edge-b/gateway] 2026-03-04T12:00:00.123456789Z " + strings.Join(lines, "\n[pod/edge-b/gateway] 2026-03-04T12:00:00Z ") + "\n", want: whole,
		},
		"the files of a container runtime": {
			input: "2026-03-04T12:00:00.123456789+01:00 stdout F " + strings.Join(lines, "\n2026-03-04T12:00:00.1Z stdout F ") + "\n", want: whole,
		},
		"line breaks of another system": {input: strings.Join(lines, "\r\n") + "\r\n", want: whole},
		"other lines between":           {input: "ready\n{}\n{\"level\":\"INFO\"}\n\n" + strings.Join(lines, "\n"+strings.Repeat("x", 100_000)+"\n") + "\n", want: whole},
		"a file that was compressed":    {input: pack(t, strings.Join(lines, "\n")+"\n"), want: whole},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			v := verify.New(tt.options)
			if err := v.Read("log", strings.NewReader(tt.input)); err != nil {
				t.Fatal(err)
			}
			report := v.Report()
			if diff := cmp.Diff([]verify.Stream{tt.want}, report.Streams); diff != "" {
				t.Errorf("streams (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(tt.findings, found(report)); diff != "" {
				t.Errorf("findings (-want +got):\n%s", diff)
			}
		})
	}
}

// A line that was cut no longer says which stream it is of.
func TestACutLineOfOneOfSeveralStreams(t *testing.T) {
	t.Parallel()
	named := func(stream string) []string {
		var out bytes.Buffer
		log := audit.New(audit.Options{Sinks: []audit.Sink{{Name: stream, Out: &out}}, BootID: "b", Now: time.Now})
		for range 3 {
			log.Opened(&audit.Connection{Path: strings.Repeat("/", 200)})
		}
		if err := log.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
		return strings.Split(strings.TrimSuffix(out.String(), "\n"), "\n")
	}
	for name, tt := range map[string]struct {
		tamper func(file, otlp []string)
		want   []string
	}{
		"none":                     {func(_, _ []string) {}, nil},
		"one in the middle":        {func(_, otlp []string) { otlp[1] = otlp[1][:300] }, []string{"truncated log:6 2"}},
		"the first of the first":   {func(file, _ []string) { file[0] = file[0][:300] }, []string{"truncated log:1 1"}},
		"the first of the second":  {func(_, otlp []string) { otlp[0] = otlp[0][:300] }, []string{"truncated log:5 1"}},
		"the first, with its tail": {func(_, otlp []string) { otlp[0] = strings.Replace(otlp[0], `"url`, `"url"`, 1) }, []string{"truncated log:5 1"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			file, otlp := named("file"), named("otlp")
			tt.tamper(file, otlp)
			if diff := cmp.Diff(tt.want, found(read(t, verify.Options{}, append(file, otlp...)))); diff != "" {
				t.Errorf("findings (-want +got):\n%s", diff)
			}
		})
	}
}

func pack(t *testing.T, text string) string {
	t.Helper()
	var out bytes.Buffer
	w := gzip.NewWriter(&out)
	_, err := w.Write([]byte(text))
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	return out.String()
}

func TestRotatedFilesAreOneStream(t *testing.T) {
	t.Parallel()
	lines := boot(t, "b", nil)
	v := verify.New(verify.Options{Ended: true})
	for i, part := range [][]string{lines[:3], lines[3:7], lines[7:]} {
		if err := v.Read(fmt.Sprint("log.", i), strings.NewReader(strings.Join(part, "\n")+"\n")); err != nil {
			t.Fatal(err)
		}
	}
	if got := found(v.Report()); got != nil {
		t.Errorf("findings %v", got)
	}
}

func TestManyStreamsAreBounded(t *testing.T) {
	t.Parallel()
	line := boot(t, "BOOT", nil)[0]
	var input strings.Builder
	for i := range 10_001 {
		input.WriteString(strings.Replace(line, `"BOOT"`, fmt.Sprintf(`"%d"`, i), 1) + "\n")
	}
	err := verify.New(verify.Options{}).Read("log", strings.NewReader(input.String()))
	if err == nil || !strings.Contains(err.Error(), "log:10001") {
		t.Errorf("error %v, want one about the line", err)
	}
}

func signer(t testing.TB, fill byte) (*audit.Signer, ed25519.PublicKey) {
	t.Helper()
	key := ed25519.NewKeyFromSeed(bytes.Repeat([]byte{fill}, ed25519.SeedSize))
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	s, err := audit.ParseSigner(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
	if err != nil {
		t.Fatal(err)
	}
	return s, key.Public().(ed25519.PublicKey)
}

func TestSignatures(t *testing.T) {
	t.Parallel()
	ours, public := signer(t, 1)
	theirs, other := signer(t, 2)
	signed, unsigned, forged := boot(t, "b", ours), boot(t, "b", nil), boot(t, "b", theirs)
	last := len(signed) - 1
	changed := append([]string{}, signed...)
	changed[last] = strings.Replace(changed[last], `closed":4`, `closed":5`, 1)
	for name, tt := range map[string]struct {
		keys  []ed25519.PublicKey
		lines []string
		want  []string
		upTo  uint64
	}{
		"signed with the key":           {[]ed25519.PublicKey{other, public}, signed, nil, 11},
		"nobody asks for a signature":   {nil, forged, nil, 0},
		"not signed":                    {[]ed25519.PublicKey{public}, unsigned, []string{"unsigned log:11 11"}, 0},
		"signed with the key of others": {[]ed25519.PublicKey{public}, forged, []string{"unknown_key log:11 11"}, 0},
		"changed":                       {[]ed25519.PublicKey{public}, changed, []string{"miscounted log:11 11", "bad_signature log:11 11"}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			report := read(t, verify.Options{Keys: tt.keys}, tt.lines)
			if diff := cmp.Diff(tt.want, found(report), cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("findings (-want +got):\n%s", diff)
			}
			if got := report.Streams[0].SignedUpTo; got != tt.upTo {
				t.Errorf("signed up to %d, want %d", got, tt.upTo)
			}
		})
	}
}

// FuzzRead reads anything: it ends, and remembers a bounded number of things.
func FuzzRead(f *testing.F) {
	lines := boot(f, "b", nil)
	f.Add(strings.Join(lines, "\n"))
	f.Add(strings.Join(lines[:3], "\n"))
	f.Add("2026-03-04T12:00:00Z stdout F " + lines[0] + "\n")
	f.Add("\x1f\x8b\x08")
	f.Add(lines[0][:200] + "\n")
	f.Add(`{"@timestamp":"`)
	f.Fuzz(func(t *testing.T, text string) {
		v := verify.New(verify.Options{})
		if err := v.Read("any", strings.NewReader(text)); err != nil {
			return
		}
		if err := v.Read("log", strings.NewReader(strings.Join(lines, "\n")+"\n")); err != nil {
			t.Fatal(err)
		}
		if report := v.Report(); len(report.Findings) > 1001 || len(report.Streams) > 10_000 {
			t.Fatalf("%d findings, %d streams", len(report.Findings), len(report.Streams))
		}
	})
}
