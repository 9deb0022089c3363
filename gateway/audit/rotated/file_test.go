// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package rotated_test

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/wsgateway/websocket-gateway-operator/gateway/audit/rotated"
)

const name = "audit.log"

func open(t *testing.T, folder string, maxBytes int64, maxFiles int) *rotated.File {
	t.Helper()
	file := rotated.New(rotated.Options{Folder: folder, Name: name, MaxBytes: maxBytes, MaxFiles: maxFiles})
	t.Cleanup(func() { _ = file.Close() })
	return file
}

func write(t *testing.T, file *rotated.File, line string) {
	t.Helper()
	if n, err := file.Write([]byte(line)); err != nil || n != len(line) {
		t.Fatalf("write %q: %d, %v", line, n, err)
	}
}

// contents are the files by name.
func contents(t *testing.T, folder string) map[string]string {
	t.Helper()
	entries, err := os.ReadDir(folder)
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]string{}
	for _, entry := range entries {
		data, err := os.ReadFile(filepath.Join(folder, entry.Name()))
		if err != nil {
			t.Fatal(err)
		}
		found[entry.Name()] = string(data)
	}
	return found
}

func TestAFullFileIsPutAside(t *testing.T) {
	t.Parallel()
	folder := filepath.Join(t.TempDir(), "made", "here")
	file := open(t, folder, 10, 3)
	for _, line := range []string{"one\n", "two\n", "three\n", "four\n", "fi\n", "seven\n", "eight\n"} {
		write(t, file, line)
	}
	want := map[string]string{"audit.log.3": "four\nfi\n", "audit.log.4": "seven\n", name: "eight\n"}
	if diff := cmp.Diff(want, contents(t, folder)); diff != "" {
		t.Errorf("files (-want +got):\n%s", diff)
	}
}

