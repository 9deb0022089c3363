// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package story

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"time"
)

// terminal is where somebody types: every line goes to a shell, and what was seen
// is kept, in Markdown, as it was.
type terminal struct {
	// folder is where the commands run. It is on their PATH.
	folder     string
	kubeconfig string
	seen       strings.Builder
}

// say writes a heading and words above the next commands.
func (t *terminal) say(heading, words string) {
	fmt.Fprintf(&t.seen, "\n## %s\n\n%s\n", heading, words)
}

func (t *terminal) command(ctx context.Context, name string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir = t.folder
	cmd.Env = append(os.Environ(), "KUBECONFIG="+t.kubeconfig, "PATH="+t.folder+":"+os.Getenv("PATH"), "SHELL=/bin/bash", "COLUMNS=200")
	return cmd
}

const terminalPatience = 2 * time.Minute

// enter types a line and answers what it prints on both of its outputs. Any other
// end than the exit status is an error.
func (t *terminal) enter(ctx context.Context, status int, line string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, terminalPatience)
	defer cancel()
	cmd := t.command(ctx, "bash", "-c", line)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	return t.ended(line, status, cmd.Run(), out.String())
}

// answer types a line that asks something, waits for the question and answers it.
// A question is only asked on a terminal, which the program script provides.
func (t *terminal) answer(ctx context.Context, status int, line, question, answer string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, terminalPatience)
	defer cancel()
	cmd := t.command(ctx, "script", "--quiet", "--return", "--command", line, "/dev/null")
	in, err := cmd.StdinPipe()
	if err != nil {
		return "", fmt.Errorf("start a terminal: %w", err)
	}
	p := &prompt{question: question, answer: func() { _, _ = io.WriteString(in, answer+"\n") }}
	cmd.Stdout, cmd.Stderr = p, p
	err = cmd.Run()
	return t.ended(line, status, err, strings.ReplaceAll(p.text(), "\r\n", "\n"))
}

// ended keeps what was seen of a command.
func (t *terminal) ended(line string, status int, err error, out string) (string, error) {
	var ended *exec.ExitError
	if err != nil && !errors.As(err, &ended) {
		return "", fmt.Errorf("run %q: %w", line, err)
	}
	got := 0
	if ended != nil {
		got = ended.ExitCode()
	}
	if got != status {
		return "", fmt.Errorf("%s: exit status %d, want %d:\n%s", line, got, status, out)
	}
	fmt.Fprintf(&t.seen, "\n```console\n$ %s\n%s", line, out)
	if status != 0 {
		fmt.Fprintf(&t.seen, "[exit status %d]\n", status)
	}
	t.seen.WriteString("```\n")
	return out, nil
}

// prompt keeps what is written and answers a question in it once.
type prompt struct {
	question string
	answer   func()

	mu      sync.Mutex
	written bytes.Buffer
	asked   bool
}

// Write implements io.Writer.
func (p *prompt) Write(text []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	n, err := p.written.Write(text)
	if !p.asked && strings.Contains(p.written.String(), p.question) {
		p.asked = true
		p.answer()
	}
	return n, err
}

func (p *prompt) text() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.written.String()
}
