// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

// Package manifest reads YAML manifests and checks gateways as the API server
// and the operator would, without either. The commands of wsgw use it; it never
// writes and never talks to a cluster.
package manifest

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	utiljson "k8s.io/apimachinery/pkg/util/json"
	utilyaml "k8s.io/apimachinery/pkg/util/yaml"
	"sigs.k8s.io/yaml"
)

// Stdin is the name that stands for standard input among the files.
const Stdin = "-"

// maxFileBytes is far above what an API server takes in one request (3 MiB), and
// keeps a wrong file name from filling the memory.
const maxFileBytes = 16 << 20

// Document is one object of a file.
type Document struct {
	// File as it was named, or the path below a folder that was named.
	File string
	// Index of the document in its file, from 1.
	Index  int
	Object *unstructured.Unstructured
}

// Position is FILE:DOCUMENT.
func (d Document) Position() string { return fmt.Sprintf("%s:%d", d.File, d.Index) }

// Namespace is the object's, or "default".
func (d Document) Namespace() string {
	if namespace := d.Object.GetNamespace(); namespace != "" {
		return namespace
	}
	return "default"
}

// Files lists the files that the names stand for: a folder stands for the
// manifests in it, not below it.
func Files(names []string) ([]string, error) {
	var files []string
	for _, name := range names {
		if name == Stdin {
			files = append(files, name)
			continue
		}
		info, err := os.Stat(name)
		if err != nil {
			return nil, fmt.Errorf("read manifests: %w", err)
		}
		if !info.IsDir() {
			files = append(files, name)
			continue
		}
		inside, err := folder(name)
		if err != nil {
			return nil, err
		}
		files = append(files, inside...)
	}
	return files, nil
}

func folder(name string) ([]string, error) {
	entries, err := os.ReadDir(name)
	if err != nil {
		return nil, fmt.Errorf("read manifests: %w", err)
	}
	var files []string
	for _, entry := range entries {
		if !entry.IsDir() && isManifest(entry.Name()) {
			files = append(files, filepath.Join(name, entry.Name()))
		}
	}
	if len(files) == 0 {
		return nil, fmt.Errorf("read manifests: no .yaml, .yml or .json file in %s: name the folder that holds them, those below it are not searched", name)
	}
	return files, nil
}

// isManifest leaves out what editors put beside the file that they write.
func isManifest(name string) bool {
	if strings.HasPrefix(name, ".") || strings.HasPrefix(name, "#") {
		return false
	}
	return slices.Contains([]string{".yaml", ".yml", ".json"}, filepath.Ext(name))
}

// Content is the text of one file.
type Content struct {
	File string
	Text []byte
}

// ReadFiles reads all files; stdin is what the name Stdin stands for.
func ReadFiles(names []string, stdin io.Reader) ([]Content, error) {
	files, err := Files(names)
	if err != nil {
		return nil, err
	}
	contents := make([]Content, 0, len(files))
	for _, file := range files {
		text, err := readFile(file, stdin)
		if err != nil {
			return nil, fmt.Errorf("read manifests: %w", err)
		}
		contents = append(contents, Content{File: file, Text: text})
	}
	return contents, nil
}

func readFile(file string, stdin io.Reader) ([]byte, error) {
	source := stdin
	if file != Stdin {
		opened, err := os.Open(file)
		if err != nil {
			return nil, err
		}
		defer opened.Close()
		source = opened
	}
	text, err := io.ReadAll(io.LimitReader(source, maxFileBytes+1))
	if err == nil && len(text) > maxFileBytes {
		err = fmt.Errorf("%s is larger than %d bytes", file, maxFileBytes)
	}
	return text, err
}

// Parse splits files into documents. What cannot be read is a Problem: the other
// documents are still there.
func Parse(contents []Content) ([]Document, []Problem) {
	var documents []Document
	var problems []Problem
	for _, content := range contents {
		reader := utilyaml.NewYAMLReader(bufio.NewReader(bytes.NewReader(content.Text)))
		for index := 1; ; index++ {
			text, err := reader.Read()
			if errors.Is(err, io.EOF) {
				break
			}
			position := fmt.Sprintf("%s:%d", content.File, index)
			if err != nil {
				problems = append(problems, Problem{Position: position, Message: fmt.Sprintf("not readable: %v", err)})
				break
			}
			objects, err := decode(text)
			if err != nil {
				problems = append(problems, Problem{Position: position, Message: err.Error()})
			}
			for _, object := range objects {
				documents = append(documents, Document{File: content.File, Index: index, Object: object})
			}
		}
	}
	return documents, problems
}

// decode is strict about keys that appear twice, as the API server is with
// strict field validation: which of them is meant?
func decode(text []byte) ([]*unstructured.Unstructured, error) {
	data, err := yaml.YAMLToJSONStrict(text)
	if err != nil {
		return nil, fmt.Errorf("not valid YAML: %s; correct the indentation or quoting there", withoutContent(firstLine(err)))
	}
	var object map[string]any
	if err := utiljson.Unmarshal(data, &object); err != nil {
		return nil, errors.New("not an object: begin the document with apiVersion and kind")
	}
	if len(object) == 0 {
		return nil, nil
	}
	found := &unstructured.Unstructured{Object: object}
	if found.GetKind() == "" || found.GetAPIVersion() == "" {
		return nil, errors.New("apiVersion or kind is missing: add both")
	}
	if found.GetKind() != "List" {
		return []*unstructured.Unstructured{found}, nil
	}
	var list []*unstructured.Unstructured
	items, _, err := unstructured.NestedSlice(object, "items")
	if err != nil {
		return nil, errors.New("items is no list: a List holds objects under items")
	}
	for _, item := range items {
		if object, ok := item.(map[string]any); ok {
			list = append(list, &unstructured.Unstructured{Object: object})
		}
	}
	return list, nil
}

// firstLine keeps an error on one line of output.
func firstLine(err error) string {
	return strings.Join(strings.Fields(err.Error()), " ")
}

// withoutContent leaves out what the YAML library quotes of a value: in a Secret
// that could be the secret, one that begins with an asterisk and was not quoted
// for one. Names of keys, in double quotes, stay.
func withoutContent(message string) string {
	before, _, found := strings.Cut(message, "invalid map key:")
	if found {
		return before + "invalid map key"
	}
	return regexp.MustCompile("'[^']*'|`[^`]*`").ReplaceAllString(message, "(left out)")
}
