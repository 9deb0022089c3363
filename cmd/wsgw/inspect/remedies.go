// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package inspect

import (
	"maps"

	wsv1alpha1 "github.com/wsgateway/websocket-gateway-operator/api/v1alpha1"
)

// Steps that several reasons share.
const (
	seeAll        = "kubectl describe wsgw NAME -n NAMESPACE has every problem of the spec"
	seeIssuer     = "kubectl describe certificate,certificaterequest,order,challenge -n NAMESPACE, then the issuer; the old certificate serves on"
	correctSecret = "correct the Secret; pods tell of its repair within about 90 s"
	correctConfig = "correct the ConfigMap; a private key that was in it must be replaced, since others may have read it"
	seeService    = "kubectl get service,endpointslice -n NAMESPACE; only the routes of that Service answer 503"
	seeServing    = "kubectl get events -n NAMESPACE; a pod that lags behind for minutes has no working kubelet or cannot load the pair: wsgw status -o wide"
	seePods       = "kubectl get pods -n NAMESPACE -l wsgateway.dev/gateway=NAME; image, scheduling and quota are in the message"
	waitForPods   = "wait; if it lasts, " + seePods
)

// remedies say where to look for each reason that a condition may have while it
// is not True. A test compares them with the reasons that there are. The messages
// of conditions say what is wrong; this is the next step.
func remedies() map[string]string {
	all := remediesOfSpec()
	maps.Copy(all, remediesOfServing())
	return all
}

func remediesOfSpec() map[string]string {
	return map[string]string{
		wsv1alpha1.ReasonInvalid:            seeAll,
		wsv1alpha1.ReasonNameConflict:       "rename the gateway, or remove the object of that name: nothing of it was changed",
		wsv1alpha1.ReasonWaitingForDeletion: "wait, or see which finalizer keeps the objects of the deleted gateway",

		wsv1alpha1.ReasonIssuerNotFound:                 "create the issuer, or correct issuerRef: kubectl get issuers,clusterissuers -A",
		wsv1alpha1.ReasonCertificateNotFound:            "create the Certificate in namespace NAMESPACE, or correct certificateRef; what the listener served before it goes on serving",
		wsv1alpha1.ReasonCertificateIncomplete:          "add the hostnames to spec.dnsNames of the Certificate, or take them out of the listener",
		wsv1alpha1.ReasonCertManagerNotInstalled:        "install cert-manager, or give the listener a secretRef",
		wsv1alpha1.ReasonSecretNotFound:                 "create the Secret in namespace NAMESPACE; a missing credential closes its routes, a missing certificate does not",
		wsv1alpha1.ReasonSecretKeyNotFound:              correctSecret,
		wsv1alpha1.ReasonSecretInvalid:                  correctSecret,
		wsv1alpha1.ReasonConfigMapNotFound:              "create the ConfigMap in namespace NAMESPACE",
		wsv1alpha1.ReasonConfigMapKeyNotFound:           correctConfig,
		wsv1alpha1.ReasonConfigMapInvalid:               correctConfig,
		wsv1alpha1.ReasonAuthPolicyNotFound:             "name a policy of spec.authPolicies in the route's authPolicy; its routes answer 503 until then",
		wsv1alpha1.ReasonRefNotPermitted:                "create a ReferenceGrant in the namespace of the Service: kubectl get referencegrants -A",
		wsv1alpha1.ReasonServiceNotFound:                seeService,
		wsv1alpha1.ReasonPortNotFound:                   seeService,
		wsv1alpha1.ReasonServiceUnsupported:             "use a Service with endpoints: names outside of the cluster are not dialled",
		wsv1alpha1.ReasonBackendTLSNotFound:             "name a profile of spec.backendTLS in the route's backendRefs[].tls, or add it there",
		wsv1alpha1.ReasonBackendProtocolMismatch:        "backendRefs[].tls and appProtocol of the Service's port have to agree: kubectl get service -n NAMESPACE -o yaml",
		wsv1alpha1.ReasonHostnameNotServed:              "add the hostname to a listener, or take it out of the route",
		wsv1alpha1.ReasonRouteConflict:                  "give one of the routes another hostname or path",
		wsv1alpha1.ReasonKeySetUnavailable:              "can a pod of namespace NAMESPACE resolve and reach the address, and does its certificate fit caRef?",
		wsv1alpha1.ReasonClientCertificatesNotAsked:     "give the listener clientCertificates, or the route another policy or hostnames",
		wsv1alpha1.ReasonClientCAInvalid:                "correct the bundle that clientCertificates.caRefs names",
		wsv1alpha1.ReasonAuthorizationInvalid:           "operator and gateway image are of different releases: kubectl get pods -n NAMESPACE -o wide, and the chart's gateway.image",
		wsv1alpha1.ReasonAuthorizationServerUnavailable: "does the authorization server run and answer in time? kubectl get pods,endpointslices -n NAMESPACE",
		wsv1alpha1.ReasonWaitingForPods:                 waitForPods,
	}
}

func remediesOfServing() map[string]string {
	return map[string]string{
		wsv1alpha1.ReasonIssuing:            "wait; if it lasts, " + seeIssuer,
		wsv1alpha1.ReasonIssuanceFailed:     seeIssuer,
		wsv1alpha1.ReasonExpired:            seeIssuer,
		wsv1alpha1.ReasonStaleCertificate:   seeServing,
		wsv1alpha1.ReasonCertificatesDiffer: seeServing,
		wsv1alpha1.ReasonPaused:             "take the annotation wsgateway.dev/paused away when it is time: kubectl annotate wsgw NAME -n NAMESPACE wsgateway.dev/paused-",
		wsv1alpha1.ReasonRolloutHeld:        "take the annotation wsgateway.dev/hold-rollout away when it is time: kubectl annotate wsgw NAME -n NAMESPACE wsgateway.dev/hold-rollout-",

		wsv1alpha1.ReasonNoReadyPods:        seePods,
		wsv1alpha1.ReasonRollingOut:         waitForPods,
		wsv1alpha1.ReasonStaleConfig:        "a pod refuses or has not seen the configuration: wsgw status -o wide shows which, kubectl logs has why",
		wsv1alpha1.ReasonPortUnavailable:    "another program of the pod has the port: choose another one for the listener",
		wsv1alpha1.ReasonPodsNotReporting:   "a NetworkPolicy or mesh keeps the operator from port 19000 of the pods",
		wsv1alpha1.ReasonAddressNotAssigned: "a cluster without load balancers: use service type NodePort or ClusterIP",

		wsv1alpha1.ReasonProgressing: waitForPods,
		wsv1alpha1.ConditionStalled:  "waiting will not help: repair what the other conditions say; the operator has not given up",
	}
}
