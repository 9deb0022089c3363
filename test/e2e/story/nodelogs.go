// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package story

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// nodeLogs reads the logs of pods where the container runtime writes them, as log
// collectors on a node do: a file that was opened is read to its end, also when it
// was renamed, compressed or removed meanwhile. So it has all that a pod has
// written, after any rotation and after the pod is gone.
type nodeLogs struct {
	pattern string
	stopped chan struct{}
	done    sync.WaitGroup

	mu    sync.Mutex
	boots []*bootLog
	err   error
}

// bootName says which start of a pod's container is meant.
type bootName struct {
	pod      string
	restarts int
}

func (n bootName) String() string { return fmt.Sprintf("%s.%d", n.pod, n.restarts) }

// bootLog is what one start of a container has written.
type bootLog struct {
	name  bootName
	files []*logFile
}

type logFile struct {
	file *os.File
	info fs.FileInfo
	// read is how much of it was handed out, in whole lines.
	read int64
}

// readNodeLogs begins with the pods of a namespace whose names begin so, none of
// which exists yet. Stop it.
func readNodeLogs(folder, namespace, prefix, container string) *nodeLogs {
	// The kubelet's folders are NAMESPACE_POD_UID/CONTAINER, and the file that is
	// written to is RESTARTS.log. Rotated ones have other names: they were opened
	// when they had this one.
	l := &nodeLogs{
		pattern: filepath.Join(folder, namespace+"_"+prefix+"*", container, "*.log"),
		stopped: make(chan struct{}),
	}
	l.done.Go(func() {
		ticker := time.NewTicker(50 * time.Millisecond)
		defer ticker.Stop()
		for {
			l.look()
			select {
			case <-l.stopped:
				return
			case <-ticker.C:
			}
		}
	})
	return l
}

// look opens what is new.
func (l *nodeLogs) look() {
	paths, err := filepath.Glob(l.pattern)
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, path := range paths {
		err = errors.Join(err, l.open(path))
	}
	if l.err == nil {
		l.err = err
	}
}

func (l *nodeLogs) open(path string) error {
	number, err := strconv.Atoi(strings.TrimSuffix(filepath.Base(path), ".log"))
	parts := strings.Split(filepath.Base(filepath.Dir(filepath.Dir(path))), "_")
	if err != nil || len(parts) != 3 {
		return fmt.Errorf("%s is not the name of a log as kubelets choose it", path)
	}
	file, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil // It is being rotated, or was removed.
	}
	if err != nil {
		return fmt.Errorf("open the log of a pod: %w", err)
	}
	info, err := file.Stat()
	if err != nil {
		return errors.Join(fmt.Errorf("open the log of a pod: %w", err), file.Close())
	}
	boot := l.boot(bootName{pod: parts[1], restarts: number})
	if n := len(boot.files); n > 0 && os.SameFile(boot.files[n-1].info, info) {
		return file.Close()
	}
	boot.files = append(boot.files, &logFile{file: file, info: info})
	return nil
}

// boot finds one by its name, a new one if there is none. Others hold mu.
func (l *nodeLogs) boot(name bootName) *bootLog {
	for _, boot := range l.boots {
		if boot.name == name {
			return boot
		}
	}
	boot := &bootLog{name: name}
	l.boots = append(l.boots, boot)
	return boot
}

// files counts those of each boot.
func (l *nodeLogs) files() map[bootName]int {
	l.mu.Lock()
	defer l.mu.Unlock()
	counts := map[bootName]int{}
	for _, boot := range l.boots {
		counts[boot.name] = len(boot.files)
	}
	return counts
}

func (l *nodeLogs) problem() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.err
}

// lines hands over the lines that are new, in the order of each file. The bytes are
// good until the next line.
func (l *nodeLogs) lines(use func(boot bootName, line []byte)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, boot := range l.boots {
		for _, file := range boot.files {
			err := file.lines(func(line []byte) { use(boot.name, line) })
			if l.err == nil {
				l.err = err
			}
		}
	}
}

// lines reads to the end of the file, but for a line that is being written.
func (f *logFile) lines(use func([]byte)) error {
	data, err := io.ReadAll(io.NewSectionReader(f.file, f.read, 1<<40))
	if err != nil {
		return fmt.Errorf("read the log of a pod: %w", err)
	}
	for {
		line, rest, ended := bytes.Cut(data, []byte("\n"))
		if !ended {
			return nil
		}
		f.read += int64(len(line)) + 1
		use(line)
		data = rest
	}
}

// copied is the log of one boot in files of ours, the oldest first.
type copied struct {
	boot  bootName
	files []string
	size  int64
}

// copy writes all logs below a folder, as they are by now.
func (l *nodeLogs) copy(folder string) ([]copied, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	var all []copied
	for _, boot := range l.boots {
		one := copied{boot: boot.name}
		for i, file := range boot.files {
			path := filepath.Join(folder, fmt.Sprintf("%s.log.%d", boot.name, i+1))
			data, err := io.ReadAll(io.NewSectionReader(file.file, 0, 1<<40))
			if err == nil {
				err = os.WriteFile(path, data, 0o600)
			}
			if err != nil {
				return nil, fmt.Errorf("copy the log of a pod: %w", err)
			}
			one.files = append(one.files, path)
			one.size += int64(len(data))
		}
		all = append(all, one)
	}
	slices.SortFunc(all, func(a, b copied) int { return strings.Compare(a.boot.String(), b.boot.String()) })
	return all, nil
}

// stop ends the reading.
func (l *nodeLogs) stop() {
	close(l.stopped)
	l.done.Wait()
	for _, boot := range l.boots {
		for _, file := range boot.files {
			_ = file.file.Close()
		}
	}
}
