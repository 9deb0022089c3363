// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package observe

import (
	"crypto/sha256"
	"encoding/hex"
	"maps"
	"slices"

	"github.com/wsgateway/websocket-gateway-operator/controllers/status"
	"github.com/wsgateway/websocket-gateway-operator/gateway/contract"
)

// Wanted is what every pod of a gateway shall see.
type Wanted struct {
	// Files are the digests of the files of the contract, by name.
	Files map[string]string
	// Leaves are the fingerprints of the certificates, by listener.
	Leaves map[string]string
}

// NewWanted answers what pods shall see: the files as they are in the cluster,
// and the leaves that were issued. A listener whose certificate is being issued
// is left out, since the pods may be ahead of what the caches know.
func NewWanted(files map[string]string, certificates map[string]status.Certificate) Wanted {
	wanted := Wanted{Files: map[string]string{}, Leaves: map[string]string{}}
	for name, content := range files {
		wanted.Files[name] = contract.Digest([]byte(content))
	}
	for listener, certificate := range certificates {
		if certificate.Wanted != nil && !certificate.Issuing {
			wanted.Leaves[listener] = certificate.Wanted.SHA256
		}
	}
	return wanted
}

// Lack is what a pod has not seen of what it shall see.
type Lack struct {
	// ID identifies what is lacking; empty if nothing is.
	ID string
	// EndpointsOnly is true when nothing but endpoints.json is.
	EndpointsOnly bool
}

// LackOf compares what a pod reports with what it shall see. A pod that never
// answered lacks everything. What it made of a file does not matter here: a
// file that was seen and refused will not get better by being shown again.
func (w Wanted) LackOf(report *contract.Report) Lack {
	if report == nil {
		report = &contract.Report{}
	}
	hash := sha256.New()
	lacking, onlyEndpoints := false, true
	for _, name := range slices.Sorted(maps.Keys(w.Files)) {
		if report.Files[name].Seen == w.Files[name] {
			continue
		}
		lacking = true
		onlyEndpoints = onlyEndpoints && name == contract.EndpointsFile
		_, _ = hash.Write([]byte(name + "=" + w.Files[name] + "\n"))
	}
	served := servedBy(report)
	for _, listener := range slices.Sorted(maps.Keys(w.Leaves)) {
		if served[listener] == w.Leaves[listener] {
			continue
		}
		lacking, onlyEndpoints = true, false
		_, _ = hash.Write([]byte(listener + ":" + w.Leaves[listener] + "\n"))
	}
	if !lacking {
		return Lack{}
	}
	return Lack{ID: hex.EncodeToString(hash.Sum(nil)[:8]), EndpointsOnly: onlyEndpoints}
}

// RevokingOf identifies the revocations that a pod has seen and is still carrying
// out; empty if there are none. It is to be asked again soon, and not to be told
// anything.
func (w Wanted) RevokingOf(report *contract.Report) string {
	if report == nil {
		return ""
	}
	file := report.Files[contract.RevocationsFile]
	if file.Error != "" || file.Seen != w.Files[contract.RevocationsFile] || file.InForce == file.Seen {
		return ""
	}
	return file.Seen
}

func servedBy(report *contract.Report) map[string]string {
	served := make(map[string]string, len(report.Listeners))
	for i := range report.Listeners {
		if certificate := report.Listeners[i].Certificate; certificate != nil {
			served[report.Listeners[i].Name] = certificate.SHA256
		}
	}
	return served
}
