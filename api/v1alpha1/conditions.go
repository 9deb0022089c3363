// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package v1alpha1

// Condition types of a WebSocketGateway. The first five are always present and
// positive: the first of them that is not True is the place to look. Ready
// repeats its reason and message. The operator sets all of them.
const (
	// ConditionAccepted is True when the spec could be compiled. False with
	// ReasonInvalid or ReasonNameConflict; Unknown with ReasonWaitingForDeletion.
	// While it is not True the last good configuration stays in force.
	ConditionAccepted = "Accepted"

	// ConditionResolvedRefs is True when everything that the spec refers to
	// exists and can be used. False with one of the NotFound reasons; Unknown
	// with ReasonWaitingForPods until a pod has reported on the Secrets, which
	// the operator itself cannot read.
	ConditionResolvedRefs = "ResolvedRefs"

	// ConditionCertificatesReady is True while every ready pod serves a
	// currently valid certificate for each listener. A renewal does not turn it
	// False. False with ReasonIssuing, ReasonIssuanceFailed, ReasonExpired,
	// ReasonStaleCertificate or ReasonCertificatesDiffer.
	ConditionCertificatesReady = "CertificatesReady"

	// ConditionProgrammed is True when at least one pod is ready and every
	// ready pod reports the wanted configuration. False with
	// ReasonNoReadyPods, ReasonStaleConfig, ReasonRollingOut, ReasonPaused,
	// ReasonRolloutHeld or ReasonAddressNotAssigned; Unknown with ReasonPodsNotReporting.
	ConditionProgrammed = "Programmed"

	// ConditionReady is True when all of the above are.
	ConditionReady = "Ready"

	// ConditionReconciling is present, and True, while the operator works
	// towards the spec or waits for somebody (kstatus: InProgress).
	ConditionReconciling = "Reconciling"

	// ConditionStalled is present, and True, when waiting will not help: the
	// spec is invalid, or there was no progress for five minutes (kstatus:
	// Failed). Never present together with Reconciling.
	ConditionStalled = "Stalled"
)

// Condition types of a WebSocketRevocation, besides Accepted, ResolvedRefs,
// Programmed, Ready, Reconciling and Stalled, which mean the same as for a
// gateway. Programmed is True when each of its gateways has a ready pod and every
// ready pod has acknowledged: newcomers are refused, and open connections were
// told to end. False with ReasonNoReadyPods, ReasonStaleConfig or ReasonExpired.
const (
	// ConditionExpired is present, and True, when the revocation has ended and
	// locks nobody out any more. Ready is True then: there is nothing left to do.
	ConditionExpired = "Expired"
)

// A WebSocketRoute has Accepted, ResolvedRefs, Programmed, Ready, Reconciling and
// Stalled, and the first three once more for each parent. Programmed is True when
// every ready pod of the gateway has the route in force.

