// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

// Package browser tries the gateway with a real browser: pages open WebSockets
// in the ways that scripts can, from origins that are listed and from others.
// `make test-browser` runs it; it needs Chromium and fails without.
package browser
