// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

// Package contract is the door between the two planes: the files that the
// operator writes for a gateway pod (Config, Endpoints, Revocations) and the
// Report that the pod answers with.
//
// controllers/compile writes these structs, gateway reads them; nothing else
// is shared. The package is standard library only, holds no secret (it names
// the files that do), and decides nothing.
//
// Decoding is strict: an unknown field may be an access rule, and a gateway
// that does not understand a rule must not serve without it. For the same
// reason every field is written only when its feature is used, so that a pod of
// the previous release goes on understanding what it is sent. Lists are sorted
// by the writer, so that equal intent gives equal bytes and an equal Digest.
package contract
