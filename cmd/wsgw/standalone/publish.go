// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package standalone

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Names in a published folder, as the kubelet uses them.
const (
	dataLink    = "..data"
	dataLinkNew = "..data_new"
	versionName = "..version-*"
)

// publish makes folder hold exactly these files, all of them at one moment: as in
// a mounted volume, each file is a link through ..data, and only that link is
// replaced. A reader never sees the certificate of one pair with the key of
// another.
func publish(folder string, files map[string][]byte) error {
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return fmt.Errorf("publish %s: %w", folder, err)
	}
	same, err := holds(folder, files)
	if err != nil || same {
		return err
	}
	version, err := writeVersion(folder, files)
	if err != nil {
		return fmt.Errorf("publish %s: %w", folder, err)
	}
	if err := swap(folder, version); err != nil {
		return fmt.Errorf("publish %s: %w", folder, errors.Join(err, os.RemoveAll(filepath.Join(folder, version))))
	}
	if err := link(folder, files); err != nil {
		return fmt.Errorf("publish %s: %w", folder, err)
	}
	return removeOthers(folder, version)
}

// holds tells whether the folder already has exactly these files.
func holds(folder string, files map[string][]byte) (bool, error) {
	entries, err := os.ReadDir(filepath.Join(folder, dataLink))
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("publish %s: %w", folder, err)
	}
	if len(entries) != len(files) {
		return false, nil
	}
	for name, content := range files {
		old, err := os.ReadFile(filepath.Join(folder, dataLink, name))
		if err != nil || string(old) != string(content) {
			return false, nil //nolint:nilerr // what cannot be read is written anew
		}
		if _, err := os.Lstat(filepath.Join(folder, name)); err != nil {
			return false, nil //nolint:nilerr // as above
		}
	}
	return true, nil
}

func writeVersion(folder string, files map[string][]byte) (string, error) {
	path, err := os.MkdirTemp(folder, versionName)
	if err != nil {
		return "", err
	}
	for name, content := range files {
		if err := checkFileName(name); err != nil {
			return "", errors.Join(err, os.RemoveAll(path))
		}
		if err := os.WriteFile(filepath.Join(path, name), content, 0o600); err != nil {
			return "", errors.Join(err, os.RemoveAll(path))
		}
	}
	return filepath.Base(path), nil
}

// checkFileName keeps a key of a manifest inside its folder.
func checkFileName(name string) error {
	if name == "" || name == "." || strings.HasPrefix(name, "..") || strings.ContainsAny(name, "/\\\x00") {
		return fmt.Errorf("%q cannot be a key: keys have letters, digits, dots, - and _", name)
	}
	return nil
}

func swap(folder, version string) error {
	next := filepath.Join(folder, dataLinkNew)
	if err := os.RemoveAll(next); err != nil {
		return err
	}
	if err := os.Symlink(version, next); err != nil {
		return err
	}
	return os.Rename(next, filepath.Join(folder, dataLink))
}

// link adds the links of new files and removes those of files that have gone.
func link(folder string, files map[string][]byte) error {
	for _, name := range slices.Sorted(maps.Keys(files)) {
		err := os.Symlink(filepath.Join(dataLink, name), filepath.Join(folder, name))
		if err != nil && !errors.Is(err, fs.ErrExist) {
			return err
		}
	}
	entries, err := os.ReadDir(folder)
	if err != nil {
		return err
	}
	for _, entry := range entries {
		if _, wanted := files[entry.Name()]; wanted || strings.HasPrefix(entry.Name(), "..") {
			continue
		}
		if err := os.RemoveAll(filepath.Join(folder, entry.Name())); err != nil {
			return err
		}
	}
	return nil
}

// removeOthers removes earlier versions, those of a crash included.
func removeOthers(folder, version string) error {
	entries, err := os.ReadDir(folder)
	if err != nil {
		return fmt.Errorf("publish %s: %w", folder, err)
	}
	for _, entry := range entries {
		if !strings.HasPrefix(entry.Name(), strings.TrimSuffix(versionName, "*")) || entry.Name() == version {
			continue
		}
		if err := os.RemoveAll(filepath.Join(folder, entry.Name())); err != nil {
			return fmt.Errorf("publish %s: %w", folder, err)
		}
	}
	return nil
}
