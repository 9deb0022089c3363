// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package authn

import (
	"hash/maphash"
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
	return slices.ContainsFunc(itemsOf(claim), func(item any) bool {
		value, ok := scalar(item)
		return ok && slices.Contains(accepted, value)
	})
}

func itemsOf(claim any) []any {
	if items, isList := claim.([]any); isList {
		return items
	}
	return []any{claim}
}

// claimPrints tell, as long as a connection lives, whether its token would fit
// required claims that come later. The claims themselves would be a larger
// burden per connection, and are nobody's business any more.
type claimPrints struct {
	seed maphash.Seed
	// values are hashes of name and value, sorted.
	values []uint64
}

func printClaims(claims map[string]any) claimPrints {
	prints := claimPrints{seed: maphash.MakeSeed()}
	for name, claim := range claims {
		for _, item := range itemsOf(claim) {
			if value, ok := scalar(item); ok {
				prints.values = append(prints.values, prints.of(name, value))
			}
		}
	}
	slices.Sort(prints.values)
	prints.values = slices.Clip(slices.Compact(prints.values))
	return prints
}

func (p claimPrints) of(name, value string) uint64 {
	return maphash.Comparable(p.seed, [2]string{name, value})
}

// unprinted is unmet for a token of which only the prints are left.
func (r requiredClaims) unprinted(prints claimPrints) (name string, found bool) {
	for _, name := range slices.Sorted(maps.Keys(r)) {
		fits := slices.ContainsFunc(r[name], func(value string) bool {
			_, printed := slices.BinarySearch(prints.values, prints.of(name, value))
			return printed
		})
		if !fits {
			return name, true
		}
	}
	return "", false
}
