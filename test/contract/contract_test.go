// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

// Package contract_test holds the two planes to one contract: what compile is
// known to write, byte for byte, is what the gateway is made to load. Neither
// plane imports the other, so only a test can know both.
package contract_test

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/wsgateway/websocket-gateway-operator/gateway"
	"github.com/wsgateway/websocket-gateway-operator/gateway/contract"
)

const golden = "../../controllers/compile/testdata"

func files(t *testing.T) []string {
	t.Helper()
	list, err := filepath.Glob(filepath.Join(golden, "*", contractFile))
	if err != nil || len(list) < 20 {
		t.Fatalf("found %d golden files, want at least 20 (%v)", len(list), err)
	}
	return list
}

const contractFile = "want.json"

func TestTheGatewayLoadsWhatCompileWrites(t *testing.T) {
	t.Parallel()
	for _, file := range files(t) {
		t.Run(filepath.Base(filepath.Dir(file)), func(t *testing.T) {
			t.Parallel()
			data, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if err := gateway.Check(data); err != nil {
				t.Errorf("the gateway refuses it: %v", err)
			}
		})
	}
}

// Nothing may be lost on the way: a field that the reader drops is a rule that
// nobody enforces.
func TestNothingIsLostBetweenThePlanes(t *testing.T) {
	t.Parallel()
	for _, file := range files(t) {
		t.Run(filepath.Base(filepath.Dir(file)), func(t *testing.T) {
			t.Parallel()
			data, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			config, err := contract.ParseConfig(data)
			if err != nil {
				t.Fatal(err)
			}
			again, err := contract.Encode(config)
			if err != nil {
				t.Fatal(err)
			}
			var compact bytes.Buffer
			if err := json.Compact(&compact, data); err != nil {
				t.Fatal(err)
			}
			if want := strings.TrimSpace(compact.String()) + "\n"; want != string(again) {
				t.Errorf("read and written again it differs:\n%s%s", want, again)
			}
		})
	}
}

func TestTheGatewayRefusesWhatItDoesNotUnderstand(t *testing.T) {
	t.Parallel()
	good, err := os.ReadFile(filepath.Join(golden, "every-field", contractFile))
	if err != nil {
		t.Fatal(err)
	}
	tests := map[string][2]string{
		"a rule of a later release on a policy": {`"methods": [`, `"authorization": {"rules": []}, "methods": [`},
		"a rule of a later release on a route":  {`"policy": "users"`, `"policy": "users", "maxAge": "1h"`},
		"a limit of a later release":            {`"limits": {`, `"limits": {"maxDecompressedBytes": 5, `},
		"a method of a later release":           {`"anonymous": {}`, `"basic": {}`},
		"a contract of a later version":         {`"version": 1`, `"version": 2`},
		"a policy that is not there":            {`"policy": "users"`, `"policy": "nobody"`},
		"a Secret outside of its folder":        {`"secret": "shared"`, `"secret": "../shared"`},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			bad := strings.Replace(string(good), test[0], test[1], 1)
			if bad == string(good) {
				t.Fatalf("the golden file does not hold %q any more", test[0])
			}
			if err := gateway.Check([]byte(bad)); err == nil {
				t.Error("the gateway accepts it")
			}
		})
	}
}
