// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package filewatch_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/wsgateway/websocket-gateway-operator/gateway/contract"
	"github.com/wsgateway/websocket-gateway-operator/gateway/filewatch"
	"github.com/wsgateway/websocket-gateway-operator/test/wstest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func read(t *testing.T, root string) *filewatch.Tree {
	t.Helper()
	tree, err := filewatch.ReadTree(t.Context(), root)
	if err != nil {
		t.Fatal(err)
	}
	return tree
}

func TestATreeHoldsWhatTheVolumesHold(t *testing.T) {
	t.Parallel()
	root := wstest.NewRoot(t)
	root.RawConfig(t, map[string][]byte{contract.ConfigFile: []byte("{}")})
	root.Secret(t, "keys", map[string][]byte{"b": []byte("2"), "a": []byte("1")})
	root.Secret(t, "gone", map[string][]byte{"x": nil})
	root.DeleteSecret(t, "gone")
	tree := read(t, root.Path)
	if data, ok := tree.Config(contract.ConfigFile); !ok || string(data) != "{}" {
		t.Errorf("config %q %v", data, ok)
	}
	if _, ok := tree.Config(contract.EndpointsFile); ok {
		t.Error("a file that is not there")
	}
	if keys, err := tree.List("keys"); err != nil || !slices.Equal(keys, []string{"a", "b"}) {
		t.Errorf("keys %v %v", keys, err)
	}
	if data, err := tree.Read("keys", "b"); err != nil || string(data) != "2" {
		t.Errorf("content %q %v", data, err)
	}
	for _, missing := range []error{
		second(tree.Read("keys", "c")), second(tree.Read("other", "a")), second(tree.List("other")), second(tree.List("gone")),
	} {
		if !errors.Is(missing, fs.ErrNotExist) {
			t.Errorf("missing is %v", missing)
		}
	}
}

func second[T any](_ T, err error) error { return err }

func TestAMissingRootIsAnEmptyTree(t *testing.T) {
	t.Parallel()
	tree := read(t, filepath.Join(t.TempDir(), "later"))
	if tree.Fingerprint() != read(t, t.TempDir()).Fingerprint() {
		t.Error("two empty trees differ")
	}
}

