// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package standalone

import (
	"time"

	wsv1alpha1 "github.com/wsgateway/websocket-gateway-operator/api/v1alpha1"
)

// Publish is publish, for tests.
var Publish = publish

// Certificate opens a state folder and returns the pair of a listener in it, as
// a run at that time would, having written it.
func Certificate(folder string, listener *wsv1alpha1.Listener, now time.Time) (map[string][]byte, error) {
	s, closeState, err := openState(folder, func() time.Time { return now })
	if err != nil {
		return nil, err
	}
	defer func() { _ = closeState() }()
	gw := &wsv1alpha1.WebSocketGateway{}
	gw.Name = "edge"
	gw.Spec.Listeners = []wsv1alpha1.Listener{*listener}
	if err := s.write(&plan{gateway: gw, secrets: map[string]map[string][]byte{}}); err != nil {
		return nil, err
	}
	return s.certificate("wsgw-edge."+listener.Name, listener)
}
