// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package authn

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"unicode/utf8"
)

// maxDepth of JSON in tokens and key sets. Real ones have 3 or 4 levels.
const maxDepth = 16

// decodeObject decodes a JSON object more strictly than encoding/json does:
// no name twice (RFC 7519 section 4 leaves it to the reader which one counts,
// and two readers must not differ about who the caller is), no deep nesting,
// no invalid UTF-8. Numbers become json.Number.
func decodeObject(data []byte) (map[string]any, error) {
	switch {
	case !utf8.Valid(data):
		return nil, errors.New("not UTF-8")
	case !json.Valid(data):
		return nil, errors.New("not JSON")
	}
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.UseNumber()
	value, err := decodeValue(decoder, 0)
	if err != nil {
		return nil, err
	}
	object, ok := value.(map[string]any)
	if !ok {
		return nil, errors.New("not a JSON object")
	}
	return object, nil
}

func decodeValue(decoder *json.Decoder, depth int) (any, error) {
	if depth > maxDepth {
		return nil, fmt.Errorf("nested deeper than %d levels", maxDepth)
	}
	token, err := decoder.Token()
	if err != nil {
		return nil, fmt.Errorf("decode: %w", err)
	}
	switch token {
	case json.Delim('{'):
		return decodeMembers(decoder, depth)
	case json.Delim('['):
		return decodeItems(decoder, depth)
	}
	return token, nil
}

func decodeMembers(decoder *json.Decoder, depth int) (map[string]any, error) {
	object := map[string]any{}
	for decoder.More() {
		token, err := decoder.Token()
		if err != nil {
			return nil, fmt.Errorf("decode: %w", err)
		}
		name, ok := token.(string)
		if !ok {
			return nil, errors.New("member without a name")
		}
		if _, twice := object[name]; twice {
			return nil, errors.New("member appears twice")
		}
		if object[name], err = decodeValue(decoder, depth+1); err != nil {
			return nil, err
		}
	}
	_, err := decoder.Token()
	return object, err
}

func decodeItems(decoder *json.Decoder, depth int) ([]any, error) {
	list := []any{}
	for decoder.More() {
		item, err := decodeValue(decoder, depth+1)
		if err != nil {
			return nil, err
		}
		list = append(list, item)
	}
	_, err := decoder.Token()
	return list, err
}
