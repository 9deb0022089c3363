// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package apply

// Holds lets tests look at the comparison by itself.
func Holds(live, want any) bool { return holds(live, want, false) }
