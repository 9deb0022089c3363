// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"strings"

	"github.com/spf13/cobra"
)

// Names of the program.
const (
	OwnName        = ownName
	PluginName     = pluginName
	PluginFile     = pluginFile
	CompletionFile = completionFile
)

// Commands are all commands of the program under a name.
func Commands(name string) []*cobra.Command {
	return all(newRoot(streams{in: strings.NewReader(""), out: &bytes.Buffer{}, err: &bytes.Buffer{}}, name))
}
