// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package node

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"
)

// stopTimeout is the time that the kernel gets to end all processes.
const stopTimeout = 20 * time.Second

// launch starts the supervisor in new namespaces, plugs the network in and
// lets it start the components.
func (l Layout) launch(ctx context.Context) (record Record, err error) {
	if err := l.installSupervisor(); err != nil {
		return Record{}, fmt.Errorf("copy the supervisor: %w", err)
	}
	if err := makeCgroups(l.Name()); err != nil {
		return Record{}, err
	}
	waitRead, waitWrite, err := os.Pipe()
	if err != nil {
		return Record{}, err
	}
	defer closeAll(waitRead, waitWrite)
	readyRead, readyWrite, err := os.Pipe()
	if err != nil {
		return Record{}, err
	}
	defer closeAll(readyRead, readyWrite)
	pid, err := l.fork(ctx, waitRead, readyWrite)
	if err != nil {
		return Record{}, err
	}
	record, err = recordOf(pid, l.Subnet.String())
	if err != nil {
		return Record{}, fmt.Errorf("the supervisor ended at once, see %s: %w", l.log("supervisor"), err)
	}
	if err := writeJSON(l.record(), record); err != nil {
		return record, err
	}
	readyWrite.Close()
	if err := readyRead.SetReadDeadline(time.Now().Add(10 * time.Second)); err != nil {
		return record, err
	}
	if line, err := bufio.NewReader(readyRead).ReadString('\n'); err != nil {
		return record, fmt.Errorf("the supervisor did not get ready (%q), see %s: %w", line, l.log("supervisor"), err)
	}
	if err := l.plugIn(ctx, pid); err != nil {
		return record, err
	}
	_, err = io.WriteString(waitWrite, "go\n")
	return record, err
}

// fork starts the supervisor with an environment of its own: proxy variables
// of the caller have no business inside the cluster.
func (l Layout) fork(ctx context.Context, wait, ready *os.File) (pid int, err error) {
	log, err := os.OpenFile(l.log("supervisor"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return 0, err
	}
	defer log.Close()
	// Not to be killed when this command is interrupted later on.
	cmd := exec.CommandContext(context.WithoutCancel(ctx), l.supervisor(), "supervise")
	cmd.Dir = "/"
	cmd.Env = []string{
		"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/root", "LANG=C.UTF-8",
		"WSGATEWAY_STATE=" + l.State, "WSGATEWAY_SUBNET=" + l.Subnet.String(),
	}
	cmd.Stdout, cmd.Stderr = log, log
	cmd.ExtraFiles = []*os.File{wait, ready}
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Setsid: true,
		Cloneflags: syscall.CLONE_NEWPID | syscall.CLONE_NEWNS | syscall.CLONE_NEWNET |
			syscall.CLONE_NEWUTS | syscall.CLONE_NEWIPC,
	}
	if err := cmd.Start(); err != nil {
		return 0, fmt.Errorf("root may not make namespaces on this machine (%w)%s", err, elsewhere)
	}
	pid = cmd.Process.Pid
	// Reap it should it end while this command still runs, else it would
	// look alive as a zombie.
	go func() { _ = cmd.Wait() }()
	return pid, nil
}

// installSupervisor copies this program, because "go run" deletes it.
func (l Layout) installSupervisor() error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(l.supervisor()), 0o755); err != nil {
		return err
	}
	// Not over the old file: it may be the program of a dying process.
	if err := os.Remove(l.supervisor()); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	source, err := os.Open(self)
	if err != nil {
		return err
	}
	defer source.Close()
	target, err := os.OpenFile(l.supervisor(), os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o755)
	if err != nil {
		return err
	}
	if _, err := io.Copy(target, source); err != nil {
		target.Close()
		return err
	}
	return target.Close()
}

// stop ends every process of the node and removes what the kernel keeps. It
// does not touch the state folder, and is right in any state of decay.
func (l Layout) stop(ctx context.Context) error {
	var record Record
	if err := readJSON(l.record(), &record); err != nil {
		return err
	}
	if err := record.Kill(stopTimeout); err != nil {
		return err
	}
	if err := killCgroups(l.Name()); err != nil {
		return err
	}
	if err := l.unplug(ctx); err != nil {
		return err
	}
	if err := removeCgroups(l.Name()); err != nil {
		return err
	}
	for _, file := range []string{l.record(), l.components()} {
		if err := os.Remove(file); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

// lock keeps two commands from changing the node at the same time.
func (l Layout) lock() (unlock func(), err error) {
	if err := os.MkdirAll(l.State, 0o755); err != nil {
		return nil, fmt.Errorf("state folder, set WSGATEWAY_STATE to another one: %w", err)
	}
	file, err := os.OpenFile(filepath.Join(l.State, "lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX); err != nil {
		return nil, err
	}
	return func() { file.Close() }, nil
}

func closeAll(files ...*os.File) {
	for _, file := range files {
		file.Close()
	}
}
