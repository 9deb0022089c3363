// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

// Package argocd has a test only: a real Argo CD installs the chart and gateways
// from a Git repository, on a real node with cert-manager, and they stay as they
// are. Run it by "make test-argocd".
//
// It is a module of its own because its go.mod pins Argo CD, which is built from
// it. The components of Argo CD run as processes of this machine, against the API
// server of the node: their images are no part of what is tested.
package argocd
