// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package verify

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"time"
)

// maxLine is more than any record has, with what log collectors put in front.
const maxLine = 64 << 10

// line is one of an input.
type line struct {
	// data without the line break.
	data []byte
	// whole is false for what is longer than maxLine, and ended for the last line
	// of an input that has no line break.
	whole, ended bool
}

// lines reads an input, which may be compressed by gzip as rotated files are,
// and hands over one line after the other; their bytes are good until the next.
func lines(r io.Reader, use func(line)) error {
	reader := bufio.NewReaderSize(r, maxLine)
	if magic, err := reader.Peek(2); err == nil && bytes.Equal(magic, []byte{0x1f, 0x8b}) {
		unpacked, err := gzip.NewReader(reader)
		if err != nil {
			return fmt.Errorf("unpack: %w", err)
		}
		reader = bufio.NewReaderSize(unpacked, maxLine)
	}
	for {
		data, err := reader.ReadSlice('\n')
		switch {
		case errors.Is(err, bufio.ErrBufferFull):
			use(line{data: data})
			if err := skipLine(reader); err != nil {
				return ended(err)
			}
			continue
		case err != nil && len(data) > 0:
			use(line{data: data, whole: true})
		}
		if err != nil {
			return ended(err)
		}
		data = bytes.TrimSuffix(data, []byte("\n"))
		use(line{data: bytes.TrimSuffix(data, []byte("\r")), whole: true, ended: true})
	}
}

func skipLine(reader *bufio.Reader) error {
	for {
		if _, err := reader.ReadSlice('\n'); !errors.Is(err, bufio.ErrBufferFull) {
			return err //nolint:wrapcheck // lines does
		}
	}
}

func ended(err error) error {
	if errors.Is(err, io.EOF) {
		return nil
	}
	return fmt.Errorf("read: %w", err)
}

// maxPrefixes is how many words log collectors put in front of a line: kubectl
// logs --prefix --timestamps two, the files of container runtimes three.
const maxPrefixes = 3

// record takes away what kubectl logs and container runtimes put in front of a
// line: [pod/NAME/CONTAINER], a time, the name of the output and F, for a line
// that is whole (P, for a part, is of no use). It returns false for what does
// not begin as a record.
func record(data []byte) ([]byte, bool) {
	for range maxPrefixes + 1 {
		if bytes.HasPrefix(data, []byte(`{"`)) {
			return data, true
		}
		word, rest, found := bytes.Cut(data, []byte(" "))
		if !found || !isPrefix(word) {
			return nil, false
		}
		data = rest
	}
	return nil, false
}

func isPrefix(word []byte) bool {
	text := string(word)
	if text == "stdout" || text == "stderr" || text == "F" {
		return true
	}
	if len(word) > 2 && word[0] == '[' && word[len(word)-1] == ']' {
		return true
	}
	_, err := time.Parse(time.RFC3339Nano, text)
	return err == nil
}
