// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package story

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/wsgateway/websocket-gateway-operator/gateway/audit/verify"
)

// report has wsgw audit verify look at files. With findings its exit status is 1.
func (c *crowd) report(ctx context.Context, status int, files ...string) (*verify.Report, error) {
	args := append([]string{"audit", "verify", "--ended", "--public-key", c.publicKey(), "-o", "json"}, files...)
	out, err := c.start(ctx, status, args...)
	if err != nil {
		return nil, err
	}
	found := &verify.Report{}
	if err := json.Unmarshal([]byte(out), found); err != nil {
		return nil, fmt.Errorf("read what audit verify says: %w", err)
	}
	return found, nil
}

// logOf finds the log of a boot, and the files of all others.
func (c *crowd) logOf(name bootName) (found copied, others []string) {
	for _, one := range c.copies {
		if one.boot == name {
			found = one
		} else {
			others = append(others, one.files...)
		}
	}
	return found, others
}

// verified has the logs verified: those of all pods that ended in order, then that
// of the one that was killed.
func (c *crowd) verified(ctx context.Context) (string, error) {
	killed, whole := c.logOf(c.killed)
	began := time.Now()
	found, err := c.report(ctx, 0, whole...)
	if err != nil {
		return "", err
	}
	took := time.Since(began)
	var opened, denied uint64
	for i := range found.Streams {
		stream := &found.Streams[i]
		if !stream.Complete || stream.Open != 0 || stream.Lost != 0 || stream.Estimated || stream.SignedUpTo != stream.Last {
			return "", fmt.Errorf("a pod that ended in order has the log %+v", *stream)
		}
		opened += stream.Opened
		denied += stream.Denied
	}
	left, err := c.withoutEnd(ctx, killed)
	if err != nil {
		return "", err
	}
	if all, _ := c.refused.total(""); opened+left.Opened != crowdSize || denied+left.Denied != all {
		return "", fmt.Errorf("%d connections and %d refusals, clients know of %d and %d", opened+left.Opened, denied+left.Denied, crowdSize, all)
	}
	told, err := c.start(ctx, 0, append([]string{"audit", "verify"}, killed.files...)...)
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("%d logs are whole, read in %s; %d opened and not closed at the killed pod:\n%s",
		len(found.Streams), ms(took), left.Open, strings.ReplaceAll(told, c.folder+"/", "")), nil
}

// verifiedInPlace has the log of a pod verified as administrators find it on a node:
// files that were rotated, compressed ones too, then the one that is written to. The
// kubelet may rename one meanwhile, so it is tried again.
func (c *crowd) verifiedInPlace(ctx context.Context, of *station) ([]string, error) {
	var names []string
	err := until(ctx, startPatience, func(ctx context.Context) error {
		files, err := filepath.Glob(filepath.Join(c.node.Logs, crowdSpace+"_"+of.pod+"_*", "gateway", "0.log*"))
		if err != nil {
			return fmt.Errorf("look for the log of %s: %w", of.pod, err)
		}
		if len(files) < 2 {
			return fmt.Errorf("%d files of the log of %s, want some", len(files), of.pod)
		}
		// Their names end with the time; the one that is written to has none.
		files = append(files[1:], files[0])
		names = nil
		for _, file := range files {
			names = append(names, filepath.Base(file))
		}
		_, err = c.start(ctx, 0, append([]string{"audit", "verify"}, files...)...)
		return err
	})
	return names, err
}

// withoutEnd looks at the log of the killed pod.
func (c *crowd) withoutEnd(ctx context.Context, killed copied) (*verify.Stream, error) {
	found, err := c.report(ctx, 1, killed.files...)
	if err != nil {
		return nil, err
	}
	if len(found.Streams) != 1 || len(found.Findings) != 1 {
		return nil, fmt.Errorf("the killed pod has the log %+v", *found)
	}
	file, line, err := lastRecord(killed.files)
	if err != nil {
		return nil, err
	}
	finding, stream := found.Findings[0], &found.Streams[0]
	if finding.Kind != verify.NoEnd || finding.File != file || finding.Line != line {
		return nil, fmt.Errorf("the log of the killed pod has %+v, want that there is no end behind %s:%d", finding, file, line)
	}
	if stream.Complete || stream.Estimated || stream.Open != int64(c.left) || stream.Lost != 0 {
		return nil, fmt.Errorf("the log of the killed pod says %+v, the clients had %d connections open", *stream, c.left)
	}
	return stream, nil
}

// lastRecord finds where the last record of a log is. The kubelet may have begun
// another file behind it.
func lastRecord(files []string) (file string, line int, err error) {
	for _, file := range slices.Backward(files) {
		lines, err := linesOf(file)
		if err != nil {
			return "", 0, err
		}
		for i, line := range slices.Backward(lines) {
			if isRecord(line) {
				return file, i + 1, nil
			}
		}
	}
	return "", 0, errors.New("there is no record in the log")
}

