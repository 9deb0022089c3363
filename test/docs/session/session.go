// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

// Package session does what a page of documentation says: it runs the commands of
// the page in one shell, in order, and compares what they print with what the page
// says that they print.
package session

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/wsgateway/websocket-gateway-operator/test/docs/page"
)

// Command is a block of commands with what the page says of it.
type Command struct {
	// Block has the commands.
	Block page.Block
	// Prints are lines that it prints, in this order, perhaps among others; spaces
	// at their ends do not count.
	Prints []string
	// Repeat says that it is to be run again until it prints them.
	Repeat bool
}

// Commands returns the blocks of a page that are written in the language sh. A
// block in the language text that comes next is what one prints. A comment before a
// block says that it is not run, or that it is to be repeated, and why:
// <!-- not run: REASON -->, <!-- repeat: REASON -->.
func Commands(text string) []Command {
	var commands []Command
	run := false
	for _, block := range page.Blocks(text) {
		switch {
		case block.Language == "text" && run:
			last := &commands[len(commands)-1]
			last.Prints = strings.Split(strings.TrimSpace(block.Text), "\n")
			run = false
		case block.Language == "sh" && !strings.HasPrefix(block.Note, "not run: "):
			commands = append(commands, Command{Block: block, Repeat: strings.HasPrefix(block.Note, "repeat: ")})
			run = true
		default:
			run = false
		}
	}
	return commands
}

// Session is a shell that is being typed into.
type Session struct {
	// Dir is where it starts and where files of the commands end up.
	Dir string
	// Env is added to the environment of this process.
	Env []string
	// Patience bounds one block, and repeating one.
	Patience time.Duration
}

// Run types the commands. It returns an error that names the line of the page for
// the first block that fails, or does not print what it should.
func (s Session) Run(ctx context.Context, commands []Command) error {
	shell, err := s.start(ctx)
	if err != nil {
		return err
	}
	defer shell.stop()
	for i, command := range commands {
		file := filepath.Join(s.Dir, fmt.Sprintf("block-%d.sh", i))
		if err := os.WriteFile(file, []byte(command.Block.Text), 0o600); err != nil {
			return fmt.Errorf("write block: %w", err)
		}
		if err := s.block(ctx, shell, file, command); err != nil {
			return fmt.Errorf("line %d: %w", command.Block.Line, err)
		}
	}
	return nil
}

func (s Session) block(ctx context.Context, shell *shell, file string, command Command) error {
	ctx, cancel := context.WithTimeout(ctx, s.Patience)
	defer cancel()
	again := time.NewTicker(200 * time.Millisecond)
	defer again.Stop()
	for {
		out, err := shell.source(ctx, file)
		if err != nil {
			return err
		}
		missing := lacks(out, command.Prints)
		if missing == "" {
			return nil
		}
		err = fmt.Errorf("it does not print %q, or not in this order, but\n%s", missing, out)
		if !command.Repeat {
			return err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("not within %s: %w", s.Patience, err)
		case <-again.C:
		}
	}
}

// lacks returns the first line that is not in the output after those before it.
func lacks(out string, wanted []string) string {
	lines := strings.Split(out, "\n")
	for _, want := range wanted {
		found := false
		for !found && len(lines) > 0 {
			found = strings.TrimSpace(lines[0]) == strings.TrimSpace(want)
			lines = lines[1:]
		}
		if !found {
			return want
		}
	}
	return ""
}

// shell is a running bash.
type shell struct {
	input  io.Writer
	output <-chan string
	// stop ends it, with what it has left in the background.
	stop func()
}

// mark ends the output of a block; the status of the first command that failed
// follows, or 0.
const mark = "--- end of block, status "

func (s Session) start(ctx context.Context) (*shell, error) {
	ctx, cancel := context.WithCancel(ctx)
	cmd := exec.CommandContext(ctx, "bash", "--norc")
	cmd.Dir, cmd.Env, cmd.WaitDelay = s.Dir, append(os.Environ(), s.Env...), 10*time.Second
	// A group of its own, so that what runs in the background ends with it.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	output, writer := io.Pipe()
	cmd.Stdout, cmd.Stderr = writer, writer
	input, err := cmd.StdinPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		cancel()
		return nil, fmt.Errorf("start a shell: %w", err)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = cmd.Wait()
		_ = writer.Close()
	}()
	started := &shell{input: input, output: lines(output)}
	started.stop = func() {
		cancel()
		for range started.output { // whatever is printed at the end
			continue
		}
		<-ended
	}
	// What fails within a block counts, not only its last command.
	_, err = io.WriteString(input, "trap 'failed=$?' ERR\n")
	return started, err
}

// lines hands out what is read, line by line, until the end.
func lines(from io.Reader) <-chan string {
	read := make(chan string)
	go func() {
		defer close(read)
		for scanner := bufio.NewScanner(from); scanner.Scan(); {
			read <- scanner.Text()
		}
	}()
	return read
}

// source runs a file in the shell and returns what it printed.
func (s *shell) source(ctx context.Context, file string) (string, error) {
	if _, err := fmt.Fprintf(s.input, "failed=0; source %s </dev/null; echo \"%s$failed\"\n", file, mark); err != nil {
		return "", fmt.Errorf("type a command: %w", err)
	}
	var out strings.Builder
	for {
		select {
		case <-ctx.Done():
			return "", fmt.Errorf("the block does not end: %w, so far\n%s", ctx.Err(), out.String())
		case line, open := <-s.output:
			status, ended := strings.CutPrefix(line, mark)
			switch {
			case !open:
				return "", fmt.Errorf("the shell has ended, after\n%s", out.String())
			case ended && status != "0":
				return "", fmt.Errorf("status %s, after\n%s", status, out.String())
			case ended:
				return out.String(), nil
			}
			out.WriteString(line + "\n")
		}
	}
}
