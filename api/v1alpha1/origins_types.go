// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package v1alpha1

// MissingOrigin says what happens to a request without an Origin header.
//
// +kubebuilder:validation:Enum=Deny;Allow
type MissingOrigin string

// The answers to a request without an Origin header.
const (
	MissingOriginDeny  MissingOrigin = "Deny"
	MissingOriginAllow MissingOrigin = "Allow"
)

// Origins says which web pages may connect (RFC 6454, RFC 6455 section 10.2).
type Origins struct {
	// allow lists the accepted origins, exactly as browsers send them: scheme,
	// host and, if it is not the scheme's default, port; lower case, no path.
	// "*." in front of a host stands for exactly one label, so that
	// https://*.example.com accepts https://app.example.com, but neither
	// https://example.com nor https://a.b.example.com. One that is listed twice
	// counts once.
	// +required
	// +listType=atomic
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=64
	Allow []Origin `json:"allow"`

	// missing says what happens to a request without an Origin header. Browsers
	// always send one; other clients in general do not. Default Deny.
	// +optional
	Missing MissingOrigin `json:"missing,omitempty"`
}

// Origin is the origin of a web page, or a wildcard for those of one domain.
//
// +kubebuilder:validation:MaxLength=300
// +kubebuilder:validation:XValidation:rule="!(self.startsWith('https://') && self.endsWith(':443')) && !(self.startsWith('http://') && self.endsWith(':80'))",message="browsers leave out the default port of a scheme: remove :443 or :80"
// +kubebuilder:validation:XValidation:rule="!self.contains('*') || self.matches('[*]([.][-a-z0-9_]+)+[.][a-z][-a-z0-9]*(:[0-9]+)?$') || !self.contains('://*.')",message="a wildcard needs a domain of at least two labels after it, not an address: anybody could get a name below one label"
// +kubebuilder:validation:XValidation:rule="self.matches('^[a-z][-a-z0-9+.]*://([*][.])?[a-z0-9]([-a-z0-9._]*[a-z0-9])?(:[0-9]{1,5})?$')",message="write an origin as browsers send it, such as https://app.example.com: lower case, no path, no slash at the end, and no wildcard but the whole first label"
type Origin string