// Reasons of the conditions. They are API: they do not change once released.
const (
	// ReasonAccepted: the spec could be compiled.
	ReasonAccepted = "Accepted"
	// ReasonInvalid: a field has a value that cannot be served; the message
	// names the field and the remedy.
	ReasonInvalid = "Invalid"
	// ReasonNameConflict: an object that the gateway needs exists already and
	// belongs to somebody else. Rename the gateway, or remove the object.
	ReasonNameConflict = "NameConflict"
	// ReasonTooManyRevocations: older revocations of the gateway have left no room
	// for this one, which is not in force there. Delete expired ones, or merge.
	ReasonTooManyRevocations = "TooManyRevocations"
	// ReasonGatewayNotFound: a revocation or a WebSocketRoute names a gateway that
	// does not exist.
	ReasonGatewayNotFound = "GatewayNotFound"
	// ReasonListenerNotFound: a WebSocketRoute names a listener that its gateway does
	// not have.
	ReasonListenerNotFound = "ListenerNotFound"
	// ReasonNotAllowedByListeners: no listener that a WebSocketRoute attaches to
	// allows its namespace, or one that leads to its hostname too does not.
	ReasonNotAllowedByListeners = "NotAllowedByListeners"
	// ReasonHostnameConflict: another namespace holds a hostname of a WebSocketRoute
	// at the gateway.
	ReasonHostnameConflict = "HostnameConflict"
	// ReasonTooManyRoutes: other WebSocketRoutes have left no room for this one at the
	// gateway, or its namespace has used up its share.
	ReasonTooManyRoutes = "TooManyRoutes"
	// ReasonMessageTypesConflict: a WebSocketRoute lets one type of messages pass, and
	// its gateway the other.
	ReasonMessageTypesConflict = "MessageTypesConflict"
	// ReasonWaitingForDeletion: objects of a deleted gateway of the same name
	// are still being removed.
	ReasonWaitingForDeletion = "WaitingForDeletion"

	// ReasonResolvedRefs: every reference leads to a usable object.
	ReasonResolvedRefs = "ResolvedRefs"
	// ReasonIssuerNotFound: the issuer of a certificate does not exist.
	ReasonIssuerNotFound = "IssuerNotFound"
	// ReasonCertificateNotFound: a Certificate that a listener refers to does not
	// exist.
	ReasonCertificateNotFound = "CertificateNotFound"
	// ReasonCertificateIncomplete: a Certificate that a listener refers to does not
	// ask for all of its hostnames.
	ReasonCertificateIncomplete = "CertificateIncomplete"
	// ReasonCertManagerNotInstalled: the cluster has no cert-manager CRDs.
	ReasonCertManagerNotInstalled = "CertManagerNotInstalled"
	// ReasonSecretNotFound: a pod reports that a Secret is not there.
	ReasonSecretNotFound = "SecretNotFound"
	// ReasonSecretKeyNotFound: a pod reports that a Secret lacks a key.
	ReasonSecretKeyNotFound = "SecretKeyNotFound"
	// ReasonSecretInvalid: a pod reports that a Secret's content is unusable.
	ReasonSecretInvalid = "SecretInvalid"
	// ReasonConfigMapNotFound: a ConfigMap does not exist.
	ReasonConfigMapNotFound = "ConfigMapNotFound"
	// ReasonConfigMapKeyNotFound: a ConfigMap lacks the key.
	ReasonConfigMapKeyNotFound = "ConfigMapKeyNotFound"
	// ReasonConfigMapInvalid: a ConfigMap's content is unusable.
	ReasonConfigMapInvalid = "ConfigMapInvalid"
	// ReasonAuthPolicyNotFound: a route names a policy that does not exist, or
	// none.
	ReasonAuthPolicyNotFound = "AuthPolicyNotFound"
	// ReasonAuthPolicyNotAllowed: a WebSocketRoute names a policy that a listener which
	// leads to it does not offer.
	ReasonAuthPolicyNotAllowed = "AuthPolicyNotAllowed"
	// ReasonRefNotPermitted: a Service is in another namespace, and no ReferenceGrant
	// there allows its use.
	ReasonRefNotPermitted = "RefNotPermitted"
	// ReasonServiceNotFound: a backend Service does not exist.
	ReasonServiceNotFound = "ServiceNotFound"
	// ReasonPortNotFound: a backend Service does not have the port.
	ReasonPortNotFound = "PortNotFound"
	// ReasonServiceUnsupported: a backend Service is of type ExternalName.
	ReasonServiceUnsupported = "ServiceUnsupported"
	// ReasonBackendTLSNotFound: a route names a profile of spec.backendTLS that does
	// not exist.
	ReasonBackendTLSNotFound = "BackendTLSNotFound"
	// ReasonBackendTLSNotAllowed: a WebSocketRoute names a profile of spec.backendTLS
	// that a listener which leads to it does not offer.
	ReasonBackendTLSNotAllowed = "BackendTLSNotAllowed"
	// ReasonBackendProtocolMismatch: the port of a backend Service says by its
	// appProtocol that it speaks TLS, and the route names no profile; or the other
	// way round.
	ReasonBackendProtocolMismatch = "BackendProtocolMismatch"
	// ReasonHostnameNotServed: a route names a hostname that no listener has.
	ReasonHostnameNotServed = "HostnameNotServed"
	// ReasonRouteConflict: two routes have the same hostname and path.
	ReasonRouteConflict = "RouteConflict"
	// ReasonKeySetUnavailable: a pod reports that it could never fetch a key set.
	ReasonKeySetUnavailable = "KeySetUnavailable"
	// ReasonClientCertificatesNotAsked: a route's policy accepts client
	// certificates, or reads them in its rules, and the listener that leads to it
	// asks for none.
	ReasonClientCertificatesNotAsked = "ClientCertificatesNotAsked"
	// ReasonClientCAInvalid: a pod reports that it cannot use the CAs of clients.
	ReasonClientCAInvalid = "ClientCAInvalid"
	// ReasonAuthorizationInvalid: a pod reports that its release cannot use the
	// rules of a policy, which the operator's can.
	ReasonAuthorizationInvalid = "AuthorizationInvalid"
	// ReasonAuthorizationServerUnavailable: a pod reports that the server of a
	// policy does not answer, and none that it has ever answered.
	ReasonAuthorizationServerUnavailable = "AuthorizationServerUnavailable"
	// ReasonWaitingForPods: no pod has reported on its Secrets yet.
	ReasonWaitingForPods = "WaitingForPods"

	// ReasonCertificatesReady: every listener has a valid certificate in force.
	ReasonCertificatesReady = "CertificatesReady"
	// ReasonIssuing: cert-manager is issuing a certificate.
	ReasonIssuing = "Issuing"
	// ReasonIssuanceFailed: cert-manager reports a failed issuance; the message
	// carries its reason and when it tries again.
	ReasonIssuanceFailed = "IssuanceFailed"
	// ReasonExpired: a served certificate is no longer, or not yet, valid; a
	// revocation has ended.
	ReasonExpired = "Expired"
	// ReasonStaleCertificate: for five minutes a pod has not served the
	// certificate that was issued.
	ReasonStaleCertificate = "StaleCertificate"
	// ReasonCertificatesDiffer: for five minutes pods have served different
	// certificates.
	ReasonCertificatesDiffer = "CertificatesDiffer"

	// ReasonProgrammed: every ready pod reports the wanted configuration.
	ReasonProgrammed = "Programmed"
	// ReasonNoReadyPods: no pod is ready; the message says what keeps them.
	ReasonNoReadyPods = "NoReadyPods"
	// ReasonRollingOut: pods of a new revision are being started.
	ReasonRollingOut = "RollingOut"
	// ReasonStaleConfig: a ready pod does not report the wanted configuration.
	ReasonStaleConfig = "StaleConfig"
	// ReasonPortUnavailable: a pod could not open the port of a listener.
	ReasonPortUnavailable = "PortUnavailable"
	// ReasonPodsNotReporting: a ready pod could not be asked for a minute.
	ReasonPodsNotReporting = "PodsNotReporting"
	// ReasonPaused: the operator was asked to change nothing of the gateway, and
	// what the spec asks for differs from what there is.
	ReasonPaused = "Paused"
	// ReasonRolloutHeld: the spec asks for other pods, and an annotation keeps the
	// pods as they are.
	ReasonRolloutHeld = "RolloutHeld"
	// ReasonAddressNotAssigned: the LoadBalancer Service has no address yet.
	ReasonAddressNotAssigned = "AddressNotAssigned"

	// ReasonReady: the gateway serves its spec.
	ReasonReady = "Ready"
	// ReasonPending: a stage before this one has not finished.
	ReasonPending = "Pending"
	// ReasonProgressing: the operator works towards the spec.
	ReasonProgressing = "Progressing"
	// ReasonProgressDeadlineExceeded: no progress for five minutes.
	ReasonProgressDeadlineExceeded = "ProgressDeadlineExceeded"
)
