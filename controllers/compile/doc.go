// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

// Package compile decides what a gateway shall do: from its spec and from what
// the references lead to (Refs), it makes the files of gateway/contract and the
// list of what the user has to repair.
//
// resolve comes before it and fetches the Refs; render comes after it and wraps
// the files into objects. It never fetches or writes anything itself: equal
// input gives equal bytes.
package compile
