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
	"k8s.io/client-go/discovery"
)

// certManager knows whether the cluster has cert-manager's kinds, and acts once
// when they appear.
type certManager struct {
	discovery discovery.ServerResourcesInterface
	every     time.Duration
	log       *slog.Logger
	// appeared is called once, when the kinds are there.
	appeared func(ctx context.Context) error

	present atomic.Bool
}

// Present tells whether the kinds are there and watched.
func (c *certManager) Present() bool { return c.present.Load() }

// Start looks until the kinds are there. Asking for the list of kinds is cheap,
// and needs no permission that the operator does not have anyway.
func (c *certManager) Start(ctx context.Context) error {
	ticker := time.NewTicker(c.every)
	defer ticker.Stop()
	for !c.Present() {
		if err := c.look(ctx); err != nil {
			c.log.Warn("cannot tell whether cert-manager is installed, trying again", "error", err)
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
func (c *certManager) NeedLeaderElection() bool { return false }

func (c *certManager) look(ctx context.Context) error {
	found, err := c.installed()
	if err != nil || !found || c.Present() {
		return err
	}
	if err := c.appeared(ctx); err != nil {
		return err
	}
	c.log.Info("cert-manager is installed")
	return nil
}

// installed tells whether all kinds that the operator needs are served. They
// are installed one after the other.
func (c *certManager) installed() (bool, error) {
	list, err := c.discovery.ServerResourcesForGroupVersion(cmv1.SchemeGroupVersion.String())
	if apierrors.IsNotFound(err) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("list kinds of %s: %w", cmv1.SchemeGroupVersion, err)
	}
	missing := map[string]bool{
		cmv1.CertificateKind: true, cmv1.CertificateRequestKind: true,
		cmv1.IssuerKind: true, cmv1.ClusterIssuerKind: true,
	}
	for i := range list.APIResources {
		delete(missing, list.APIResources[i].Kind)
	}
	return len(missing) == 0, nil
}
