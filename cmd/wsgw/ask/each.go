// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package ask

import (
	"context"
	"errors"
	"net/url"
	"strings"
	"sync"
	"unicode"

	"k8s.io/apimachinery/pkg/types"
)

// atOnce bounds how many pods are asked at the same time: each costs the API
// server a connection to a kubelet.
const atOnce = 16

// Answer is what became of asking one pod.
type Answer[T any] struct {
	Pod   types.NamespacedName
	Value T
	Err   error
}

// Each asks all pods at the same time and answers in their order. One that fails
// keeps no other from answering.
func Each[T any](
	ctx context.Context, pods []types.NamespacedName, question func(context.Context, types.NamespacedName) (T, error),
) []Answer[T] {
	answers := make([]Answer[T], len(pods))
	places := make(chan struct{}, atOnce)
	var group sync.WaitGroup
	for i, pod := range pods {
		group.Go(func() {
			places <- struct{}{}
			defer func() { <-places }()
			answers[i].Pod = pod
			answers[i].Value, answers[i].Err = question(ctx, pod)
		})
	}
	group.Wait()
	return answers
}

// unwrapURL takes away the address, which is the same for every pod and leads
// nowhere on this machine.
func unwrapURL(err error) error {
	if outer, ok := errors.AsType[*url.Error](err); ok {
		return outer.Err
	}
	return err
}

// printable is text in one line without what a terminal would obey.
func printable(text string) string {
	return strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return ' '
		}
		return r
	}, strings.TrimSpace(text))
}
