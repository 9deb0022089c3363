// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package main_test

import (
	"encoding/base64"
	"strings"
	"testing"
)

// Whoever checks manifests in a pipeline has the output in a log that many can
// read: it says where a Secret is wrong, not what is in it.
func TestValidateQuotesNoSecret(t *testing.T) {
	t.Parallel()
	const mark = "zQ5f1d83b0c94e27a6"
	encoded := base64.StdEncoding.EncodeToString([]byte(mark))
	jwks := "  authPolicies: [{name: keys, anyOf: [{jwt: {issuer: https://id.example.com, audiences: [a], algorithms: [HS256], jwks: {secretRef: {name: keys}}}}]}]\n"
	basic := "  authPolicies: [{name: keys, origins: {allow: ['https://app.example.com']}, anyOf: [{basic: {secretRef: {name: keys}}}]}]\n"
	public := "  authPolicies: [{name: keys, anyOf: [{jwt: {issuer: https://id.example.com, audiences: [a], algorithms: [ES256], jwks: {configMapRef: {name: keys}}}}]}]\n"
	tests := map[string]struct{ policies, kind, rest string }{
		"data that is not base64":      {keysPolicy, "Secret", "data: {sensor: " + mark + "!}"},
		"data that is a list":          {keysPolicy, "Secret", "data: [" + mark + "]"},
		"data that is a string":        {keysPolicy, "Secret", "data: " + mark},
		"stringData that is a list":    {keysPolicy, "Secret", "stringData: {sensor: [" + mark + "]}"},
		"stringData that is an object": {keysPolicy, "Secret", "stringData: {sensor: {" + mark + ": 1}}"},
		"YAML that is none":            {keysPolicy, "Secret", "stringData: {sensor: " + mark},
		"YAML with a tab":              {keysPolicy, "Secret", "stringData:\n\tsensor: " + mark},
		"YAML with a colon":            {keysPolicy, "Secret", "stringData:\n  sensor: a: " + mark},
		"YAML with an alias":           {keysPolicy, "Secret", "stringData:\n  sensor: *" + mark},
		"YAML with a key twice":        {keysPolicy, "Secret", "stringData:\n  a: " + mark + "\n  a: " + mark},
		"YAML with a tag":              {keysPolicy, "Secret", "stringData:\n  a: !!" + mark + " x\n  b: !" + mark + "! y"},
		"YAML with a percent sign":     {keysPolicy, "Secret", "stringData:\n  a: %" + mark},
		"YAML with a list as a key":    {keysPolicy, "Secret", "stringData:\n  ? [" + mark + "]\n  : x"},
		"a key with a blank":           {keysPolicy, "Secret", "stringData: {sensor: '" + mark + " x'}"},
		"a key of two devices":         {keysPolicy, "Secret", "stringData: {a: " + mark + ", b: " + mark + "}"},
		"a digest that is none":        {keysPolicy, "Secret", "stringData: {a: 'sha256:" + mark + "'}"},
		"a plain password":             {basic, "Secret", "stringData: {auth: 'cid:" + mark + "'}"},
		"a password without a user":    {basic, "Secret", "data: {auth: " + encoded + "}"},
		"a key set that is none":       {jwks, "Secret", "stringData: {jwks.json: '{\"keys\":[{\"k\":\"" + mark + "'}"},
		"a key that is none":           {jwks, "Secret", "stringData: {jwks.json: '{\"keys\":[{\"kty\":\"oct\",\"k\":\"" + mark + "!\"}]}'}"},
		"a private key in the open":    {public, "ConfigMap", "data: {jwks.json: '{\"keys\":[{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"a\",\"y\":\"b\",\"d\":\"" + mark + "\"}]}'}"},
		"a symmetric key in the open":  {public, "ConfigMap", "data: {jwks.json: '{\"keys\":[{\"kty\":\"oct\",\"k\":\"" + mark + "\"}]}'}"},
		"a ConfigMap of another form":  {public, "ConfigMap", "data: {jwks.json: [" + mark + "]}"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			text := gatewayHead + test.policies + keysRoute + document(test.kind, "keys", test.rest) + document("Service", "echo", "spec: {ports: [{port: 8080}]}")
			out, log, exit := validated(t, text)
			if exit == 0 {
				t.Errorf("accepted:\n%s", out)
			}
			for _, trace := range []string{mark, encoded, strings.TrimRight(encoded, "="), base64.StdEncoding.EncodeToString([]byte("cid:" + mark))} {
				if strings.Contains(out+log, trace) {
					t.Errorf("the output repeats it:\n%s%s", out, log)
				}
			}
		})
	}
}
