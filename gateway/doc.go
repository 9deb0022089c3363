// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

// Package gateway is the data plane: it terminates secure WebSockets, decides
// who may connect, and relays what they say. It reads files and knows nothing
// of Kubernetes. Run wires the parts; each part is a package below this one and
// knows as little as possible of the others.
//
// # The life of one connection
//
// Cheap and anonymous checks come before expensive ones, and nothing is held
// for a caller who has not been let in yet.
//
//  1. accept: the cap on connections, who the client is if a load balancer
//     tells, and the limits of its address (listener, limits). Too many: the
//     socket is closed, since an answer would cost a TLS handshake.
//  2. TLS: the server name selects listener, certificate and versions
//     (listener, certs). A name that nobody serves gets the alert
//     unrecognized_name.
//  3. read the request head within a time and a size, HTTP/1.1 only, nothing
//     repaired (listener): 400, 408, 431.
//     Only now is it known who the client is where a header tells: 429.
//  4. draining, or too many requests for the pod: 503 (handshake).
//  5. is it a WebSocket handshake: 405, 426, 400 (handshake).
//  6. listener and route: a Host of another listener is 421, a network that is
//     locked out 403, no route 404, a route that cannot be served 503 (handshake,
//     revocation, match).
//  7. may somebody of this network ask, and a page of this origin: 403 (handshake).
//  8. who is it, and are they locked out: 429 if it failed too often to be asked,
//     401, or 503 when that cannot be found out (authn, revocation); and do the
//     rules of the policy let them in: 403 (policy).
//  9. the backend's handshake, verified before ours is answered, so that its
//     failure is still an HTTP answer: 502, 504 (proxy).
//  10. our 101; the session is registered and the audit record "opened"
//     written (session, audit).
//  11. relay, until one side ends, a limit is hit or the end is planned
//     (proxy): a closure with its close code.
//  12. the audit record "closed", and the slot is free again.
//
// Every refusal and closure comes from the table in gateway/outcome.
//
// # Change
//
// The files of the root folder are watched (filewatch). What they say is built
// into a snapshot beside the one in use; then one pointer is swapped. A file
// that cannot be used leaves the last good one in force and says so in the
// report. Live connections are judged again by the new rules: those that would be
// refused now are closed at once (review), those whose route or listener is gone
// spread over the drain window, and no others.
//
// # The end
//
// When its context is done, Run makes the pod unready at once, goes on accepting
// for a moment because the news takes time to spread, then refuses newcomers
// and closes what is open with code 1012, evenly over the drain window.
package gateway
