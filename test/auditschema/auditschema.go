// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

// Package auditschema holds audit records against the schema that is published
// for their readers. For tests.
package auditschema

import (
	"bytes"
	"fmt"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// File is where the schema is, from the root of the repository.
const File = "docs/audit-log.schema.json"

// Schema is the published one, compiled. It is safe for concurrent use.
type Schema struct{ compiled *jsonschema.Schema }

// Load compiles the schema at a path. It loads nothing else.
func Load(path string) (*Schema, error) {
	compiler := jsonschema.NewCompiler()
	// Without this, a format would be a remark.
	compiler.AssertFormat()
	compiled, err := compiler.Compile(path)
	if err != nil {
		return nil, fmt.Errorf("compile %s: %w", path, err)
	}
	return &Schema{compiled: compiled}, nil
}

// Check tells what is wrong with a line, nil for nothing.
func (s *Schema) Check(line []byte) error {
	// Numbers stay exact: a count may be beyond what a float64 can tell.
	record, err := jsonschema.UnmarshalJSON(bytes.NewReader(line))
	if err != nil {
		return fmt.Errorf("audit record %q: %w", line, err)
	}
	if err := s.compiled.Validate(record); err != nil {
		return fmt.Errorf("audit record %q: %w", line, err)
	}
	return nil
}
