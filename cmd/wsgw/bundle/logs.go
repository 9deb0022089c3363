// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package bundle

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
)

// isRecord finds audit records by the name of their schema, which each line has
// near its beginning: a line that was cut is one too.
func isRecord(line []byte) bool {
	return bytes.HasPrefix(line, []byte("{")) && bytes.Contains(line, []byte(`"wsgateway.dev/audit/`))
}

// claim finds who said to have asked for something: pods write down what was
// done by hand, and by whom.
func claim() *regexp.Regexp { return regexp.MustCompile(`("claimed_by":")(?:[^"\\]|\\.)*"`) }

func isOurs(container string) bool { return slices.Contains(ours(), container) }

// log adds the last lines of a log. Without identities the audit records in it
// are left out and counted.
func (c *Collector) log(ctx context.Context, a *Archive, name string, pod types.NamespacedName, options *corev1.PodLogOptions) {
	options.TailLines, options.Timestamps = new(c.LogLines), true
	options.LimitBytes = new(int64(maxFileBytes))
	stream, err := c.Cluster.Logs(ctx, pod, options)
	if err != nil {
		a.Miss("log "+name, err)
		return
	}
	defer stream.Close()
	var kept bytes.Buffer
	left, err := c.keep(&kept, stream)
	a.Miss("log "+name, err)
	about := "log"
	if left > 0 {
		about = fmt.Sprintf("log, without %d audit records", left)
	}
	a.Add(name, about, kept.Bytes())
}

// keep copies lines, and counts those that it leaves out.
func (c *Collector) keep(to *bytes.Buffer, from io.Reader) (left int, err error) {
	lines, claimed := bufio.NewReader(from), claim()
	for {
		line, err := lines.ReadBytes('\n')
		if len(line) > 0 {
			// A time of the kubelet comes before each line.
			_, text, _ := bytes.Cut(line, []byte(" "))
			switch {
			case !c.Identities && isRecord(text):
				left++
			case !c.Identities:
				to.Write(claimed.ReplaceAll(line, []byte("${1}"+redacted+`"`)))
			default:
				to.Write(line)
			}
		}
		if errors.Is(err, io.EOF) || to.Len() > maxFileBytes {
			return left, nil
		}
		if err != nil {
			return left, fmt.Errorf("read: %w", err)
		}
	}
}
