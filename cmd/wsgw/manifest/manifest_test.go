// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package manifest_test

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	wsv1alpha1 "github.com/wsgateway/websocket-gateway-operator/api/v1alpha1"
	"github.com/wsgateway/websocket-gateway-operator/cmd/wsgw/manifest"
)

const serverCases = "../../../test/crd/testdata"

// The manifests of test/crd are what a real API server accepts and refuses. Here
// nothing may be decided otherwise.
func TestManifestsAreJudgedAsByAnAPIServer(t *testing.T) {
	t.Parallel()
	gateways, err := manifest.NewSchema()
	if err != nil {
		t.Fatal(err)
	}
	revocations, err := manifest.NewRevocationSchema()
	if err != nil {
		t.Fatal(err)
	}
	routes, err := manifest.NewRouteSchema()
	if err != nil {
		t.Fatal(err)
	}
	for _, verdict := range []string{"accepted", "rejected"} {
		files, err := filepath.Glob(filepath.Join(serverCases, verdict, "*.yaml"))
		if err != nil || len(files) < 15 {
			t.Fatalf("found %d manifests (%v)", len(files), err)
		}
		for _, file := range files {
			t.Run(verdict+" "+filepath.Base(file), func(t *testing.T) {
				t.Parallel()
				documents, problems := manifest.Parse(contents(t, file))
				if len(documents) != 1 || len(problems) != 0 {
					t.Fatalf("%d documents, %v", len(documents), problems)
				}
				schema := gateways
				switch documents[0].Object.GetKind() {
				case wsv1alpha1.KindWebSocketRoute:
					schema = routes
				case wsv1alpha1.KindWebSocketRevocation:
					schema = revocations
				}
				problems = schema.Check(t.Context(), documents[0].Object)
				if accepted := len(problems) == 0; accepted != (verdict == "accepted") {
					t.Fatalf("problems: %v", problems)
				}
				if verdict == "rejected" && !matches(t, file, problems) {
					t.Errorf("problems are not about what the server says: %v", problems)
				}
			})
		}
	}
}

// matches tells whether one of the problems is the one that the manifest wants:
// its message for a rule of ours, its field for the server's own words.
func matches(t *testing.T, file string, problems []manifest.Problem) bool {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	first, _, _ := strings.Cut(string(text), "\n")
	want := strings.TrimPrefix(first, "# want: ")
	where, _, _ := strings.Cut(want, ": ")
	for _, problem := range problems {
		if problem.Message == "" {
			t.Errorf("no message for %s", problem.Field)
		}
		if problem.Message == want || strings.HasSuffix(problem.Field, where) ||
			strings.Contains(want, strconv.Quote(problem.Field)) || strings.Contains(problem.Message, want) {
			return true
		}
	}
	return false
}

func contents(t *testing.T, files ...string) []manifest.Content {
	t.Helper()
	list, err := manifest.ReadFiles(files, strings.NewReader(""))
	if err != nil {
		t.Fatal(err)
	}
	return list
}

func TestDocumentsThatCannotBeReadAreNamed(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		text, want string
	}{
		"broken YAML":           {"a: b\n c: d", "f:1: not valid YAML"},
		"a key that is twice":   {"kind: A\napiVersion: v1\nkind: B", "f:1: not valid YAML"},
		"a list":                {"- a", "f:1: not an object"},
		"no kind":               {"apiVersion: v1\n---\nkind: A", "f:1: apiVersion or kind is missing"},
		"a bad second document": {"apiVersion: v1\nkind: A\n---\n{", "f:2: not valid YAML"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, problems := manifest.Parse([]manifest.Content{{File: "f", Text: []byte(test.text)}})
			if len(problems) == 0 || !strings.HasPrefix(problems[0].String(), test.want) {
				t.Errorf("got %v, want %q", problems, test.want)
			}
		})
	}
}

func TestEmptyDocumentsAndListsAreFine(t *testing.T) {
	t.Parallel()
	text := "---\n# a comment\n---\napiVersion: v1\nkind: List\nitems:\n- {apiVersion: v1, kind: A}\n- {apiVersion: v1, kind: B}\n---\n"
	documents, problems := manifest.Parse([]manifest.Content{{File: "f", Text: []byte(text)}})
	if len(documents) != 2 || len(problems) != 0 {
		t.Errorf("%d documents, %v", len(documents), problems)
	}
}

func TestAProblemOfASecretDoesNotQuoteIt(t *testing.T) {
	t.Parallel()
	const private = "not!base64!secret"
	for _, text := range []string{
		"apiVersion: v1\nkind: Secret\nmetadata: {name: a}\ndata: {k: \"" + private + "\"}",
		"apiVersion: v1\nkind: Secret\nmetadata: {name: a}\ndata: [\"" + private + "\"]",
		"apiVersion: v1\nkind: Secret\nmetadata: {name: a}\nstringData: \"" + private + "\"",
	} {
		documents, problems := manifest.Parse([]manifest.Content{{File: "f", Text: []byte(text)}})
		problems = append(problems, manifest.Sort(documents).Problems...)
		if len(problems) == 0 {
			t.Fatalf("no problem: %s", text)
		}
		for _, problem := range problems {
			if strings.Contains(problem.String(), private) {
				t.Errorf("quoted: %s", problem)
			}
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte("apiVersion: v1\nkind: Secret\nmetadata: {name: a}\n---\n"))
	f.Add([]byte("{\"apiVersion\":\"v1\",\"kind\":\"List\",\"items\":[{}]}"))
	f.Fuzz(func(t *testing.T, text []byte) {
		documents, problems := manifest.Parse([]manifest.Content{{File: "f", Text: text}})
		set := manifest.Sort(documents)
		for _, problem := range append(problems, set.Problems...) {
			if problem.Message == "" || problem.Position == "" {
				t.Errorf("a problem without words: %+v", problem)
			}
		}
	})
}
