// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

//go:build !linux

package main

import (
	"context"
	"errors"
)

func onNode(context.Context, string, []string) error {
	return errors.New("a node needs Linux; install the chart into any other cluster instead, with \"helm install\"")
}