// linesOf reads a file, each line with its line break.
func linesOf(file string) ([][]byte, error) {
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("read a log: %w", err)
	}
	return bytes.SplitAfter(bytes.TrimSuffix(data, []byte("\n")), []byte("\n")), nil
}

// tampering changes one line of a file, and what verify must say of it.
type tampering struct {
	name string
	// change gets the lines of a file and the index of one in the middle.
	change func(lines [][]byte, i int) [][]byte
	kind   verify.Kind
	// behind is how many lines after that one the finding is.
	behind int
}

func tamperings() []tampering {
	return []tampering{
		{"deleted", func(lines [][]byte, i int) [][]byte { return slices.Delete(lines, i, i+1) }, verify.Deleted, 0},
		{"edited", func(lines [][]byte, i int) [][]byte {
			lines[i] = bytes.Replace(lines[i], []byte(`"user.id":"`), []byte(`"user.id":"somebody-`), 1)
			return lines
		}, verify.Edited, 0},
		{"moved behind the next one", func(lines [][]byte, i int) [][]byte {
			lines[i], lines[i+1] = lines[i+1], lines[i]
			return lines
		}, verify.Reordered, 1},
		{"repeated", func(lines [][]byte, i int) [][]byte { return slices.Insert(lines, i, lines[i]) }, verify.Duplicated, 1},
		{"cut in half", func(lines [][]byte, i int) [][]byte {
			lines[i] = append(slices.Clone(lines[i][:len(lines[i])/2]), '\n')
			return lines
		}, verify.Truncated, 0},
	}
}

// tampered does to one line of a log that was rotated what somebody might do who
// has something to hide.
func (c *crowd) tampered(ctx context.Context) (string, error) {
	whole, _ := c.logOf(bootName{c.stations[2].pod, 0})
	const victim = 1
	if len(whole.files) <= victim {
		return "", fmt.Errorf("the log of %s has %d files, want some", whole.boot, len(whole.files))
	}
	var told []string
	for _, one := range tamperings() {
		lines, err := linesOf(whole.files[victim])
		if err != nil {
			return "", err
		}
		i, err := middle(lines)
		if err != nil {
			return "", err
		}
		said, err := c.expose(ctx, whole, victim, one.change(lines, i), verify.Finding{Kind: one.kind, Line: i + 1 + one.behind})
		if err != nil {
			return "", fmt.Errorf("a line that was %s: %w", one.name, err)
		}
		told = append(told, said)
	}
	lines, err := linesOf(whole.files[0])
	if err != nil {
		return "", err
	}
	// What a pod says to people stands in the same file.
	head := slices.IndexFunc(lines, isRecord)
	lines = slices.Delete(lines, head, head+1)
	next := slices.IndexFunc(lines, isRecord)
	said, err := c.expose(ctx, whole, 0, lines, verify.Finding{Kind: verify.NoBeginning, Line: next + 1})
	if err != nil {
		return "", fmt.Errorf("the first record of all was deleted: %w", err)
	}
	return fmt.Sprintf("of a log of %d files:\n%s", len(whole.files), strings.Join(append(told, said), "\n")), nil
}

func isRecord(line []byte) bool { return bytes.Contains(line, []byte(`"wsgateway.schema":`)) }

// middle finds a line in the middle that is about a connection, as are those around
// it: what is said of a checkpoint is not the matter here.
func middle(lines [][]byte) (int, error) {
	found := 0
	for i := len(lines) / 2; i < len(lines); i++ {
		if !bytes.Contains(lines[i], []byte(`"wsgateway.connection.id":"`)) {
			found = 0
			continue
		}
		if found++; found == 4 {
			return i - 2, nil
		}
	}
	return 0, errors.New("there are no four lines about connections in the middle of the log")
}

// expose puts other lines into the place of one file and has the log verified. The
// only finding must be of that kind, file and line.
func (c *crowd) expose(ctx context.Context, whole copied, victim int, lines [][]byte, want verify.Finding) (string, error) {
	folder, err := os.MkdirTemp(c.folder, "tampered-")
	if err != nil {
		return "", fmt.Errorf("make a folder: %w", err)
	}
	files := slices.Clone(whole.files)
	files[victim] = filepath.Join(folder, filepath.Base(files[victim]))
	if err := os.WriteFile(files[victim], bytes.Join(lines, nil), 0o600); err != nil {
		return "", fmt.Errorf("write a log that was tampered with: %w", err)
	}
	found, err := c.report(ctx, 1, files...)
	if err != nil {
		return "", err
	}
	if len(found.Findings) != 1 {
		return "", fmt.Errorf("%d findings, want 1: %+v", len(found.Findings), found.Findings)
	}
	got := found.Findings[0]
	if got.Kind != want.Kind || got.File != files[victim] || got.Line != want.Line {
		return "", fmt.Errorf("found %+v, want %s at %s:%d", got, want.Kind, files[victim], want.Line)
	}
	return fmt.Sprintf("%s:%d: %s: %s", filepath.Base(got.File), got.Line, got.Kind, got.Message), nil
}
