// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package apply

import (
	"context"
	"fmt"

	wsv1alpha1 "github.com/wsgateway/websocket-gateway-operator/api/v1alpha1"
	"github.com/wsgateway/websocket-gateway-operator/controllers/render"
	"github.com/wsgateway/websocket-gateway-operator/gateway/contract"
)

// HeldBack writes nothing. It answers which of the objects Objects would write,
// by kind and name, and the files of the contract that are in the cluster. Of the
// contract only config.json counts: endpoints come and go, and would make the
// answer another one all the time.
func (a *Applier) HeldBack(
	ctx context.Context, gw *wsv1alpha1.WebSocketGateway, objects []render.Object,
) (names []string, files map[string]string, err error) {
	for i := range objects {
		want, err := newDesired(gw, &objects[i])
		if err != nil {
			return nil, nil, err
		}
		live, err := a.find(ctx, want)
		if err != nil {
			return nil, nil, fmt.Errorf("%s %s: %w", want.kind.Kind, want.key, err)
		}
		held := live != nil && (a.journal.settled(want, live) || want.isHeldBy(live))
		if want.kind == render.ConfigMapKind() && live != nil && ownershipOf(gw, live) == ownedByUs {
			files = contractFiles(live.Object)
			held = files[contract.ConfigFile] == contractFiles(want.content)[contract.ConfigFile]
		}
		if !held {
			names = append(names, want.kind.Kind+" "+want.key.Name)
		}
	}
	return names, files, nil
}
