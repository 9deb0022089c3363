// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package compile_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	wsv1alpha1 "github.com/wsgateway/websocket-gateway-operator/api/v1alpha1"
	"github.com/wsgateway/websocket-gateway-operator/controllers/compile"
	"github.com/wsgateway/websocket-gateway-operator/gateway/contract"
)

func noon() time.Time { return time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC) }

// newRevocation was made so long before noon, and ends an hour after it.
func newRevocation(name string, age time.Duration, change func(*wsv1alpha1.WebSocketRevocationSpec)) wsv1alpha1.WebSocketRevocation {
	r := wsv1alpha1.WebSocketRevocation{
		ObjectMeta: metav1.ObjectMeta{Name: name, UID: types.UID("uid-" + name), Generation: 3, CreationTimestamp: metav1.NewTime(noon().Add(-age))},
		Spec: wsv1alpha1.WebSocketRevocationSpec{
			Until:       metav1.NewTime(noon().Add(time.Hour)),
			ClientCIDRs: []wsv1alpha1.ClientCIDR{"203.0.113.0/24"},
		},
	}
	if change != nil {
		change(&r.Spec)
	}
	return r
}

func TestARevocationIsWrittenInOneSpelling(t *testing.T) {
	t.Parallel()
	written := func(change func(*wsv1alpha1.WebSocketRevocationSpec)) contract.Revocations {
		result, err := compile.Revocations([]wsv1alpha1.WebSocketRevocation{newRevocation("r", time.Hour, change)}, contract.MaxRevocationsBytes, noon())
		if err != nil {
			t.Fatal(err)
		}
		parsed, err := contract.ParseRevocations(result.File)
		if err != nil {
			t.Fatalf("a pod would refuse the file: %v", err)
		}
		if diff := cmp.Diff(map[string]compile.Edition{"r": {UID: "uid-r", Generation: 3}}, result.Included); diff != "" || !result.Next.Equal(parsed.Revocations[0].Until) {
			t.Errorf("included (-want +got):\n%s\nnext %v", diff, result.Next)
		}
		return parsed
	}
	want := contract.Revocations{Version: 1, Revocations: []contract.Revocation{{
		Name: "r", UID: "uid-r", Until: noon().Add(time.Hour),
		Subjects:           []contract.RevokedSubject{{Subject: "ann", Policy: "users"}, {Subject: "bob", Issuer: "https://id.example.com"}},
		TokenIDs:           []contract.RevokedTokenID{{Issuer: "https://id.example.com", ID: "t-1"}},
		APIKeyIDs:          []contract.RevokedAPIKeyID{{ID: "device-1", Secret: "keys"}},
		CertificateSerials: []contract.RevokedCertificate{{Serial: "a1b"}, {Serial: "ff", Policy: "partners"}},
		ClientCIDRs:        []string{"10.0.0.0/8", "192.0.2.0/24", "2001:db8::/32"},
	}}}
	got := written(func(s *wsv1alpha1.WebSocketRevocationSpec) {
		s.Until = metav1.NewTime(noon().Add(time.Hour).In(time.FixedZone("elsewhere", 7200)))
		s.Subjects = []wsv1alpha1.RevokedSubject{
			{Subject: "bob", Issuer: "https://id.example.com"}, {Subject: "ann", Policy: "users"}, {Subject: "ann", Policy: "users"},
		}
		s.TokenIDs = []wsv1alpha1.RevokedTokenID{{Issuer: "https://id.example.com", ID: "t-1"}}
		s.APIKeyIDs = []wsv1alpha1.RevokedAPIKeyID{{ID: "device-1", Secret: "keys"}}
		s.CertificateSerials = []wsv1alpha1.RevokedCertificateSerial{{Serial: "00:0A:1B"}, {Serial: "a1b"}, {Serial: "00FF", Policy: "partners"}, {Serial: "0a1B"}}
		s.ClientCIDRs = []wsv1alpha1.ClientCIDR{"2001:DB8:0::1/32", "10.1.2.3/8", "::ffff:192.0.2.0/120"}
	})
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("file (-want +got):\n%s", diff)
	}
}

func TestWhatHasEndedOrIsDeletedIsLeftOutOfTheFile(t *testing.T) {
	t.Parallel()
	ended := newRevocation("ended", time.Hour, func(s *wsv1alpha1.WebSocketRevocationSpec) { s.Until = metav1.NewTime(noon()) })
	deleted := newRevocation("deleted", time.Hour, nil)
	deleted.DeletionTimestamp = new(metav1.NewTime(noon()))
	old := newRevocation("old", compile.MaxRevocationLife, nil)
	long := newRevocation("long", compile.MaxRevocationLife-time.Minute, func(s *wsv1alpha1.WebSocketRevocationSpec) {
		s.Until = metav1.NewTime(noon().Add(time.Hour))
	})
	result, err := compile.Revocations([]wsv1alpha1.WebSocketRevocation{ended, deleted, old, long}, contract.MaxRevocationsBytes, noon())
	if err != nil {
		t.Fatal(err)
	}
	if len(result.Revocations.Revocations) != 1 || len(result.LeftOut) != 0 {
		t.Fatalf("in the file: %+v", result)
	}
	// It asks for an hour and has been there for 30 days but a minute.
	if got := result.Revocations.Revocations[0]; got.Name != "long" || !got.Until.Equal(noon().Add(time.Minute)) {
		t.Errorf("in the file: %+v", got)
	}
	empty, err := compile.Revocations([]wsv1alpha1.WebSocketRevocation{ended}, contract.MaxRevocationsBytes, noon())
	if err != nil || string(empty.File) != "{\"version\":1}\n" {
		t.Errorf("nobody is locked out: %s %v", empty.File, err)
	}
}

