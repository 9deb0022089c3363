// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package wstest

import (
	"os"
	"path/filepath"
	"strconv"
	"sync/atomic"
	"testing"

	"github.com/wsgateway/websocket-gateway-operator/gateway/contract"
)

// Root is a root folder whose volumes change as the kubelet changes them: a new
// generation is written beside, then one symbolic link is swapped.
type Root struct {
	Path       string
	generation atomic.Int64
}

// NewRoot makes an empty root folder.
func NewRoot(t testing.TB) *Root {
	t.Helper()
	r := &Root{Path: t.TempDir()}
	must(t, os.MkdirAll(filepath.Join(r.Path, contract.ConfigFolder), 0o700))
	must(t, os.MkdirAll(filepath.Join(r.Path, contract.SecretsFolder), 0o700))
	return r
}

// Config writes a configuration and its endpoints, and that nobody is locked out.
func (r *Root) Config(t testing.TB, config contract.Config, endpoints contract.Endpoints) {
	t.Helper()
	r.Contract(t, config, endpoints, contract.Revocations{})
}

// Contract writes all three files.
func (r *Root) Contract(t testing.TB, config contract.Config, endpoints contract.Endpoints, revocations contract.Revocations) {
	t.Helper()
	config.Version, endpoints.Version, revocations.Version = contract.Version, contract.Version, contract.Version
	files := map[string][]byte{}
	for name, file := range map[string]any{
		contract.ConfigFile: config, contract.EndpointsFile: endpoints, contract.RevocationsFile: revocations,
	} {
		data, err := contract.Encode(file)
		must(t, err)
		files[name] = data
	}
	r.swap(t, contract.ConfigFolder, files)
}

// RawConfig writes files of the configuration folder as they are.
func (r *Root) RawConfig(t testing.TB, files map[string][]byte) {
	t.Helper()
	r.swap(t, contract.ConfigFolder, files)
}

// Secret writes a Secret.
func (r *Root) Secret(t testing.TB, name string, files map[string][]byte) {
	t.Helper()
	r.swap(t, filepath.Join(contract.SecretsFolder, name), files)
}

// TLSSecret writes a Secret that holds a pair.
func (r *Root) TLSSecret(t testing.TB, name string, pair Pair) {
	t.Helper()
	r.Secret(t, name, map[string][]byte{
		contract.TLSCertificateKey: pair.Certificate, contract.TLSPrivateKeyKey: pair.Key,
	})
}

// DeleteSecret empties a volume, as the kubelet does when an optional Secret is
// deleted.
func (r *Root) DeleteSecret(t testing.TB, name string) {
	t.Helper()
	r.swap(t, filepath.Join(contract.SecretsFolder, name), nil)
}

func (r *Root) swap(t testing.TB, folder string, files map[string][]byte) {
	t.Helper()
	volume := filepath.Join(r.Path, folder)
	generation := "..gen" + strconv.FormatInt(r.generation.Add(1), 10)
	must(t, os.MkdirAll(filepath.Join(volume, generation), 0o700))
	for name, data := range files {
		must(t, os.WriteFile(filepath.Join(volume, generation, name), data, 0o600))
	}
	data := filepath.Join(volume, "..data")
	old, err := os.Readlink(data)
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	must(t, os.Symlink(generation, data+"_tmp"))
	must(t, os.Rename(data+"_tmp", data))
	r.link(t, volume, files)
	if old != "" {
		must(t, os.RemoveAll(filepath.Join(volume, old)))
	}
}

// link makes the visible names point into the current generation.
func (r *Root) link(t testing.TB, volume string, files map[string][]byte) {
	t.Helper()
	entries, err := os.ReadDir(volume)
	must(t, err)
	for _, entry := range entries {
		if _, wanted := files[entry.Name()]; !wanted && entry.Name()[0] != '.' {
			must(t, os.Remove(filepath.Join(volume, entry.Name())))
		}
	}
	for name := range files {
		if err := os.Symlink(filepath.Join("..data", name), filepath.Join(volume, name)); err != nil && !os.IsExist(err) {
			t.Fatal(err)
		}
	}
}
