// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

// Package filewatch reads the files that a gateway is given and tells when they
// may have changed. It knows how the kubelet replaces a mounted volume and never
// mixes files of two generations.
package filewatch