func TestTheNewestIsLeftOutWhenThereIsNoRoom(t *testing.T) {
	t.Parallel()
	var list []wsv1alpha1.WebSocketRevocation
	for i := range contract.MaxRevocations + 2 {
		list = append(list, newRevocation(fmt.Sprintf("r%03d", 999-i), time.Duration(1000-i)*time.Second, nil))
	}
	slices.Reverse(list)
	result, err := compile.Revocations(list, contract.MaxRevocationsBytes, noon())
	if err != nil {
		t.Fatal(err)
	}
	if len(result.Included) != contract.MaxRevocations || len(result.LeftOut) != 2 || result.LeftOut["r742"].Why == "" || result.LeftOut["r742"].Invalid || result.LeftOut["r743"].UID != "uid-r743" {
		t.Errorf("%d included, left out: %v", len(result.Included), result.LeftOut)
	}
	if _, err := contract.ParseRevocations(result.File); err != nil {
		t.Error(err)
	}

	large := newRevocation("large", time.Hour, func(s *wsv1alpha1.WebSocketRevocationSpec) {
		for i := range 1000 {
			s.Subjects = append(s.Subjects, wsv1alpha1.RevokedSubject{Subject: fmt.Sprintf("%0100d", i), Policy: "users"})
		}
	})
	older, newer := newRevocation("older", 2*time.Hour, nil), newRevocation("newer", time.Minute, nil)
	result, err = compile.Revocations([]wsv1alpha1.WebSocketRevocation{large, newer, older}, 64<<10, noon())
	if err != nil {
		t.Fatal(err)
	}
	if _, out := result.LeftOut["large"]; !out || len(result.Included) != 2 || len(result.File) > 64<<10 {
		t.Errorf("included %v, left out %v, %d bytes", result.Included, result.LeftOut, len(result.File))
	}
}

// What the CRD's rules refuse is there all the same, as it was written before
// there were such rules: the others must not suffer, and the status must not put
// it down to a lack of room.
func TestAnEntryThatPodsWouldRefuseLeavesTheOthersInForce(t *testing.T) {
	t.Parallel()
	var all []wsv1alpha1.ClientCIDR
	for i := range 256 {
		all = append(all, wsv1alpha1.ClientCIDR(fmt.Sprintf("%d.0.0.0/8", i)))
	}
	for name, networks := range map[string][]wsv1alpha1.ClientCIDR{
		"everybody":                  {"::ffff:0.0.0.0/96"},
		"everybody in 256 parts":     all,
		"a good part of everybody":   all[:17],
		"half of everybody":          {"128.0.0.0/1"},
		"too wide a network of IPv6": {"2000::/15"},
	} {
		wide := newRevocation("wide", time.Hour, func(s *wsv1alpha1.WebSocketRevocationSpec) { s.ClientCIDRs = networks })
		few := newRevocation("few", time.Hour, func(s *wsv1alpha1.WebSocketRevocationSpec) { s.ClientCIDRs = all[:16] })
		result, err := compile.Revocations([]wsv1alpha1.WebSocketRevocation{wide, few}, contract.MaxRevocationsBytes, noon())
		if err != nil {
			t.Fatal(err)
		}
		if parsed, err := contract.ParseRevocations(result.File); err != nil || len(parsed.Revocations) != 1 || parsed.Revocations[0].Name != "few" {
			t.Errorf("%s: file %s: %v", name, result.File, err)
		}
		if left := result.LeftOut["wide"]; !left.Invalid || !strings.Contains(left.Why, "everybody") {
			t.Errorf("%s: left out: %+v", name, left)
		}
	}
}

func TestTheThreeFilesFitOneConfigMap(t *testing.T) {
	t.Parallel()
	for _, config := range []int{0, 100 << 10, 600 << 10, contract.MaxFileBytes} {
		for _, endpoints := range []int{0, 50 << 10, 900 << 10} {
			room := compile.RevocationRoom(config, endpoints)
			if room < 0 || room > contract.MaxRevocationsBytes || (room > 0 && config+endpoints+room > 1<<20) {
				t.Errorf("beside %d and %d bytes: room for %d", config, endpoints, room)
			}
		}
	}
	if compile.RevocationRoom(100<<10, 1) != compile.RevocationRoom(100<<10, 2000) {
		t.Error("the room moves with every endpoint")
	}
}
