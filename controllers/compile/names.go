// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package compile

// ObjectName is the name of every object that the operator makes once per
// gateway. The prefix keeps it apart from what users name after the gateway.
func ObjectName(gateway string) string {
	return "wsgw-" + gateway
}

// CertificateSecretName is the name of the Certificate of a listener and of the
// Secret that it is written to. The dot, which neither name may hold, keeps the
// pairs (a-b, c) and (a, b-c) apart.
func CertificateSecretName(gateway, listener string) string {
	return ObjectName(gateway) + "." + listener
}