func TestPlainFilesAreReadToo(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	folder := filepath.Join(root, contract.SecretsFolder, "keys")
	if err := os.MkdirAll(filepath.Join(folder, "folder"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(folder, "a"), []byte("1"), 0o600); err != nil {
		t.Fatal(err)
	}
	if keys, err := read(t, root).List("keys"); err != nil || !slices.Equal(keys, []string{"a"}) {
		t.Errorf("keys %v %v", keys, err)
	}
}

func TestAFileThatIsTooLargeIsAnErrorAndNotAbsent(t *testing.T) {
	t.Parallel()
	root := wstest.NewRoot(t)
	root.Secret(t, "big", map[string][]byte{"x": make([]byte, 3<<20)})
	if _, err := filewatch.ReadTree(t.Context(), root.Path); err == nil {
		t.Error("3 MiB were read")
	}
}

func TestTheFingerprintFollowsEveryByteAndName(t *testing.T) {
	t.Parallel()
	root := wstest.NewRoot(t)
	seen := map[[32]byte]string{}
	look := func(what string) {
		t.Helper()
		sum := read(t, root.Path).Fingerprint()
		if other, ok := seen[sum]; ok {
			t.Errorf("%s looks like %s", what, other)
		}
		seen[sum] = what
	}
	look("empty")
	root.Secret(t, "a", map[string][]byte{"k": []byte("1")})
	look("one Secret")
	root.Secret(t, "a", map[string][]byte{"k": []byte("2")})
	look("other content")
	root.Secret(t, "a", map[string][]byte{"l": []byte("2")})
	look("other key")
	root.RawConfig(t, map[string][]byte{"l": []byte("2")})
	look("in the configuration as well")
}

func TestNoReaderEverSeesTwoGenerationsMixed(t *testing.T) {
	t.Parallel()
	root := wstest.NewRoot(t)
	root.Secret(t, "pair", map[string][]byte{"a": []byte("0"), "b": []byte("0")})
	ctx, cancel := context.WithCancel(t.Context())
	var reading sync.WaitGroup
	reading.Go(func() {
		for ctx.Err() == nil {
			tree, err := filewatch.ReadTree(ctx, root.Path)
			if err != nil {
				// The writer replaced the generation at each attempt.
				continue
			}
			a, errA := tree.Read("pair", "a")
			b, errB := tree.Read("pair", "b")
			if errA != nil || errB != nil || string(a) != string(b) {
				t.Errorf("a is %q %v, b is %q %v", a, errA, b, errB)
				return
			}
		}
	})
	for i := range 300 {
		text := []byte(strconv.Itoa(i))
		root.Secret(t, "pair", map[string][]byte{"a": text, "b": text})
	}
	cancel()
	reading.Wait()
}

// watching starts a watch and returns what tells of changes.
func watching(t *testing.T, root string, o filewatch.Options) <-chan struct{} {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	changes := make(chan struct{}, 1000)
	done := make(chan struct{})
	o.Root, o.Logger = root, slog.New(slog.DiscardHandler)
	go func() {
		defer close(done)
		filewatch.Watch(ctx, o, func() { changes <- struct{}{} })
	}()
	t.Cleanup(func() {
		cancel()
		<-done
	})
	return changes
}

func expect(t *testing.T, changes <-chan struct{}, what string) {
	t.Helper()
	select {
	case <-changes:
	case <-time.After(time.Minute):
		t.Fatalf("nobody was told: %s", what)
	}
}

// quiet waits until nothing has been told for a while.
func quiet(changes <-chan struct{}) {
	for {
		select {
		case <-changes:
		case <-time.After(200 * time.Millisecond):
			return
		}
	}
}

func TestEveryKindOfChangeIsTold(t *testing.T) {
	t.Parallel()
	root := wstest.NewRoot(t)
	changes := watching(t, root.Path, filewatch.Options{Poll: time.Hour})
	expect(t, changes, "the start")
	plain := filepath.Join(root.Path, contract.ConfigFolder, "plain")
	for _, step := range []struct {
		name string
		do   func() error
	}{
		{"a configuration", func() error { root.RawConfig(t, map[string][]byte{"x": nil}); return nil }},
		{"a new Secret", func() error { root.Secret(t, "new", map[string][]byte{"x": []byte("1")}); return nil }},
		{"new content of it", func() error { root.Secret(t, "new", map[string][]byte{"x": []byte("2")}); return nil }},
		{"its end", func() error { return os.RemoveAll(filepath.Join(root.Path, contract.SecretsFolder, "new")) }},
		{"the same Secret again", func() error { root.Secret(t, "new", map[string][]byte{"x": []byte("3")}); return nil }},
		{"content of that", func() error { root.Secret(t, "new", map[string][]byte{"x": []byte("4")}); return nil }},
		{"a file that is written", func() error { return os.WriteFile(plain+"_tmp", []byte("1"), 0o600) }},
		{"a file that is renamed", func() error { return os.Rename(plain+"_tmp", plain) }},
	} {
		quiet(changes)
		if err := step.do(); err != nil {
			t.Fatal(err)
		}
		expect(t, changes, step.name)
	}
}

func TestABurstIsToldOnceAndAnEndlessOneNowAndThen(t *testing.T) {
	t.Parallel()
	root := wstest.NewRoot(t)
	const settle = 100 * time.Millisecond
	changes := watching(t, root.Path, filewatch.Options{Poll: time.Hour, Settle: settle})
	expect(t, changes, "the start")
	quiet(changes)
	begin, writes := time.Now(), 0
	// Ten times as long as it would have to be quiet, and some more.
	for len(changes) == 0 || time.Since(begin) < 15*settle {
		if time.Since(begin) > time.Minute {
			t.Fatal("nobody was told: a burst that did not end")
		}
		if err := os.WriteFile(filepath.Join(root.Path, contract.ConfigFolder, "x"), fmt.Append(nil, writes), 0o600); err != nil {
			t.Fatal(err)
		}
		writes++
		time.Sleep(5 * time.Millisecond)
	}
	// A writer that is kept waiting by a busy machine ends a burst, but each of them
	// takes its time to settle.
	if told, most := len(changes), int(time.Since(begin)/settle); told > most {
		t.Errorf("%d writes were told %d times, more than %d", writes, told, most)
	}
}

func TestThePollTellsWithoutNotifications(t *testing.T) {
	t.Parallel()
	changes := watching(t, filepath.Join(t.TempDir(), "later"), filewatch.Options{Poll: 50 * time.Millisecond})
	for range 3 {
		expect(t, changes, "the poll")
	}
}
