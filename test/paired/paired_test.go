// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package paired_test

import (
	"math/rand/v2"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/wsgateway/websocket-gateway-operator/test/paired"
)

// upTo is 1 to n, in no order.
func upTo(n int) []float64 {
	values := make([]float64, n)
	for i := range values {
		values[(i*7)%n] = float64(i + 1)
	}
	return values
}

// The ranks are those of the published tables of the sign test at 5 %, two-sided.
func TestTheIntervalIsThatOfTheSignTest(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		values []float64
		want   paired.Result
	}{
		"one value is all there is":            {[]float64{3}, paired.Result{Median: 3, Low: 3, High: 3, Pairs: 1}},
		"of two values none is left out":       {[]float64{4, 2}, paired.Result{Median: 3, Low: 2, High: 4, Pairs: 2}},
		"five are too few to leave one out":    {upTo(5), paired.Result{Median: 3, Low: 1, High: 5, Pairs: 5}},
		"of six the outermost are the ends":    {upTo(6), paired.Result{Median: 3.5, Low: 1, High: 6, Pairs: 6}},
		"of nine one on each side is left":     {upTo(9), paired.Result{Median: 5, Low: 2, High: 8, Pairs: 9}},
		"of twenty-five seven on each side":    {upTo(25), paired.Result{Median: 13, Low: 8, High: 18, Pairs: 25}},
		"of a hundred thirty-nine are left":    {upTo(101), paired.Result{Median: 51, Low: 41, High: 61, Pairs: 101}},
		"two thousand are not too many at all": {upTo(2001), paired.Result{Median: 1001, Low: 957, High: 1045, Pairs: 2001}},
	} {
		if diff := cmp.Diff(test.want, paired.Of(test.values)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

func TestTheOrderOfTheValuesDoesNotCountAndTheyStayAsTheyAre(t *testing.T) {
	t.Parallel()
	values := []float64{9, 1, 5, 3, 7, 2, 8, 4, 6}
	before := append([]float64{}, values...)
	if diff := cmp.Diff(paired.Of(upTo(9)), paired.Of(values)); diff != "" {
		t.Errorf("another order (-sorted +shuffled):\n%s", diff)
	}
	if diff := cmp.Diff(before, values); diff != "" {
		t.Errorf("the values have changed:\n%s", diff)
	}
}

// What is promised of the interval, tried: the noise here is lopsided and has
// outliers, as that of a busy machine has.
func TestTheIntervalHoldsTheTrueMedianAsOftenAsItSays(t *testing.T) {
	t.Parallel()
	const tries, pairs, median = 2000, 30, 1.0
	random := rand.New(rand.NewPCG(1, 2))
	held := 0
	for range tries {
		values := make([]float64, pairs)
		for i := range values {
			values[i] = median + 0.01*random.NormFloat64()
			if values[i] > median && random.IntN(3) == 0 {
				values[i] += 5 * random.Float64()
			}
		}
		if r := paired.Of(values); r.Low <= median && median <= r.High {
			held++
		}
	}
	if held < tries*95/100 {
		t.Errorf("the interval held the median %d times in %d", held, tries)
	}
}

func TestOnlyAWholeIntervalShowsSomething(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		result paired.Result
		want   paired.Verdict
	}{
		"all of it is above":             {paired.Result{Low: 1.031, Median: 1.04, High: 1.05, Pairs: 6}, paired.Above},
		"a part of it is above":          {paired.Result{Low: 1.03, Median: 1.04, High: 1.05, Pairs: 6}, paired.Unclear},
		"nothing of it is above":         {paired.Result{Low: 1.01, Median: 1.02, High: 1.03, Pairs: 6}, paired.Within},
		"all of few values is above":     {paired.Result{Low: 1.031, Median: 1.04, High: 1.05, Pairs: 5}, paired.Unclear},
		"nothing of few values is above": {paired.Result{Low: 1.01, Median: 1.02, High: 1.03, Pairs: 5}, paired.Unclear},
	} {
		if got := test.result.Against(1.03); got != test.want {
			t.Errorf("%s: %s, want %s", name, got, test.want)
		}
	}
}
