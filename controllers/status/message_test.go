// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package status_test

import (
	"strings"
	"testing"

	"github.com/wsgateway/websocket-gateway-operator/controllers/status"
)

func TestQuote(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		text  string
		marks []string
		want  string
	}{
		"lines become one":                  {"403 unauthorized:\n\t <html>\r\n no", nil, "403 unauthorized: <html> no"},
		"a mark is left out wherever it is": {"GET /x/mark, want mark.key", []string{"mark.key", "mark"}, "GET /x/..., want ..."},
		"no mark is no mark":                {"no answer", []string{"", "mark"}, "no answer"},
		"the near end of a connection":      {"read tcp 10.0.0.1:50642->10.0.0.7:443: reset", nil, "read tcp 10.0.0.7:443: reset"},
		"what is long is cut at a whole character": {
			strings.Repeat("é", 300), nil, strings.Repeat("é", 198) + " ...",
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := status.Quote(tt.text, tt.marks...); got != tt.want {
				t.Errorf("Quote() = %q, want %q", got, tt.want)
			}
		})
	}
}
