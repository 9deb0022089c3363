// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package revalidation_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

var errAway = errors.New("away")

func TestAnIntervalThatBecomesShorterLeavesTheServerItsThreeIntervals(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFleet()
		f.answers = func(context.Context, int) error { return errAway }
		f.schedule(1, time.Hour)
		stop := f.run(t)
		time.Sleep(2 * time.Hour)
		f.schedule(1, 10*time.Second)
		time.Sleep(2 * time.Hour)
		stop()
		if len(f.ended) != 1 || f.ended[0].at != 2*time.Hour+30*time.Second {
			t.Errorf("ended: %+v, want one at 2h0m30s", f.ended)
		}
	})
}

func TestWhoHasGoneIsNotAskedAboutAndDoesNotEnd(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFleet()
		f.answers = func(context.Context, int) error { return errAway }
		f.schedule(3, time.Minute)
		stop := f.run(t)
		f.plan.Forget(0)
		f.schedule(1, 0) // key 0 again: never
		f.plan.Deny(1)
		time.Sleep(time.Hour)
		stop()
		if len(f.ended) != 1 || f.ended[0].late.Key != 2 || !errors.Is(f.ended[0].late.Why, errAway) || f.ended[0].at != 3*time.Minute {
			t.Errorf("ended: %+v, want the one that is left after three intervals", f.ended)
		}
		if f.asked[0]+f.asked[1] > 0 {
			t.Errorf("asked about those who have gone: %v", f.asked)
		}
	})
}

// A server that is tried in a dry run may stay away for long: once the policy is in
// force, what has passed counts, and the server is asked at once.
func TestWhomADryRunHasKeptWithoutAnAnswerHasTheTimeOfOneAnswerLeft(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		back bool
		ends time.Duration
	}{
		"the server is still away": {false, time.Hour + 10*time.Second},
		"the server is back":       {true, 0},
	} {
		synctest.Test(t, func(t *testing.T) {
			f := newFleet()
			away := true
			f.answers = func(context.Context, int) error {
				if away {
					return errAway
				}
				return nil
			}
			f.wanted.DryRun = true
			f.schedule(1, 10*time.Second)
			stop := f.run(t)
			time.Sleep(time.Hour)
			synctest.Wait()
			if len(f.ended) > 0 || f.spared == 0 {
				t.Fatalf("%s: in dry run %d ended, %d were spared", name, len(f.ended), f.spared)
			}
			away, f.wanted.DryRun = !tt.back, false
			f.schedule(1, 10*time.Second)
			time.Sleep(time.Hour)
			stop()
			switch {
			case tt.ends == 0 && len(f.ended) > 0:
				t.Errorf("%s: ended %+v", name, f.ended)
			case tt.ends > 0 && (len(f.ended) != 1 || f.ended[0].at != tt.ends):
				t.Errorf("%s: ended %+v, want one at %v", name, f.ended, tt.ends)
			}
		})
	}
}

// Nothing is done for whom ask forgot to say anything, as after a mistake of ours.
func TestAQuestionThatCameToNothingIsAskedAgain(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFleet()
		f.answers = func(context.Context, int) error { return errForgotten }
		f.schedule(1, time.Minute)
		stop := f.run(t)
		time.Sleep(10 * time.Minute)
		stop()
		if f.asked[0] < 4 || f.asked[0] > 7 {
			t.Errorf("asked %d times in three minutes: after one, and every half of one", f.asked[0])
		}
		if len(f.ended) != 1 || f.ended[0].late.Why == nil {
			t.Errorf("ended: %+v", f.ended)
		}
	})
}
