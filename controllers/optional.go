// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"context"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	cmv1 "github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/discovery"

	"github.com/wsgateway/websocket-gateway-operator/controllers/compile"
)

// optional knows whether the cluster has kinds that the operator can do without,
// and acts once when they appear.
type optional struct {
	// name of what brings the kinds, for the log.
	name string
	// versions that have the kinds, the one to prefer first.
	versions []schema.GroupVersion
	kinds    []string

	discovery discovery.ServerResourcesInterface
	every     time.Duration
	log       *slog.Logger
	// appeared is called with the version when the kinds are there, and again if it
	// fails.
	appeared func(ctx context.Context, version schema.GroupVersion) error

	version atomic.Pointer[schema.GroupVersion]
}

// certManager are the kinds without which no certificate is issued.
func certManager() *optional {
	return &optional{
		name: "cert-manager", versions: []schema.GroupVersion{cmv1.SchemeGroupVersion},
		kinds: []string{cmv1.CertificateKind, cmv1.CertificateRequestKind, cmv1.IssuerKind, cmv1.ClusterIssuerKind},
	}
}

// referenceGrants is the kind without which no Service of another namespace is used.
// Its versions say the same of what is read.
func referenceGrants() *optional {
	return &optional{
		name: "ReferenceGrant of Gateway API", kinds: []string{compile.KindGrant},
		versions: []schema.GroupVersion{{Group: compile.GrantGroup, Version: "v1"}, {Group: compile.GrantGroup, Version: "v1beta1"}},
	}
}

// Present tells whether the kinds are there and watched.
func (o *optional) Present() bool { return o.version.Load() != nil }

// Kind is the watched version of one of the kinds; false while there is none.
func (o *optional) Kind(kind string) (schema.GroupVersionKind, bool) {
	if version := o.version.Load(); version != nil {
		return version.WithKind(kind), true
	}
	return schema.GroupVersionKind{}, false
}

// Start looks until the kinds are there. Asking for the list of kinds is cheap,
// and needs no permission that the operator does not have anyway.
func (o *optional) Start(ctx context.Context) error {
	ticker := time.NewTicker(o.every)
	defer ticker.Stop()
	for !o.Present() {
		if err := o.look(ctx); err != nil {
			o.log.Warn("cannot tell whether the kinds are installed, trying again", "of", o.name, "error", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
	}
	return nil
}

// NeedLeaderElection is false: whoever takes over shall have watched already.
func (o *optional) NeedLeaderElection() bool { return false }

// look calls appeared if the kinds are there and were not before.
func (o *optional) look(ctx context.Context) error {
	version, err := o.installed()
	if err != nil || version == nil || o.Present() {
		return err
	}
	if err := o.appeared(ctx, *version); err != nil {
		return err
	}
	o.log.Info("kinds are installed", "of", o.name)
	return nil
}

// installed answers a version that has all kinds, nil if there is none: they are
// installed one after the other.
func (o *optional) installed() (*schema.GroupVersion, error) {
	for _, version := range o.versions {
		list, err := o.discovery.ServerResourcesForGroupVersion(version.String())
		if apierrors.IsNotFound(err) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("list kinds of %s: %w", version, err)
		}
		missing := map[string]bool{}
		for _, kind := range o.kinds {
			missing[kind] = true
		}
		for i := range list.APIResources {
			delete(missing, list.APIResources[i].Kind)
		}
		if len(missing) == 0 {
			return &version, nil
		}
	}
	return nil, nil
}
