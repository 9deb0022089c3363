// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

// Package standalone runs a gateway from manifests, without a cluster: it
// compiles them as the operator does, lays the files out as the kubelet does, and
// runs the data plane on them. cmd/wsgw run is all that uses it.
package standalone
