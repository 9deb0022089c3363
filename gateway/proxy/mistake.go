// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package proxy

import (
	"fmt"
	"path"
	"runtime"
	"strings"
)

// maxFrames is far more than there are between a panic and its recovery here.
const maxFrames = 64

// mistake is what the audit record says of a panic, called where it is
// recovered: the place, and the kind of value. The value itself may be what the
// code worked on, a message for one; only what the runtime says holds no such
// thing.
func mistake(problem any) string {
	text := fmt.Sprintf("panic with a value of type %T", problem)
	if failed, ok := problem.(runtime.Error); ok {
		text = failed.Error()
	}
	callers := make([]uintptr, maxFrames)
	frames := runtime.CallersFrames(callers[:runtime.Callers(1, callers)])
	panicked := false
	for {
		frame, more := frames.Next()
		internal := strings.HasPrefix(frame.Function, "runtime.")
		if panicked && !internal {
			return fmt.Sprintf("%s in %s, %s:%d", text, path.Base(frame.Function), path.Base(frame.File), frame.Line)
		}
		if panicked = panicked || internal; !more {
			return text
		}
	}
}
