// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

// Package apply makes rendered objects real, and nothing more than that: an
// object that is already as it should be costs no request that writes.
//
// The first write of an object is a Create, because it is the only request that
// never takes over what somebody else made. Later writes are forced server-side
// apply that carries the UID of the object we know, so that a write meant for
// one object can never land on its successor of the same name.
//
// Whether a write is needed is answered by two questions. Is what we want the
// same as what we last wrote? A hash in the object's own annotations remembers
// it; it is never in a pod template, where it would restart pods. And does the
// object still hold what we wrote? Every field that we render is compared with
// the live object. Fields that we do not render are nobody's drift: kubectl
// rollout restart puts an annotation on the pod template and must roll the pods
// once, not start a quarrel.
package apply
