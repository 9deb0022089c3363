// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package node

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strings"
	"sync"
	"syscall"
	"time"
)

// restartDelay keeps a component that fails at once from eating the CPU.
const restartDelay = time.Second

// Component is one process of the node.
type Component struct {
	Name    string   `json:"name"`
	Command []string `json:"command"`
	Env     []string `json:"env,omitempty"`
	Log     string   `json:"log"`
	// After is an address that must answer first: tcp://, unix:// or
	// https:// for a status of 200. Components that start too early exit
	// and fill the logs with errors that mean nothing.
	After string `json:"after,omitempty"`
}

// Plan is what the supervisor is told to do.
type Plan struct {
	Name       string      `json:"name"`
	Keep       []string    `json:"keep"` // folders that stay visible inside
	Components []Component `json:"components"`
}

// Process is the state of a component, for "status".
type Process struct {
	Name     string    `json:"name"`
	PID      int       `json:"pid"` // as seen inside the node; 0 while it waits to be started
	Restarts int       `json:"restarts"`
	Since    time.Time `json:"since"`
}

// supervisor is the first process of the node's PID namespace: it starts the
// components, restarts those that end, and reaps what containers leave behind.
type supervisor struct {
	layout    Layout
	mu        sync.Mutex // held while forking, so that no child is reaped before it is known
	running   map[int]*Component
	processes map[string]*Process
}

// Supervise runs in the new namespaces and never returns while all is well. It
// reports on ready that the mounts are made, then waits on wait for the host
// to have plugged the network in.
func Supervise(l Layout, wait, ready *os.File) error {
	var plan Plan
	if err := readJSON(l.plan(), &plan); err != nil {
		return err
	}
	if err := joinCgroups(plan.Name); err != nil {
		return err
	}
	if err := syscall.Sethostname([]byte(nodeName)); err != nil {
		return fmt.Errorf("set the host name: %w", err)
	}
	if err := mountNode(l, append(plan.Keep, l.State)); err != nil {
		return err
	}
	if _, err := ready.WriteString("ready\n"); err != nil {
		return err
	}
	ready.Close()
	if line, err := bufio.NewReader(wait).ReadString('\n'); err != nil || line != "go\n" {
		return fmt.Errorf("the command that starts the node went away before the network was ready (%q)", line)
	}
	wait.Close()
	s := &supervisor{layout: l, running: map[int]*Component{}, processes: map[string]*Process{}}
	return s.run(plan)
}

func (s *supervisor) run(plan Plan) error {
	// The first process of a PID namespace gets only signals that it
	// handles, so SIGTERM needs a handler to work at all.
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGTERM, syscall.SIGINT)
	children := make(chan os.Signal, 1)
	signal.Notify(children, syscall.SIGCHLD)
	for i := range plan.Components {
		go s.start(&plan.Components[i], 0)
	}
	go func() {
		for !answers(s.layout.Server() + "/readyz") {
			time.Sleep(restartDelay)
		}
		s.layout.balance(context.Background())
	}()
	for {
		select {
		case <-stop:
			return nil
		case <-children:
			s.reap()
		}
	}
}

// reap collects every child that has ended. One signal may stand for many.
func (s *supervisor) reap() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for {
		var status syscall.WaitStatus
		pid, err := syscall.Wait4(-1, &status, syscall.WNOHANG, nil)
		if errors.Is(err, syscall.EINTR) {
			continue
		}
		if pid <= 0 || err != nil {
			return
		}
		component, ours := s.running[pid]
		if !ours {
			continue // an orphan of a container
		}
		delete(s.running, pid)
		s.processes[component.Name].PID = 0
		s.save()
		fmt.Fprintf(os.Stderr, "%s %s (pid %d) ended with status %d, signal %d, starting it again\n",
			time.Now().Format(time.RFC3339), component.Name, pid, status.ExitStatus(), status.Signal())
		go s.start(component, restartDelay)
	}
}

// start waits until the component can do its work and starts it.
func (s *supervisor) start(c *Component, delay time.Duration) {
	time.Sleep(delay)
	for c.After != "" && !answers(c.After) {
		time.Sleep(100 * time.Millisecond)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	pid, err := spawn(c)
	if err != nil {
		fmt.Fprintln(os.Stderr, time.Now().Format(time.RFC3339), "start", c.Name+":", err)
		go s.start(c, 10*restartDelay)
		return
	}
	s.running[pid] = c
	process, again := s.processes[c.Name]
	if !again {
		process = &Process{Name: c.Name, Restarts: -1}
		s.processes[c.Name] = process
	}
	process.PID, process.Since = pid, time.Now()
	process.Restarts++
	s.save()
}

// save writes what "status" shows. The caller holds the lock.
func (s *supervisor) save() {
	if err := writeJSON(s.layout.components(), s.processes); err != nil {
		fmt.Fprintln(os.Stderr, "write status:", err)
	}
}

// spawn forks a component with its output going to its log. os/exec is of no
// use here, because reap collects all children and Wait would find none.
func spawn(c *Component) (pid int, err error) {
	log, err := os.OpenFile(c.Log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return 0, err
	}
	defer log.Close()
	null, err := os.Open(os.DevNull)
	if err != nil {
		return 0, err
	}
	defer null.Close()
	return syscall.ForkExec(c.Command[0], c.Command, &syscall.ProcAttr{
		Dir:   "/",
		Env:   append(os.Environ(), c.Env...),
		Files: []uintptr{null.Fd(), log.Fd(), log.Fd()},
		Sys:   &syscall.SysProcAttr{Setsid: true},
	})
}

// answers tells whether something listens at the address.
func answers(address string) bool {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	network, target, _ := strings.Cut(address, "://")
	if network != "https" {
		conn, err := new(net.Dialer).DialContext(ctx, network, target)
		if err != nil {
			return false
		}
		conn.Close()
		return true
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return false
	}
	// Whether the API server is up is no secret and nothing is sent to it:
	// its certificate need not be checked for that.
	transport := &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, DisableKeepAlives: true} //nolint:gosec // see above
	response, err := transport.RoundTrip(request)
	if err != nil {
		return false
	}
	response.Body.Close()
	return response.StatusCode == http.StatusOK
}
