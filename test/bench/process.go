// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package bench

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"time"

	"github.com/wsgateway/websocket-gateway-operator/test/bench/load"
)

// startTime is more than any of the programs needs to listen.
const startTime = 20 * time.Second

// process is a program that runs beside the test.
type process struct {
	name    string
	command *exec.Cmd
	stderr  *tail
	done    chan error
}

// tail keeps the end of what a program says.
type tail struct{ kept []byte }

func (t *tail) Write(p []byte) (int, error) {
	t.kept = append(t.kept, p...)
	t.kept = t.kept[max(0, len(t.kept)-4096):]
	return len(p), nil
}

// start runs a command on one processor, so that what is measured and what
// measures do not take turns. The program ends with the thread that started it:
// the caller has locked its goroutine to that.
func start(name string, command *exec.Cmd, processor int) (*process, error) {
	p := &process{name: name, command: command, stderr: &tail{}, done: make(chan error, 1)}
	if taskset, err := exec.LookPath("taskset"); err == nil && runtime.NumCPU() > 1 {
		command.Args = append([]string{taskset, "-c", fmt.Sprint(processor), command.Path}, command.Args[1:]...)
		command.Path = taskset
	}
	command.Stderr = p.stderr
	// Nothing stays behind, however this process ends.
	command.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGTERM}
	if err := command.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	go func() { p.done <- command.Wait() }()
	return p, nil
}

func (p *process) pid() int { return p.command.Process.Pid }

// listens waits until somebody does at an address.
func (p *process) listens(ctx context.Context, address string) error {
	for deadline := time.Now().Add(startTime); ; {
		conn, err := (&net.Dialer{Timeout: time.Second}).DialContext(ctx, "tcp", address)
		if err == nil {
			return conn.Close()
		}
		select {
		case err := <-p.done:
			p.done <- err
			return fmt.Errorf("%s ended: %w\n%s", p.name, err, p.stderr.kept)
		case <-time.After(20 * time.Millisecond):
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("%s does not listen: %w\n%s", p.name, err, p.stderr.kept)
		}
	}
}

// end stops the program and waits for it.
func (p *process) end() error {
	if err := p.command.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("stop %s: %w", p.name, err)
	}
	select {
	case err := <-p.done:
		p.done <- err
		return nil
	case <-time.After(startTime):
		_ = p.command.Process.Kill()
		return fmt.Errorf("%s did not stop", p.name)
	}
}

// targetVariable tells this program that it is a generator, and of what.
const targetVariable = "WSGATEWAY_BENCH_TARGET"

// generator is a load generator that waits for orders.
type generator struct {
	*process
	orders  io.Writer
	answers *bufio.Scanner
}

// generate starts this program again as a generator: its memory and its garbage
// are nobody else's.
func generate(ctx context.Context, target load.Target) (*generator, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("load: %w", err)
	}
	aim, err := json.Marshal(target)
	if err != nil {
		return nil, fmt.Errorf("load: %w", err)
	}
	command := exec.CommandContext(ctx, self)
	command.Env = append(os.Environ(), targetVariable+"="+string(aim))
	orders, err := command.StdinPipe()
	if err != nil {
		return nil, fmt.Errorf("load: %w", err)
	}
	answers, err := command.StdoutPipe()
	if err != nil {
		return nil, fmt.Errorf("load: %w", err)
	}
	p, err := start("load", command, 1)
	if err != nil {
		return nil, err
	}
	return &generator{process: p, orders: orders, answers: bufio.NewScanner(answers)}, nil
}

// do has one order carried out.
func (g *generator) do(o load.Order) (load.Answer, error) {
	line, err := json.Marshal(o)
	if err != nil {
		return load.Answer{}, fmt.Errorf("load: %w", err)
	}
	if _, err := g.orders.Write(append(line, '\n')); err != nil {
		return load.Answer{}, fmt.Errorf("load: %w\n%s", err, g.stderr.kept)
	}
	if !g.answers.Scan() {
		return load.Answer{}, fmt.Errorf("load ended: %w\n%s", g.answers.Err(), g.stderr.kept)
	}
	var a load.Answer
	if err := json.Unmarshal(g.answers.Bytes(), &a); err != nil {
		return load.Answer{}, fmt.Errorf("load said %q: %w", strings.TrimSpace(g.answers.Text()), err)
	}
	if a.Error != "" {
		return a, fmt.Errorf("load: %s: %s", line, a.Error)
	}
	return a, nil
}
