// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package filewatch

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/wsgateway/websocket-gateway-operator/gateway/contract"
	"github.com/wsgateway/websocket-gateway-operator/gateway/secret"
)

const (
	// dataLink is the symbolic link that the kubelet swaps to replace all files
	// of a volume at once.
	dataLink = "..data"
	// maxFileBytes is above what a Secret or ConfigMap can hold.
	maxFileBytes = 2 << 20
	// readAttempts covers the kubelet replacing a generation that is being read.
	readAttempts = 10
)

// Folder is the files of one folder, all of one generation.
type Folder map[string][]byte

// Tree is the files below a root folder at one moment, in memory: whatever is
// built from it sees one state. It is not changed any more and safe for
// concurrent use.
type Tree struct {
	secret.Sealed

	config  Folder
	secrets map[string]Folder
}

// ReadTree reads the configuration folder and each folder of a Secret below
// root. Folders that are missing are empty; a folder that cannot be read is an
// error, so that nobody mistakes trouble for absence.
func ReadTree(ctx context.Context, root string) (*Tree, error) {
	config, err := readFolder(ctx, filepath.Join(root, contract.ConfigFolder))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("read configuration: %w", err)
	}
	t := &Tree{config: config, secrets: map[string]Folder{}}
	names, err := folders(filepath.Join(root, contract.SecretsFolder))
	if err != nil {
		return nil, fmt.Errorf("read secrets: %w", err)
	}
	for _, name := range names {
		folder, err := readFolder(ctx, filepath.Join(root, contract.SecretsFolder, name))
		switch {
		case errors.Is(err, fs.ErrNotExist):
		case err != nil:
			return nil, fmt.Errorf("read Secret %q: %w", name, err)
		default:
			t.secrets[name] = folder
		}
	}
	return t, nil
}

// folders lists the folders in a folder, none if it does not exist.
func folders(path string) ([]string, error) {
	entries, err := os.ReadDir(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	var names []string
	for _, entry := range entries {
		info, err := os.Stat(filepath.Join(path, entry.Name()))
		if err == nil && info.IsDir() && !strings.HasPrefix(entry.Name(), "..") {
			names = append(names, entry.Name())
		}
	}
	return names, nil
}

// readFolder reads a folder, again if the kubelet took the generation away
// meanwhile.
func readFolder(ctx context.Context, path string) (Folder, error) {
	var err error
	for range readAttempts {
		if err = ctx.Err(); err != nil {
			return nil, err
		}
		var folder Folder
		if folder, err = readGeneration(path); err == nil {
			return folder, nil
		}
	}
	return nil, err
}

// errReplaced means that the generation which was being read is not the one in
// force any more. It may have been removed in part meanwhile.
var errReplaced = errors.New("the content was replaced while it was read")

// readGeneration reads all files through the target that the link has now. The
// kubelet moves the link before it removes the old generation, so what was read
// is whole if the link has not moved.
func readGeneration(path string) (Folder, error) {
	target, err := generation(path)
	if err != nil {
		return nil, err
	}
	folder, err := readAll(filepath.Join(path, target))
	// What was not found because it was just removed is not missing.
	if now, moved := generation(path); moved != nil || now != target {
		return nil, errors.Join(errReplaced, moved)
	}
	return folder, err
}

// generation is the folder that the kubelet's link leads to, "." in a folder
// that has no such link.
func generation(path string) (string, error) {
	target, err := os.Readlink(filepath.Join(path, dataLink))
	if errors.Is(err, fs.ErrNotExist) {
		return ".", nil
	}
	return target, err
}

func readAll(path string) (Folder, error) {
	entries, err := os.ReadDir(path)
	if err != nil {
		return nil, err
	}
	folder := Folder{}
	for _, entry := range entries {
		if strings.HasPrefix(entry.Name(), "..") {
			continue
		}
		data, err := readFile(filepath.Join(path, entry.Name()))
		if err != nil {
			return nil, err
		}
		if data != nil {
			folder[entry.Name()] = data
		}
	}
	return folder, nil
}

// readFile returns nil for what is no regular file.
func readFile(path string) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil || !info.Mode().IsRegular() {
		return nil, err
	}
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = file.Close() }()
	data, err := io.ReadAll(io.LimitReader(file, maxFileBytes+1))
	if err != nil {
		return nil, err
	}
	if len(data) > maxFileBytes {
		return nil, fmt.Errorf("%s has more than %d bytes", path, maxFileBytes)
	}
	return data, nil
}

// Config returns a file of the configuration folder.
func (t *Tree) Config(name string) (data []byte, ok bool) {
	data, ok = t.config[name]
	return data, ok
}

// Read returns one key of a Secret, fs.ErrNotExist if there is none. The caller
// must not change the content.
func (t *Tree) Read(secret, key string) ([]byte, error) {
	data, ok := t.secrets[secret][key]
	if !ok {
		return nil, fmt.Errorf("secret %q, key %q: %w", secret, key, fs.ErrNotExist)
	}
	return data, nil
}

// List returns the keys of a Secret, sorted, fs.ErrNotExist if there is no such
// Secret. A volume whose Secret does not exist is an empty folder and counts as
// such.
func (t *Tree) List(secret string) ([]string, error) {
	folder, ok := t.secrets[secret]
	if !ok || len(folder) == 0 {
		return nil, fmt.Errorf("secret %q: %w", secret, fs.ErrNotExist)
	}
	return slices.Sorted(maps.Keys(folder)), nil
}

// Fingerprint is equal for trees with the same files and content.
func (t *Tree) Fingerprint() [sha256.Size]byte {
	hash := sha256.New()
	write := func(folder string, files Folder) {
		for _, name := range slices.Sorted(maps.Keys(files)) {
			sum := sha256.Sum256(files[name])
			_, _ = fmt.Fprintf(hash, "%q %q %x\n", folder, name, sum)
		}
	}
	write("", t.config)
	for _, name := range slices.Sorted(maps.Keys(t.secrets)) {
		write("/"+name, t.secrets[name])
	}
	return [sha256.Size]byte(hash.Sum(nil))
}
