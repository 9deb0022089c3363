// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package page_test

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/wsgateway/websocket-gateway-operator/test/docs/page"
)

const example = "# A page: of `us` & [them](other.md)\n" +
	"\n" +
	"See [one](a.md#x), ![two](b.png \"title\") and `[three](c.md)`. <img src=\"d.png\">\n" +
	"\n" +
	"<!-- not run: it needs a registry -->\n" +
	"```sh\n" +
	"push [four](e.md)\n" +
	"# no heading\n" +
	"```\n" +
	"\n" +
	"## Again\n" +
	"## Again\n" +
	"- indented:\n" +
	"  ````yaml title\n" +
	"  a: |\n" +
	"    ```\n" +
	"  ````\n" +
	"<a id=\"written\"></a>\n"

func TestAPageIsReadAsPeopleSeeIt(t *testing.T) {
	t.Parallel()
	wantBlocks := []page.Block{
		{Language: "sh", Text: "push [four](e.md)\n# no heading\n", Line: 7, Note: "not run: it needs a registry"},
		{Language: "yaml", Text: "  a: |\n    ```\n", Line: 15},
	}
	if diff := cmp.Diff(wantBlocks, page.Blocks(example)); diff != "" {
		t.Errorf("blocks (-want +got):\n%s", diff)
	}
	wantLinks := []page.Link{{Target: "other.md", Line: 1}, {Target: "a.md#x", Line: 3}, {Target: "b.png", Line: 3}, {Target: "d.png", Line: 3}}
	if diff := cmp.Diff(wantLinks, page.Links(example)); diff != "" {
		t.Errorf("links (-want +got):\n%s", diff)
	}
	wantAnchors := []string{"a-page-of-us--them", "again", "again-1", "written"}
	if diff := cmp.Diff(wantAnchors, slices.Sorted(maps.Keys(page.Anchors(example)))); diff != "" {
		t.Errorf("anchors (-want +got):\n%s", diff)
	}
	wantCode := []page.Link{{Target: "us", Line: 1}, {Target: "[three](c.md)", Line: 3}}
	if diff := cmp.Diff(wantCode, page.Code(example)); diff != "" {
		t.Errorf("code (-want +got):\n%s", diff)
	}
}

func TestDocumentsWithinAScriptAreFound(t *testing.T) {
	t.Parallel()
	script := "kubectl apply -f - <<EOF\na: \"$(date -u)\"\nEOF\necho <<'X'\nb\n  X\ncat file\n"
	got := page.Documents(script, strings.ToUpper)
	if diff := cmp.Diff([]string{"a: \"DATE -U\"\n", "b\n"}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
