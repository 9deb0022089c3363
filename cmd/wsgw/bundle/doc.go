// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

// Package bundle collects what somebody needs to help with a gateway into one
// archive that may be given away. Secrets are never read. Everything that goes in
// passes one door, Archive.Add, which takes away what looks like a credential
// wherever it was written by mistake.
package bundle
