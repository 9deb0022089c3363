// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

// Package match decides which listener a server name and which route a request
// belongs to. It is pure: names in, answers out, the most specific wins and the
// order of lists never matters.
//
// What a client sent is refused rather than repaired where two readers could
// read it differently: a backend must never see another path than the one whose
// policy was checked.
package match
