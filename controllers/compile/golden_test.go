// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package compile_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/yaml"

	wsv1alpha1 "github.com/wsgateway/websocket-gateway-operator/api/v1alpha1"
	"github.com/wsgateway/websocket-gateway-operator/controllers/compile"
	"github.com/wsgateway/websocket-gateway-operator/gateway/contract"
)

var update = flag.Bool("update", false, "write what the tests find into the golden files")

// fixture is refs.yaml.
type fixture struct {
	ConfigMaps   map[string]map[string]string `json:"configMaps"`
	Services     map[string]compile.Service   `json:"services"`
	Issuers      []string                     `json:"issuers"` // KIND/NAME
	Certificates map[string]struct {
		SecretName string   `json:"secretName"`
		DNSNames   []string `json:"dnsNames"`
	} `json:"certificates"`
	CertManagerMissing bool             `json:"certManagerMissing"`
	Unchecked          bool             `json:"unchecked"`
	Previous           *contract.Config `json:"previous"`

	Routes        []wsv1alpha1.WebSocketRoute  `json:"routes"`
	Namespaces    map[string]map[string]string `json:"namespaces"`
	Grants        []compile.Grant              `json:"grants"`
	GrantsMissing bool                         `json:"grantsMissing"`
}

func (f fixture) refs() compile.Refs {
	refs := compile.Refs{
		ConfigMaps:         map[string]compile.ConfigMap{},
		Services:           f.Services,
		Issuers:            map[compile.Issuer]bool{},
		Certificates:       map[string]compile.Certificate{},
		CertManagerMissing: f.CertManagerMissing,
		Unchecked:          f.Unchecked,
		Routes:             f.Routes, Namespaces: f.Namespaces, Grants: f.Grants, GrantsMissing: f.GrantsMissing,
	}
	for name, data := range f.ConfigMaps {
		refs.ConfigMaps[name] = compile.ConfigMap{Data: data}
	}
	for name, certificate := range f.Certificates {
		refs.Certificates[name] = compile.Certificate(certificate)
	}
	for _, issuer := range f.Issuers {
		kind, name, _ := strings.Cut(issuer, "/")
		refs.Issuers[compile.Issuer{Group: "cert-manager.io", Kind: kind, Name: name}] = true
	}
	return refs
}

func read(t *testing.T, file string, into any) {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := yaml.UnmarshalStrict(data, into); err != nil {
		t.Fatalf("%s: %v", file, err)
	}
}

func cases(t *testing.T) []string {
	t.Helper()
	folders, err := filepath.Glob("testdata/*")
	if err != nil || len(folders) < 20 {
		t.Fatalf("found %d cases, want at least 20 (%v)", len(folders), err)
	}
	return folders
}

func load(t *testing.T, folder string) (*wsv1alpha1.WebSocketGateway, fixture) {
	t.Helper()
	var gw wsv1alpha1.WebSocketGateway
	var refs fixture
	read(t, filepath.Join(folder, "gateway.yaml"), &gw)
	read(t, filepath.Join(folder, "refs.yaml"), &refs)
	return &gw, refs
}

func TestGolden(t *testing.T) {
	t.Parallel()
	for _, folder := range cases(t) {
		t.Run(filepath.Base(folder), func(t *testing.T) {
			t.Parallel()
			gw, refs := load(t, folder)
			result := compile.Config(gw, refs.refs(), refs.Previous)
			compare(t, filepath.Join(folder, "problems.txt"), describe(result))
			want := filepath.Join(folder, "want.json")
			if result.Blocked() {
				if _, err := os.Stat(want); err == nil || result.File != nil {
					t.Errorf("a blocked result has a file")
				}
				return
			}
			var pretty bytes.Buffer
			if err := json.Indent(&pretty, result.File, "", "  "); err != nil {
				t.Fatal(err)
			}
			compare(t, want, pretty.String())
		})
	}
}

func compare(t *testing.T, file, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s differs (run with -update and review):\n%s", file, diff)
	}
}

// describeAttached adds what the owner of a WebSocketRoute is told.
func describeAttached(text *strings.Builder, one *compile.AttachedRoute) {
	fmt.Fprintf(text, "WebSocketRoute %s/%s served %v\n", one.Namespace, one.Name, one.Content != "")
	for _, limits := range one.Overruled {
		fmt.Fprintf(text, "  overruled %s\n", limits)
	}
	problems := slices.Clone(one.Problems)
	for _, parent := range one.Parents {
		problems = append(problems, parent.Problems...)
	}
	for _, problem := range problems {
		fmt.Fprintf(text, "  %s %s\n    %s\n    %s\n", problem.Condition, problem.Reason, problem.Field, problem.Message)
	}
}

// describe is problems.txt: what the user is told, and what status counts.
func describe(result compile.Result) string {
	var text strings.Builder
	for _, problem := range result.Problems {
		blocking := ""
		if problem.Blocking {
			blocking = " (blocking)"
		}
		fmt.Fprintf(&text, "%s %s%s\n  %s\n  %s\n",
			problem.Condition, problem.Reason, blocking, problem.Field, problem.Message)
	}
	for _, reference := range result.Unchecked {
		fmt.Fprintf(&text, "unchecked\n  %s\n  %s %q\n", reference.Field, reference.Kind, reference.Name)
	}
	for _, limits := range result.Overruled {
		fmt.Fprintf(&text, "overruled %s\n", limits)
	}
	for _, one := range result.Attached {
		describeAttached(&text, &one)
	}
	attached, _ := json.Marshal(result.AttachedRoutes)
	fmt.Fprintf(&text, "attached routes %s\n", attached)
	return text.String()
}
