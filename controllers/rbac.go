// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package controllers

// What the operator may do. There is no verb on Secrets, and a test keeps it
// so: whoever takes over the operator must not get every private key of the
// cluster with it. Pods may only be patched, for an annotation. The status of
// Certificates is patched to have one issued anew: cert-manager has no other way
// to be told.
//
// Events of gateways are of events.k8s.io; the library that holds the lease
// still writes its own in the old group.
//
// The permission on finalizers is asked for by clusters that check who may
// block the deletion of an owner; the operator sets no finalizer.
//
// +kubebuilder:rbac:groups=wsgateway.dev,resources=websocketgateways,verbs=get;list;watch
// +kubebuilder:rbac:groups=wsgateway.dev,resources=websocketgateways/status,verbs=patch
// +kubebuilder:rbac:groups=wsgateway.dev,resources=websocketgateways/finalizers,verbs=update
// +kubebuilder:rbac:groups=wsgateway.dev,resources=websocketroutes,verbs=get;list;watch
// +kubebuilder:rbac:groups=wsgateway.dev,resources=websocketroutes/status,verbs=patch
// +kubebuilder:rbac:groups=wsgateway.dev,resources=websocketrevocations,verbs=get;list;watch
// +kubebuilder:rbac:groups=wsgateway.dev,resources=websocketrevocations/status,verbs=patch
// +kubebuilder:rbac:groups="",resources=configmaps;services;serviceaccounts,verbs=get;list;watch;create;patch;delete
// +kubebuilder:rbac:groups="",resources=namespaces,verbs=get;list;watch
// +kubebuilder:rbac:groups="",resources=pods,verbs=get;list;watch;patch
// +kubebuilder:rbac:groups=apps,resources=deployments,verbs=get;list;watch;create;patch;delete
// +kubebuilder:rbac:groups=apps,resources=replicasets,verbs=get;list;watch
// +kubebuilder:rbac:groups=discovery.k8s.io,resources=endpointslices,verbs=get;list;watch
// +kubebuilder:rbac:groups=networking.k8s.io,resources=networkpolicies,verbs=get;list;watch;create;patch;delete
// +kubebuilder:rbac:groups=policy,resources=poddisruptionbudgets,verbs=get;list;watch;create;patch;delete
// +kubebuilder:rbac:groups=cert-manager.io,resources=certificates,verbs=get;list;watch;create;patch;delete
// +kubebuilder:rbac:groups=cert-manager.io,resources=certificates/status,verbs=patch
// +kubebuilder:rbac:groups=cert-manager.io,resources=certificaterequests;clusterissuers;issuers,verbs=get;list;watch
// +kubebuilder:rbac:groups=acme.cert-manager.io,resources=challenges;orders,verbs=list
// +kubebuilder:rbac:groups=gateway.networking.k8s.io,resources=referencegrants,verbs=get;list;watch
// +kubebuilder:rbac:groups="";events.k8s.io,resources=events,verbs=create;patch
// +kubebuilder:rbac:groups=authentication.k8s.io,resources=tokenreviews,verbs=create
// +kubebuilder:rbac:groups=authorization.k8s.io,resources=subjectaccessreviews,verbs=create
