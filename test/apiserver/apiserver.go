// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

// Package apiserver is how tests get an API server: with the patience that a busy
// machine needs, which is slow and not wrong.
package apiserver

import (
	"errors"
	"os"
	"time"

	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/envtest"
)

// Patience is for how long a test waits for what an API server has to do for it: to
// start, or to serve a kind. Nothing is measured by it.
const Patience = 2 * time.Minute

// New describes an API server with its etcd and with the CRDs of the folders; it
// starts nothing. An error tells that there is no program to start, and what to run.
func New(scheme *runtime.Scheme, crds ...string) (*envtest.Environment, error) {
	if os.Getenv("KUBEBUILDER_ASSETS") == "" {
		return nil, errors.New(`KUBEBUILDER_ASSETS is not set: run "make test-api", or set it to the last line of "cd hack/cluster && go run . assets"`)
	}
	return &envtest.Environment{
		Scheme: scheme, CRDDirectoryPaths: crds, ErrorIfCRDPathMissing: true,
		ControlPlaneStartTimeout: Patience, ControlPlaneStopTimeout: Patience,
		CRDInstallOptions: envtest.CRDInstallOptions{MaxTime: Patience},
	}, nil
}
