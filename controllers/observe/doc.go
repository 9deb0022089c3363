// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

// Package observe finds out what is really there: what the API server says of a
// gateway's Deployment, Service, pods and Certificates, and what each pod, when
// asked, says of itself. A changed Secret proves nothing; that a pod serves the
// certificate does.
//
// Pods are asked by a Poller beside the reconciles. It reconciles a gateway only
// when an answer changed, so that a quiet gateway costs a request to each pod
// every 20 seconds and nothing else.
package observe