func TestAFileOfTheProcessBeforeIsContinued(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	for path, content := range map[string]string{name: "whole\ntor", "audit.log.7": "old\n", "audit.log.x": "not ours", "audit.log.08": "not ours"} {
		if err := os.WriteFile(filepath.Join(folder, path), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	file := open(t, folder, 20, 3)
	write(t, file, "next\n")
	write(t, file, "another\n")
	want := map[string]string{
		"audit.log.7": "old\n", "audit.log.8": "whole\ntor\nnext\n", name: "another\n", "audit.log.x": "not ours", "audit.log.08": "not ours",
	}
	if diff := cmp.Diff(want, contents(t, folder)); diff != "" {
		t.Errorf("files (-want +got):\n%s", diff)
	}
}

func TestFewerFilesThanBeforeAreKept(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	for _, path := range []string{"audit.log.1", "audit.log.2", "audit.log.10"} {
		if err := os.WriteFile(filepath.Join(folder, path), []byte("old\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(t, open(t, folder, 100, 2), "new\n")
	if diff := cmp.Diff(map[string]string{"audit.log.10": "old\n", name: "new\n"}, contents(t, folder)); diff != "" {
		t.Errorf("files (-want +got):\n%s", diff)
	}
}

// The sum is looked at after each line: the kubelet may look at any time.
func TestTheFilesNeverTakeMoreThanTheyMay(t *testing.T) {
	t.Parallel()
	const maxBytes, maxFiles, lines = 4096, 4, 5000
	folder := t.TempDir()
	file := open(t, folder, maxBytes, maxFiles)
	var all bytes.Buffer
	for i := range lines {
		line := fmt.Sprintf("%06d %s\n", i, strings.Repeat("x", i%300))
		write(t, file, line)
		all.WriteString(line)
		if i%50 != 0 {
			continue
		}
		sum, count := 0, 0
		for _, content := range contents(t, folder) {
			sum, count = sum+len(content), count+1
		}
		if sum > maxBytes*maxFiles || count > maxFiles {
			t.Fatalf("after line %d there are %d bytes in %d files", i, sum, count)
		}
	}
	found := contents(t, folder)
	last := found[name]
	delete(found, name)
	numbers := make([]string, 0, len(found))
	for path := range found {
		numbers = append(numbers, path)
	}
	slices.SortFunc(numbers, func(a, b string) int { return len(a)*1000 - len(b)*1000 + strings.Compare(a, b) })
	var kept strings.Builder
	for _, path := range numbers {
		kept.WriteString(found[path])
	}
	kept.WriteString(last)
	if len(numbers) != maxFiles-1 || !strings.HasSuffix(all.String(), kept.String()) {
		t.Errorf("the files %v do not hold the last lines, whole and in order", numbers)
	}
}

func TestALineThatFitsNoFileIsRefused(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	file := open(t, folder, 10, 2)
	if _, err := file.Write([]byte("more than ten bytes\n")); err == nil {
		t.Error("it was written")
	}
	write(t, file, "short\n")
}

func TestAFullDiskIsAnErrorAndNoMore(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	if err := os.Symlink("/dev/full", filepath.Join(folder, name)); err != nil {
		t.Fatal(err)
	}
	file := open(t, folder, 100, 2)
	for range 3 {
		if _, err := file.Write([]byte("line\n")); !errors.Is(err, syscall.ENOSPC) {
			t.Fatalf("error %v, want that there is no space", err)
		}
	}
	// There is room again.
	if err := os.Remove(filepath.Join(folder, name)); err != nil {
		t.Fatal(err)
	}
	write(t, file, "line\n")
	if diff := cmp.Diff(map[string]string{name: "line\n"}, contents(t, folder)); diff != "" {
		t.Errorf("files (-want +got):\n%s", diff)
	}
}

func TestAFolderThatCannotBeWrittenIsAnErrorAndNoMore(t *testing.T) {
	t.Parallel()
	above := t.TempDir()
	folder := filepath.Join(above, "audit")
	// A file in place of the folder stops everybody, root too.
	if err := os.WriteFile(folder, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	file := open(t, folder, 100, 2)
	_, err := file.Write([]byte("line\n"))
	if !errors.Is(err, syscall.ENOTDIR) || !strings.Contains(err.Error(), folder) {
		t.Fatalf("error %v, want one that names the folder", err)
	}
	if err := os.Remove(folder); err != nil {
		t.Fatal(err)
	}
	write(t, file, "line\n")
}

// A rotation that fails leaves the lines where they are.
func TestAFailedRotationLosesNothingThatWasWritten(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	file := open(t, folder, 10, 2)
	write(t, file, "one\n")
	write(t, file, "two\n")
	// The name that it would get is a folder that is not empty.
	if err := os.MkdirAll(filepath.Join(folder, "audit.log.1", "in the way"), 0o700); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if _, err := file.Write([]byte("three\n")); err == nil {
			t.Fatal("a line was written into a file that has no room")
		}
	}
	data, err := os.ReadFile(filepath.Join(folder, name))
	if err != nil || string(data) != "one\ntwo\n" {
		t.Errorf("the file has %q, %v", data, err)
	}
	if err := os.RemoveAll(filepath.Join(folder, "audit.log.1")); err != nil {
		t.Fatal(err)
	}
	write(t, file, "three\n")
	if diff := cmp.Diff(map[string]string{"audit.log.1": "one\ntwo\n", name: "three\n"}, contents(t, folder)); diff != "" {
		t.Errorf("files (-want +got):\n%s", diff)
	}
}

func TestStrangersCannotReadTheFiles(t *testing.T) {
	t.Parallel()
	folder := filepath.Join(t.TempDir(), "audit")
	write(t, open(t, folder, 100, 2), "line\n")
	for _, path := range []string{folder, filepath.Join(folder, name)} {
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode().Perm()&fs.FileMode(0o007) != 0 {
			t.Errorf("%s has mode %v", path, info.Mode())
		}
	}
}

func TestLinesThatComeTogetherAreDividedBetweenFilesAndNotInThemselves(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	file := open(t, folder, 10, 9)
	write(t, file, "one\ntwo\n")
	write(t, file, "three\nfour\nfi\n")
	write(t, file, "seven\neight\nnine\nten\n")
	want := map[string]string{
		"audit.log.1": "one\ntwo\n", "audit.log.2": "three\n", "audit.log.3": "four\nfi\n", "audit.log.4": "seven\n", "audit.log.5": "eight\n", name: "nine\nten\n",
	}
	if diff := cmp.Diff(want, contents(t, folder)); diff != "" {
		t.Errorf("files (-want +got):\n%s", diff)
	}
	if n, err := file.Write([]byte("a\nb\nfar too long\nc\n")); n != 4 || err == nil {
		t.Errorf("with a line that is too long: %d bytes written, %v", n, err)
	}
	if got := contents(t, folder)[name]; got != "a\nb\n" {
		t.Errorf("the file holds %q", got)
	}
}
