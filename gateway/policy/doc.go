// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

// Package policy is the one environment in which the rules of an authorization
// are written: the operator checks them with it, and the gateway decides by it,
// so that they cannot disagree on what a rule means. A rule is an expression of
// the Common Expression Language over who is asking and what for.
//
// Nothing here does I/O or reads a clock. What a rule may cost is bounded before
// it is accepted and again while it runs. Standard library and cel-go only.
package policy
