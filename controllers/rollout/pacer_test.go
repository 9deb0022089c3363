// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package rollout_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/types"

	"github.com/wsgateway/websocket-gateway-operator/controllers/rollout"
)

func gateway(name string) types.NamespacedName {
	return types.NamespacedName{Namespace: "ns", Name: name}
}

func nothing() ([]types.NamespacedName, error) { return nil, nil }

func seeded(t *testing.T, limit int, underWay ...string) *rollout.Pacer {
	t.Helper()
	p := rollout.NewPacer(limit)
	if err := p.Seed(func() ([]types.NamespacedName, error) {
		var found []types.NamespacedName
		for _, name := range underWay {
			found = append(found, gateway(name))
		}
		return found, nil
	}); err != nil {
		t.Fatal(err)
	}
	return p
}

func TestAFewRollAndTheOthersWaitInTheirOrder(t *testing.T) {
	t.Parallel()
	p := seeded(t, 2)
	for i, name := range []string{"a", "b", "c", "d", "e", "c"} {
		if got, want := p.May(gateway(name)), i < 2; got != want {
			t.Errorf("%s may: %v", name, got)
		}
	}
	if !p.May(gateway("a")) {
		t.Error("whoever rolls loses its turn by asking again")
	}
	if diff := cmp.Diff([]types.NamespacedName{gateway("c")}, p.Settled(gateway("b"))); diff != "" {
		t.Errorf("next (-want +got):\n%s", diff)
	}
	if !p.May(gateway("c")) || p.May(gateway("d")) {
		t.Error("the turn is not that of the first who waits")
	}
	rolling, waiting := p.Standing()
	slices.SortFunc(rolling, func(a, b types.NamespacedName) int { return strings.Compare(a.Name, b.Name) })
	if diff := cmp.Diff([]types.NamespacedName{gateway("a"), gateway("c")}, rolling); diff != "" || waiting != 2 {
		t.Errorf("%d wait, want d and e; rolling (-want +got):\n%s", waiting, diff)
	}
	if !p.HasTurn(gateway("a")) || p.HasTurn(gateway("d")) {
		t.Error("whoever waits has no turn, and whoever rolls has one")
	}
	if next := p.Settled(gateway("d")); len(next) != 0 {
		t.Errorf("whoever gives up waiting makes room for %v", next)
	}
	if diff := cmp.Diff([]types.NamespacedName{gateway("e")}, p.Settled(gateway("a"))); diff != "" {
		t.Errorf("next (-want +got):\n%s", diff)
	}
	if next := p.Settled(gateway("nobody")); len(next) != 0 {
		t.Errorf("whoever was not there makes room for %v", next)
	}
}

func TestWhatHasBegunBeforeCounts(t *testing.T) {
	t.Parallel()
	p := seeded(t, 2, "a", "b", "c")
	if p.May(gateway("d")) || !p.May(gateway("a")) {
		t.Error("what was under way does not count")
	}
	if next := p.Settled(gateway("a")); len(next) != 0 {
		t.Errorf("two are still rolling, and %v may too", next)
	}
	if diff := cmp.Diff([]types.NamespacedName{gateway("d")}, p.Settled(gateway("b"))); diff != "" {
		t.Errorf("next (-want +got):\n%s", diff)
	}
}

func TestNobodyRollsBeforeItIsKnownWhoDoes(t *testing.T) {
	t.Parallel()
	p := rollout.NewPacer(5)
	broken := errors.New("no answer")
	if err := p.Seed(func() ([]types.NamespacedName, error) { return nil, broken }); !errors.Is(err, broken) {
		t.Errorf("the error is %v", err)
	}
	if p.May(gateway("a")) || len(p.Settled(gateway("b"))) > 0 {
		t.Error("somebody rolls")
	}
	if err := p.Seed(nothing); err != nil || !p.May(gateway("a")) {
		t.Errorf("nobody rolls afterwards, %v", err)
	}
}

func TestTheLimitHoldsUnderContention(t *testing.T) {
	t.Parallel()
	const limit = 3
	p := seeded(t, limit)
	var rolling, finished atomic.Int32
	var group sync.WaitGroup
	for i := range 50 {
		group.Go(func() {
			own := gateway(fmt.Sprint(i))
			for !p.May(own) {
				p.Settled(gateway("somebody else"))
			}
			if now := rolling.Add(1); now > limit {
				t.Errorf("%d roll at a time", now)
			}
			finished.Add(1)
			rolling.Add(-1)
			p.Settled(own)
		})
	}
	group.Wait()
	if finished.Load() != 50 {
		t.Errorf("%d have rolled", finished.Load())
	}
}
