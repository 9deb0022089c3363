// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

// Package request writes a handshake as a client would send it, from a command
// line. Its errors never repeat the value of a header.
package request

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/wsgateway/websocket-gateway-operator/gateway/secret"
)

const (
	// sampleKey is the Sec-WebSocket-Key of RFC 6455 section 1.3.
	sampleKey = "dGhlIHNhbXBsZSBub25jZQ=="
	// maxFileBytes is above every limit of a request.
	maxFileBytes = 1 << 20
	standardPort = 443
)

// Source is what a command line says of a request.
type Source struct {
	secret.Sealed

	// URL is wss://HOST[:PORT]/PATH.
	URL string
	// Headers are "NAME: VALUE". Where the last word of a value is @FILE, it is
	// the content of that file; @- is standard input.
	Headers []string
	// HeaderFile has a header in each line; - is standard input.
	HeaderFile string
	Origins    []string
	// Subprotocols may be @FILE.
	Subprotocols []string
	// StdinTaken is true where standard input holds something else.
	StdinTaken bool
}

// Request is a handshake.
type Request struct {
	secret.Sealed

	// ServerName and Port that the client connects to.
	ServerName string
	Port       int32
	// Head is the request up to and with the empty line.
	Head []byte
}

// field is a header field.
type field struct {
	secret.Sealed

	name, value string
}

// Read writes the request.
func (s *Source) Read(stdin io.Reader) (*Request, error) {
	u, err := url.Parse(s.URL)
	if err != nil || u.Scheme != "wss" || u.Hostname() == "" || u.User != nil || u.Fragment != "" {
		// The address may hold a token: it is not repeated.
		return nil, errors.New("--url: write it as wss://HOST[:PORT]/PATH")
	}
	port := uint64(standardPort)
	if u.Port() != "" {
		if port, err = strconv.ParseUint(u.Port(), 10, 16); err != nil || port == 0 {
			return nil, errors.New("--url: the port is no number from 1 to 65535")
		}
	}
	own, err := s.fields(stdin)
	if err != nil {
		return nil, err
	}
	var head bytes.Buffer
	fmt.Fprintf(&head, "GET %s HTTP/1.1\r\n", u.RequestURI())
	for _, f := range append(defaults(u.Host, own), own...) {
		fmt.Fprintf(&head, "%s: %s\r\n", f.name, f.value)
	}
	head.WriteString("\r\n")
	return &Request{ServerName: u.Hostname(), Port: int32(port), Head: head.Bytes()}, nil
}

// defaults are the fields of a handshake that nobody has given.
func defaults(host string, given []field) []field {
	all := []field{
		{name: "Host", value: host},
		{name: "Upgrade", value: "websocket"},
		{name: "Connection", value: "Upgrade"},
		{name: "Sec-WebSocket-Version", value: "13"},
		{name: "Sec-WebSocket-Key", value: sampleKey},
	}
	return slices.DeleteFunc(all, func(f field) bool {
		return slices.ContainsFunc(given, func(g field) bool { return strings.EqualFold(f.name, g.name) })
	})
}

func (s *Source) fields(stdin io.Reader) ([]field, error) {
	in := &input{stdin: stdin, used: s.StdinTaken}
	var list []field
	lines := slices.Clone(s.Headers)
	if s.HeaderFile != "" {
		text, err := in.read(s.HeaderFile)
		if err != nil {
			return nil, fmt.Errorf("--header-file: %w", err)
		}
		scanner := bufio.NewScanner(strings.NewReader(text))
		scanner.Buffer(nil, maxFileBytes)
		for scanner.Scan() {
			if strings.TrimSpace(scanner.Text()) != "" {
				lines = append(lines, scanner.Text())
			}
		}
	}
	for i, line := range lines {
		f, err := in.field(line)
		if err != nil {
			return nil, fmt.Errorf("header %d: %w", i+1, err)
		}
		list = append(list, f)
	}
	for _, origin := range s.Origins {
		list = append(list, field{name: "Origin", value: origin})
	}
	offered := make([]string, 0, len(s.Subprotocols))
	for i, subprotocol := range s.Subprotocols {
		token, err := in.expand(subprotocol)
		if err != nil {
			return nil, fmt.Errorf("subprotocol %d: %w", i+1, err)
		}
		offered = append(offered, token)
	}
	if len(offered) > 0 {
		list = append(list, field{name: "Sec-WebSocket-Protocol", value: strings.Join(offered, ", ")})
	}
	return list, checkFields(list)
}

// checkFields keeps one field from becoming two.
func checkFields(list []field) error {
	for _, f := range list {
		if strings.ContainsAny(f.name+f.value, "\r\n\x00") {
			return fmt.Errorf("header %q: it holds a line break or a zero byte: give one line", strings.Map(printable, f.name))
		}
	}
	return nil
}

func printable(r rune) rune {
	if r < ' ' {
		return -1
	}
	return r
}

// input reads files, and standard input once.
type input struct {
	stdin io.Reader
	used  bool
}

func (in *input) field(line string) (field, error) {
	name, value, found := strings.Cut(line, ":")
	if !found || strings.TrimSpace(name) == "" {
		return field{}, errors.New("write it as 'NAME: VALUE'")
	}
	value, err := in.expand(strings.TrimSpace(value))
	return field{name: strings.TrimSpace(name), value: value}, err
}

// expand reads the file that the last word of a value may name.
func (in *input) expand(value string) (string, error) {
	at := strings.LastIndex(value, " ") + 1
	name, isFile := strings.CutPrefix(value[at:], "@")
	if !isFile || name == "" {
		return value, nil
	}
	content, err := in.read(name)
	return value[:at] + strings.TrimSpace(content), err
}

func (in *input) read(name string) (string, error) {
	if name != "-" {
		content, err := ReadFile(name, maxFileBytes)
		return string(content), err
	}
	if in.used {
		return "", errors.New("standard input can be read only once: use files")
	}
	in.used = true
	content, err := readAll(in.stdin, maxFileBytes)
	return string(content), err
}

// ReadFile returns the content of a file that a command line names, at most so
// many bytes. The error does not repeat the name: a credential may begin with the
// @ that stands for a file, and a shell may have put a file's content where its
// name belongs.
func ReadFile(name string, most int64) ([]byte, error) {
	file, err := os.Open(name)
	if err != nil {
		if failed, ok := errors.AsType[*fs.PathError](err); ok {
			err = failed.Err
		}
		return nil, fmt.Errorf("open the file: %w", err)
	}
	defer func() { _ = file.Close() }()
	return readAll(file, most)
}

func readAll(from io.Reader, most int64) ([]byte, error) {
	content, err := io.ReadAll(io.LimitReader(from, most+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("read a value: %w", err)
	case int64(len(content)) > most:
		return nil, fmt.Errorf("read a value: more than %d bytes", most)
	}
	return content, nil
}
