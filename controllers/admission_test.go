// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package controllers_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	utilyaml "k8s.io/apimachinery/pkg/util/yaml"
)

// addPolicies installs the policies that hold the operator's account, so that every
// test shows whether they let the operator do its work: a request that they refuse
// counts as forbidden, and bench fails then.
func (w *world) addPolicies(ctx context.Context) error {
	for _, name := range []string{"policies.yaml", "bindings.yaml"} {
		data, err := os.ReadFile(filepath.Join("..", "config", "admission", name))
		if err != nil {
			return err
		}
		data = bytes.ReplaceAll(data, []byte("ghcr.io/wsgateway/gateway"), []byte("example.com/gateway"))
		decoder := utilyaml.NewYAMLOrJSONDecoder(bytes.NewReader(data), 4096)
		for {
			object := &unstructured.Unstructured{}
			if err := decoder.Decode(&object.Object); errors.Is(err, io.EOF) {
				break
			} else if err != nil {
				return fmt.Errorf("read %s: %w", name, err)
			}
			if err := w.admin.Create(ctx, object); err != nil {
				return fmt.Errorf("create %s %s: %w", object.GetKind(), object.GetName(), err)
			}
		}
	}
	return nil
}
