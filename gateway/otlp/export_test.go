// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package otlp

// RefusedItems is for the fuzz test.
func RefusedItems(answer []byte) int64 { return refusedItems(answer) }
