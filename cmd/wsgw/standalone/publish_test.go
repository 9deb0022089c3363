// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package standalone_test

import (
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"testing"

	"github.com/wsgateway/websocket-gateway-operator/cmd/wsgw/standalone"
)

func visible(t *testing.T, folder string) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(folder, "[^.]*"))
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, file := range files {
		names = append(names, filepath.Base(file))
	}
	slices.Sort(names)
	return names
}

func TestAPublishedFolderHoldsExactlyItsFiles(t *testing.T) {
	t.Parallel()
	folder := filepath.Join(t.TempDir(), "volume")
	for _, files := range []map[string][]byte{
		{"a": []byte("1"), "b": []byte("2")},
		{"b": []byte("3"), "c": []byte("4")},
		{},
		{"a": []byte("5")},
	} {
		if err := standalone.Publish(folder, files); err != nil {
			t.Fatal(err)
		}
		names := visible(t, folder)
		if len(names) != len(files) {
			t.Fatalf("%v is there, want %d files", names, len(files))
		}
		for _, name := range names {
			content, err := os.ReadFile(filepath.Join(folder, name))
			if err != nil || string(content) != string(files[name]) {
				t.Errorf("%s holds %q, want %q (%v)", name, content, files[name], err)
			}
		}
		if versions, err := filepath.Glob(filepath.Join(folder, "..version-*")); err != nil || len(versions) != 1 {
			t.Errorf("versions left: %v (%v)", versions, err)
		}
	}
}

func TestPublishingTheSameChangesNothing(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	files := map[string][]byte{"a": []byte("1")}
	var targets []string
	for range 2 {
		if err := standalone.Publish(folder, files); err != nil {
			t.Fatal(err)
		}
		target, err := os.Readlink(filepath.Join(folder, "..data"))
		if err != nil {
			t.Fatal(err)
		}
		targets = append(targets, target)
	}
	if targets[0] != targets[1] {
		t.Errorf("%s was replaced by %s", targets[0], targets[1])
	}
}

func TestAReaderSeesAllFilesOfOneVersion(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	version := func(i int) map[string][]byte {
		text := []byte(strconv.Itoa(i))
		return map[string][]byte{"tls.crt": text, "tls.key": text}
	}
	if err := standalone.Publish(folder, version(0)); err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	var reading sync.WaitGroup
	compared := 0
	reading.Go(func() {
		for {
			select {
			case <-done:
				return
			default:
			}
			// As the gateway reads: through the link as it is at one moment. A
			// version that is removed meanwhile is read again.
			target, err := os.Readlink(filepath.Join(folder, "..data"))
			if err != nil {
				t.Errorf("there was no ..data: %v", err)
				return
			}
			data := filepath.Join(folder, target)
			certificate, certificateErr := os.ReadFile(filepath.Join(data, "tls.crt"))
			key, keyErr := os.ReadFile(filepath.Join(data, "tls.key"))
			if certificateErr != nil || keyErr != nil {
				continue
			}
			compared++
			if string(certificate) != string(key) {
				t.Errorf("certificate of version %s with the key of version %s", certificate, key)
			}
		}
	})
	for i := range 300 {
		if err := standalone.Publish(folder, version(i)); err != nil {
			t.Error(err)
		}
	}
	close(done)
	reading.Wait()
	if compared == 0 {
		t.Error("the reader never saw a version")
	}
}

func TestKeysThatLeadOutOfTheFolderAreRefused(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"", ".", "..", "../a", "a/b", "..data", "a\\b"} {
		folder := t.TempDir()
		if err := standalone.Publish(folder, map[string][]byte{name: []byte("x")}); err == nil {
			t.Errorf("%q is accepted", name)
		}
		if names := visible(t, folder); len(names) != 0 {
			t.Errorf("%q left %v", name, names)
		}
	}
}
