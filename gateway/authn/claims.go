// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package authn

import (
	"maps"
	"slices"
)

// requiredClaims are the accepted values of claims, by name.
type requiredClaims map[string][]string

// unmet returns the first claim, by name, that a token's claims do not fit.
func (r requiredClaims) unmet(claims map[string]any) (name string, found bool) {
	for _, name := range slices.Sorted(maps.Keys(r)) {
		if !fits(claims[name], r[name]) {
			return name, true
		}
	}
	return "", false
}

// fits tells whether a claim, or one item of it if it is a list, is written
// like one of the accepted values. There is no reading into it: a string of
// several words is one value, 1.0 is not 1, and what is inside of objects or of
// lists in lists is somebody else's business.
func fits(claim any, accepted []string) bool {
	items, isList := claim.([]any)
	if !isList {
		items = []any{claim}
	}
	return slices.ContainsFunc(items, func(item any) bool {
		value, ok := scalar(item)
		return ok && slices.Contains(accepted, value)
	})
}
