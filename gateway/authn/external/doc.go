// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

// Package external asks authorization servers by the protocol of Envoy's
// ext_authz filter (gRPC, envoy.service.auth.v3): may this request connect, and
// who is it?
//
// gateway/authn calls it for the method of that name. It is the only package
// that imports gRPC. Whatever is not a clear yes or a clear no, be it an answer
// that contradicts itself, is auth_unavailable: it fails closed. Nothing that a
// server or a client wrote gets into an error.
package external
