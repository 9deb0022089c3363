// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package apply

import (
	"context"
	"fmt"
	"slices"

	wsv1alpha1 "github.com/wsgateway/websocket-gateway-operator/api/v1alpha1"
	"github.com/wsgateway/websocket-gateway-operator/controllers/render"
	"github.com/wsgateway/websocket-gateway-operator/gateway/contract"
)

// Held is what Objects would do if it were let.
type Held struct {
	// Written and Removed name objects, by kind and name. Of the contract only
	// config.json counts: endpoints come and go, and would make the answer another
	// one all the time.
	Written, Removed []string
	// Files are the files of the contract that are in the cluster.
	Files map[string]string
}

// HeldBack writes nothing, and answers what Objects would do.
func (a *Applier) HeldBack(ctx context.Context, gw *wsv1alpha1.WebSocketGateway, objects []render.Object) (Held, error) {
	var found Held
	for i := range objects {
		want, err := newDesired(gw, &objects[i])
		if err != nil {
			return Held{}, err
		}
		live, err := a.find(ctx, want)
		if err != nil {
			return Held{}, fmt.Errorf("%s %s: %w", want.kind.Kind, want.key, err)
		}
		held := live != nil && (a.journal.settled(want, live) || want.isHeldBy(live))
		if want.kind == render.ConfigMapKind() && live != nil && ownershipOf(gw, live) == ownedByUs {
			found.Files = contractFiles(live.Object)
			held = found.Files[contract.ConfigFile] == contractFiles(want.content)[contract.ConfigFile]
		}
		if !held {
			found.Written = append(found.Written, want.kind.Kind+" "+want.key.Name)
		}
	}
	superfluous, err := a.superfluous(ctx, gw, objects)
	if err != nil {
		return Held{}, err
	}
	for _, object := range superfluous {
		found.Removed = append(found.Removed, render.CertificateKind().Kind+" "+object.GetName())
	}
	slices.Sort(found.Removed)
	return found, nil
}
