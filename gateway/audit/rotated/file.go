// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

// Package rotated writes lines to a file that is replaced when it is full. All
// files together never take more than they may: in a pod they are in a volume
// with a limit, and who exceeds that is evicted, with all connections.
package rotated

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

const (
	folderMode fs.FileMode = 0o750
	// fileMode lets the group read: in a pod, collectors on the node have another
	// user.
	fileMode fs.FileMode = 0o640
)

// Options configure New. All are required.
type Options struct {
	// Folder holds the files. It is made if it does not exist.
	Folder string
	// Name of the file that is written. A full one becomes NAME.1, NAME.2 and so
	// on: a greater number is a later file.
	Name string
	// MaxBytes of a file. Each has whole lines, so it is somewhat smaller; a line
	// that is larger than this alone is an error.
	MaxBytes int64
	// MaxFiles that are kept, with the one that is written. The oldest is removed
	// before a new one is begun. At least 2.
	MaxFiles int
}

// File is an io.Writer of lines. It opens nothing before the first line. It is
// not safe for concurrent use.
type File struct {
	options Options
	file    *os.File
	size    int64
}

// New returns a File. Close it.
func New(o Options) *File { return &File{options: o} }

// Write appends whole lines, in a new file from the first on that does not fit the
// old one. After an error nothing is lost of what was written before, and the next
// lines are tried anew: a disk may have room again, a folder may be writable again.
func (f *File) Write(lines []byte) (written int, err error) {
	for written < len(lines) {
		n, err := f.begin(lines[written:])
		written += n
		if err != nil {
			return written, err
		}
	}
	return written, nil
}

// begin writes as many lines as fit the file, or else a new one.
func (f *File) begin(lines []byte) (int, error) {
	first := bytes.IndexByte(lines, '\n') + 1
	if first == 0 {
		first = len(lines)
	}
	if int64(first) > f.options.MaxBytes {
		return 0, fmt.Errorf("write %s: a line of %d bytes does not fit a file of %d", f.path(), first, f.options.MaxBytes)
	}
	if err := f.open(); err != nil {
		return 0, err
	}
	fitting := f.fitting(lines)
	if fitting == 0 {
		if err := f.rotate(); err != nil {
			return 0, err
		}
		// At least one line, whatever else writes to the new file: the caller would try
		// for ever.
		fitting = max(f.fitting(lines), first)
	}
	n, err := f.file.Write(lines[:fitting])
	f.size += int64(n)
	if err != nil {
		// The descriptor may be of a volume that has gone; the next one is not.
		f.release()
		return n, fmt.Errorf("write %s: %w", f.path(), plain(err))
	}
	return n, nil
}

// fitting is how many bytes of lines, all of them whole, the file has room for.
func (f *File) fitting(lines []byte) int {
	room := f.options.MaxBytes - f.size
	switch {
	case int64(len(lines)) <= room:
		return len(lines)
	case room <= 0:
		return 0
	}
	return bytes.LastIndexByte(lines[:room], '\n') + 1
}

// Close releases the file.
func (f *File) Close() error {
	if f.file == nil {
		return nil
	}
	file := f.file
	f.file, f.size = nil, 0
	// What a process leaves in the cache of the kernel survives the process, but
	// not the node.
	if err := errors.Join(file.Sync(), file.Close()); err != nil {
		return fmt.Errorf("close %s: %w", f.path(), plain(err))
	}
	return nil
}

func (f *File) release() {
	if f.file != nil {
		_ = f.file.Close()
	}
	f.file, f.size = nil, 0
}

func (f *File) path() string { return filepath.Join(f.options.Folder, f.options.Name) }

// open goes on with the file that is there: it may be of the process before.
func (f *File) open() error {
	if f.file != nil {
		return nil
	}
	if err := os.MkdirAll(f.options.Folder, folderMode); err != nil {
		return fmt.Errorf("make folder %s: %w", f.options.Folder, plain(err))
	}
	if err := f.prune(f.options.MaxFiles - 1); err != nil {
		return err
	}
	file, err := os.OpenFile(f.path(), os.O_WRONLY|os.O_CREATE|os.O_APPEND, fileMode)
	if err != nil {
		return fmt.Errorf("open %s: %w", f.path(), plain(err))
	}
	size, err := completed(file)
	if err != nil {
		_ = file.Close()
		return fmt.Errorf("open %s: %w", f.path(), plain(err))
	}
	f.file, f.size = file, size
	return nil
}

// completed ends the line in the middle of which a process before was killed, so
// that it spoils no other.
func completed(file *os.File) (size int64, err error) {
	info, err := file.Stat()
	if err != nil || info.Size() == 0 || !info.Mode().IsRegular() {
		return 0, err
	}
	readable, err := os.Open(file.Name())
	if err != nil {
		return 0, err
	}
	defer func() { _ = readable.Close() }()
	last := make([]byte, 1)
	if _, err := readable.ReadAt(last, info.Size()-1); err != nil {
		return 0, err
	}
	if last[0] == '\n' {
		return info.Size(), nil
	}
	n, err := file.WriteString("\n")
	return info.Size() + int64(n), err
}

// rotate puts the full file aside and begins another. Room is made first: there
// must not be a file too many for a moment.
func (f *File) rotate() error {
	if err := f.prune(f.options.MaxFiles - 2); err != nil {
		return err
	}
	aside, err := f.aside()
	if err != nil {
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	next := 1
	if len(aside) > 0 {
		next = aside[len(aside)-1] + 1
	}
	if err := os.Rename(f.path(), f.numbered(next)); err != nil {
		return fmt.Errorf("put %s aside: %w", f.path(), plain(err))
	}
	return f.open()
}

// prune removes the oldest files that were put aside, but for so many.
func (f *File) prune(keep int) error {
	aside, err := f.aside()
	if err != nil {
		return err
	}
	for len(aside) > keep {
		if err := os.Remove(f.numbered(aside[0])); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("remove %s: %w", f.numbered(aside[0]), plain(err))
		}
		aside = aside[1:]
	}
	return nil
}

func (f *File) numbered(number int) string { return f.path() + "." + strconv.Itoa(number) }

// aside lists the numbers of the files that were put aside, the oldest first.
func (f *File) aside() ([]int, error) {
	entries, err := os.ReadDir(f.options.Folder)
	if err != nil {
		return nil, fmt.Errorf("list %s: %w", f.options.Folder, plain(err))
	}
	var numbers []int
	for _, entry := range entries {
		suffix, ok := strings.CutPrefix(entry.Name(), f.options.Name+".")
		number, err := strconv.Atoi(suffix)
		if ok && err == nil && number > 0 && strconv.Itoa(number) == suffix {
			numbers = append(numbers, number)
		}
	}
	slices.SortFunc(numbers, cmp.Compare)
	return numbers, nil
}

// plain is an error without the path, which the errors around it name.
func plain(err error) error {
	if failed, ok := errors.AsType[*fs.PathError](err); ok {
		return failed.Err
	}
	if failed, ok := errors.AsType[*os.LinkError](err); ok {
		return failed.Err
	}
	return err
}
