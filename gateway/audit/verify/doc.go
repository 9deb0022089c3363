// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

// Package verify reads audit logs and finds what was done to them since the
// gateway wrote them: lines that were taken out, changed, moved, repeated or cut.
//
// It looks at each line once, in order, and remembers of a stream only where it
// stands and what is missing, so that a log may be larger than memory. Several
// boots, pods and streams may be mixed in the input.
package verify
