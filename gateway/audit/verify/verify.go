// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package verify

import (
	"cmp"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"slices"

	"github.com/wsgateway/websocket-gateway-operator/gateway/audit"
)

// Bounds of what is remembered, whatever the input.
const (
	maxStreams  = 10_000
	maxFindings = 1000
)

// Options configure New.
type Options struct {
	// Keys that checkpoints must be signed with, any of them; none: signatures are
	// not looked at.
	Keys []ed25519.PublicKey
	// Partial: the input may begin in the middle of a stream.
	Partial bool
	// Ended: every stream must have its end.
	Ended bool
}

// Verifier reads inputs one after the other. It is for one goroutine.
type Verifier struct {
	options Options
	keys    map[string]ed25519.PublicKey
	chains  map[[2]string]*chain
	// latest are the streams that were read last, by their boots.
	latest map[string]*chain
	// cuts are damaged lines, by their boots, of streams that have not begun, and waiting
	// is how many they are.
	cuts    map[string][]cut
	waiting int
	// names are those of chains in the order of their first lines.
	names  [][2]string
	report Report
	order  uint64
}

// New returns a verifier that has seen nothing.
func New(o Options) *Verifier {
	v := &Verifier{options: o, keys: map[string]ed25519.PublicKey{}, chains: map[[2]string]*chain{}, latest: map[string]*chain{}, cuts: map[string][]cut{}}
	for _, key := range o.Keys {
		v.keys[audit.KeyID(key)] = key
	}
	return v
}

// Read reads an input to its end; name is what findings call it. The files of a
// rotated log are several inputs, the oldest first.
func (v *Verifier) Read(name string, r io.Reader) error {
	at := place{file: name}
	var failure error
	err := lines(r, func(l line) {
		at.line++
		v.order++
		at.order = v.order
		if failure == nil {
			failure = v.take(at, l)
		}
	})
	if failure != nil {
		return failure
	}
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}

// take looks at one line.
func (v *Verifier) take(at place, l line) error {
	data, ours := record(l.data)
	if !ours || !l.whole {
		v.report.OtherLines++
		return nil
	}
	h, kind := parse(data)
	switch kind {
	case other:
		v.report.OtherLines++
	case damaged:
		v.damaged(&h, at, l.ended)
	case whole:
		c := v.chain(&h)
		if c == nil {
			return fmt.Errorf("%s: more than %d boots and streams in one input: verify it in parts", at, maxStreams)
		}
		sum := sha256.New()
		_, _ = sum.Write(data)
		_, _ = sum.Write([]byte{'\n'})
		v.latest[h.Boot] = c
		c.take(&h, hex.EncodeToString(sum.Sum(nil)), at)
		if h.Event == audit.EventCheckpoint && len(v.keys) > 0 {
			v.checkSignature(c, &h, data, at)
		}
	}
	return nil
}

// chain finds the stream of a line, nil when there are too many.
func (v *Verifier) chain(h *head) *chain {
	name := [2]string{h.Boot, h.Stream}
	if c := v.chains[name]; c != nil {
		return c
	}
	if len(v.chains) == maxStreams {
		return nil
	}
	c := &chain{find: v.find, torn: &v.report.TornLines, cuts: v.claimed(h.Boot), sums: Stream{Gateway: h.Gateway, Pod: h.Pod, Boot: h.Boot, Stream: h.Stream}}
	v.chains[name] = c
	v.names = append(v.names, name)
	return c
}

func (v *Verifier) checkSignature(c *chain, h *head, data []byte, at place) {
	key, known := v.keys[h.KeyID]
	switch {
	case h.Signature == "":
		c.report(Unsigned, at, h.Sequence, "the checkpoint is not signed")
	case !known:
		c.report(UnknownKey, at, h.Sequence, fmt.Sprintf("the checkpoint is signed with the key %.64q, which was not given", h.KeyID))
	case !audit.VerifyCheckpoint(key, data):
		c.report(BadSignature, at, h.Sequence, "the signature is not that of this checkpoint")
	default:
		c.sums.SignedUpTo = max(c.sums.SignedUpTo, h.Sequence)
	}
}

// find notes a finding. Lines that follow each other become one.
func (v *Verifier) find(f Finding, at place) {
	if f.Kind == NoBeginning && v.options.Partial {
		return
	}
	if n := len(v.report.Findings); n > 0 {
		last := &v.report.Findings[n-1]
		end := max(last.Sequence, last.UpTo)
		if (f.Kind == Reordered || f.Kind == Duplicated) && last.Kind == f.Kind && last.Boot == f.Boot && last.Stream == f.Stream && f.Sequence == end+1 {
			last.UpTo = f.Sequence
			return
		}
	}
	if len(v.report.Findings) == maxFindings {
		v.report.More++
		return
	}
	f.File, f.Line, f.order = at.file, at.line, at.order
	v.report.Findings = append(v.report.Findings, f)
}

// Report ends the reading and tells what was found.
func (v *Verifier) Report() *Report {
	report := &v.report
	v.unclaimed()
	for _, name := range v.names {
		report.Streams = append(report.Streams, v.chains[name].finish(v.options.Ended))
	}
	slices.SortStableFunc(report.Findings, func(a, b Finding) int { return cmp.Compare(a.order, b.order) })
	return report
}
