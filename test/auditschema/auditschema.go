// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

// Package auditschema holds audit records against the schema that is published
// for their readers. For tests.
package auditschema

import (
	"bytes"
	"fmt"
	"strings"

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

// perEvent bounds how many records of one kind CheckAll looks at: a thousand
// connections make a thousand records of the same form.
const perEvent = 100

// CheckAll looks at the records among the lines of a text, which may have other
// lines too. It answers how many it has looked at, and what is wrong with the first
// that does not fit.
func (s *Schema) CheckAll(text string) (int, error) {
	checked, seen := 0, map[string]int{}
	for line := range strings.Lines(text) {
		if !strings.HasPrefix(line, `{"@timestamp"`) || !strings.HasSuffix(line, "\n") {
			continue // another line, or one that is still being written
		}
		_, event, _ := strings.Cut(line, `"event.action":`)
		event, _, _ = strings.Cut(event, ",")
		if seen[event]++; seen[event] > perEvent {
			continue
		}
		if err := s.Check([]byte(line)); err != nil {
			return checked, err
		}
		checked++
	}
	return checked, nil
}
