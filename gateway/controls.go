// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package gateway

import (
	"cmp"
	"context"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/wsgateway/websocket-gateway-operator/gateway/admin"
	"github.com/wsgateway/websocket-gateway-operator/gateway/audit"
	"github.com/wsgateway/websocket-gateway-operator/gateway/control"
	"github.com/wsgateway/websocket-gateway-operator/gateway/explanation"
	"github.com/wsgateway/websocket-gateway-operator/gateway/limits"
	"github.com/wsgateway/websocket-gateway-operator/gateway/outcome"
	"github.com/wsgateway/websocket-gateway-operator/gateway/session"
)

// controls are what the control port may ask of a server and order.
type controls struct{ *server }

var _ admin.Pod = controls{}

// CloseConnections ends the connections that are selected, or counts them.
func (c controls) CloseConnections(q *control.CloseRequest) (*control.CloseAnswer, error) {
	chosen := map[*session.Session]bool{}
	answer := &control.CloseAnswer{Pod: c.options.PodName, BootID: c.bootID, DryRun: q.DryRun, Routes: map[string]int{}}
	match := q.Matcher(c.options.Now())
	for _, one := range c.sessions.List() {
		if shown := c.show(one); shown.Closing == "" && match.Fits(&shown) {
			chosen[one] = true
			answer.Routes[shown.Route]++
		}
	}
	answer.Matched = len(chosen)
	switch {
	case q.DryRun || len(chosen) == 0:
		return answer, nil
	case len(chosen) > q.AtMost:
		return nil, &admin.RefusedError{Status: http.StatusConflict, Message: fmt.Sprintf(
			"%d connections fit, and atMost is %d: none was closed; look again with dryRun", len(chosen), q.AtMost)}
	case !c.closing(chosen, q):
		return nil, &admin.RefusedError{Status: http.StatusServiceUnavailable, Message: "the pod begins or ends at the moment: none was closed"}
	}
	return answer, nil
}

// closing begins to end connections, spread over the time that was asked for;
// false when the server is not running.
func (c controls) closing(chosen map[*session.Session]bool, q *control.CloseRequest) bool {
	over := cmp.Or(time.Duration(q.Over), time.Duration(len(chosen))*session.SecurityPace)
	// The record comes before those of the connections.
	record := func(context.CancelFunc) {
		c.audit.Administered(&audit.Administration{
			Action: audit.ActionClose, ClaimedBy: q.ClaimedBy, Note: q.Note, Selection: selection(&q.Selector), Connections: len(chosen),
		})
	}
	return c.errands.run(func(ctx context.Context) {
		ended := c.sessions.CloseWhere(ctx, over, func(one *session.Session) *outcome.Closure {
			if !chosen[one] {
				return nil
			}
			return outcome.Close(outcome.ByAdministrator, outcome.ByGateway, "claimed by "+q.ClaimedBy)
		})
		c.options.Logger.Warn("ended connections, as an administrator has asked", "claimed_by", q.ClaimedBy, "connections", ended)
	}, record)
}

// selection is a selector in words, for the audit log.
func selection(s *control.Selector) string {
	asked := control.Listing{Selector: *s}
	var parts []string
	for name, values := range asked.Query() {
		for _, value := range values {
			parts = append(parts, name+"="+value)
		}
	}
	slices.Sort(parts)
	return strings.Join(parts, " ")
}

// Explain decides about a handshake that nobody makes, by the live state.
func (c controls) Explain(ctx context.Context, q *control.ExplainRequest) (any, error) {
	current := c.current.Load()
	if current == nil {
		return nil, &admin.RefusedError{Status: http.StatusServiceUnavailable, Message: "no configuration is in force yet"}
	}
	certificates, err := readChain(q.ClientCertificates)
	if err != nil {
		return nil, &admin.RefusedError{Status: http.StatusBadRequest, Message: err.Error()}
	}
	client, err := netip.ParseAddr(q.Client)
	if err != nil {
		return nil, &admin.RefusedError{Status: http.StatusBadRequest, Message: "client: write an address such as 203.0.113.7"}
	}
	// Whoever may ask can try credentials here: that shall not go unseen.
	c.audit.Administered(&audit.Administration{Action: audit.ActionExplain, ClaimedBy: q.ClaimedBy, Note: q.Note})
	decision := current.explain(ctx, &Enquiry{
		Port: q.Port, ServerName: q.ServerName, Head: q.Head, Client: client.Unmap(), ClientCertificates: certificates,
	}, inquiry{
		now: c.options.Now, draining: c.draining.Load, askNobody: !q.AskServers,
		waits: func(client netip.Addr) error { return c.mustWait(current, limits.Network(client)) },
	})
	return explanation.New(&explanation.Question{
		URL: q.URL, Client: q.Client, Assumed: q.ClientAssumed, Head: q.Head, Live: true, FetchKeys: true, AskServers: q.AskServers,
		Notes: []string{fmt.Sprintf("%d of %d connections of the pod are open; places are not part of the decision", c.slots.Open(), c.slots.Max())},
	}, decision), nil
}

// maxChain bounds the certificates of a question.
const maxChain = 10

// readChain reads certificates in PEM, none of them perhaps.
func readChain(text string) ([]*x509.Certificate, error) {
	var chain []*x509.Certificate
	for rest := []byte(text); ; {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			if strings.TrimSpace(string(rest)) != "" {
				return nil, errors.New("clientCertificates: there is something that is no PEM")
			}
			return chain, nil
		}
		certificate, err := x509.ParseCertificate(block.Bytes)
		if block.Type != "CERTIFICATE" || err != nil || len(chain) == maxChain {
			return nil, fmt.Errorf("clientCertificates: give up to %d certificates in PEM, and no key", maxChain)
		}
		chain = append(chain, certificate)
	}
}
