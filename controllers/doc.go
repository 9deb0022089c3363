// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

// Package controllers makes gateways of WebSocketGateways. One pass over one
// gateway goes through six stages, each a package and a question:
//
//	resolve   what do the references point at?      asks the API server
//	compile   what shall the gateway do?            pure
//	render    which objects make it so?             pure
//	apply     make it so                            writes
//	observe   what is really running?               asks the API server and the pods
//	status    what do we tell the user?             pure
//
// Trouble comes in three kinds. A problem is the user's to repair: it is data,
// ends in a condition, and stops as little as possible. Pending is what time
// will heal. An error is what the API server or the network said; it is
// returned, and the pass is tried again.
//
// Nothing is written that is already so. A gateway at rest costs no write, and
// neither does a restart of the operator: what has been written before is found
// in the objects themselves.
package controllers
