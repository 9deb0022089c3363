// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package story

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	acmev1 "github.com/cert-manager/cert-manager/pkg/apis/acme/v1"
	cmv1 "github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1"
	cmmetav1 "github.com/cert-manager/cert-manager/pkg/apis/meta/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	wsv1alpha1 "github.com/wsgateway/websocket-gateway-operator/api/v1alpha1"
	"github.com/wsgateway/websocket-gateway-operator/test/acmeserver"
)

// acmeCase is a gateway with an issuer of its own, and what is wrong with it.
type acmeCase struct {
	name string
	// host, if it is another one than that of the name.
	host string
	// unpublished: what cert-manager writes gets into no DNS.
	unpublished bool
	// change is made to the issuer.
	change func(*acmev1.ACMEIssuer)
}

func acmeHost(name string) string { return name + ".acme.example.com" }

func (a *acme) cases() []acmeCase {
	return []acmeCase{
		{name: "served"},
		{name: "refused", host: acmeserver.Refused},
		{name: "unseen", unpublished: true},
		// The node's DNS knows nothing of the name, which cert-manager itself looks up first.
		{name: "waiting", change: func(i *acmev1.ACMEIssuer) { i.Solvers[0].WaitInsteadOfSelfCheck = nil }},
		{name: "web", change: func(i *acmev1.ACMEIssuer) {
			i.Solvers = []acmev1.ACMEChallengeSolver{{HTTP01: &acmev1.ACMEChallengeSolverHTTP01{
				Ingress: &acmev1.ACMEChallengeSolverHTTP01Ingress{},
			}}}
		}},
		{name: "stranger", change: func(i *acmev1.ACMEIssuer) { i.Email = "no-address" }},
		{name: "nobody", change: func(i *acmev1.ACMEIssuer) { i.Server = a.server.Nobody }},
	}
}

// objects are the Secret with the accounts of acme-dns, and for each case an Issuer and
// a gateway.
func (a *acme) objects() []client.Object {
	accounts := map[string]map[string]string{}
	var objects []client.Object
	for _, c := range a.cases() {
		host := acmeHost(c.name)
		if c.host != "" {
			host = c.host
		}
		subdomain := host
		if c.unpublished {
			subdomain = acmeserver.Unpublished
		}
		accounts[host] = map[string]string{"subdomain": subdomain, "fulldomain": host, "username": "user", "password": "password"}
		objects = append(objects, a.issuer(&c), gatewayOf(c.name, host))
	}
	content, err := json.Marshal(accounts)
	if err != nil {
		panic(fmt.Sprintf("strings cannot be written as JSON: %v", err))
	}
	secret := &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Namespace: acmeSpace, Name: "acme-dns"}, Data: map[string][]byte{"accounts.json": content},
	}
	return append([]client.Object{secret}, objects...)
}

func (a *acme) issuer(c *acmeCase) *cmv1.Issuer {
	spec := &acmev1.ACMEIssuer{
		Server: a.server.Directory, CABundle: a.server.CA,
		PrivateKey: cmmetav1.SecretKeySelector{LocalObjectReference: cmmetav1.LocalObjectReference{Name: c.name + "-account"}},
		Solvers: []acmev1.ACMEChallengeSolver{{
			DNS01: &acmev1.ACMEChallengeSolverDNS01{AcmeDNS: &acmev1.ACMEIssuerDNS01ProviderAcmeDNS{
				Host: a.server.Updates,
				AccountSecret: cmmetav1.SecretKeySelector{
					LocalObjectReference: cmmetav1.LocalObjectReference{Name: "acme-dns"}, Key: "accounts.json",
				},
			}},
			WaitInsteadOfSelfCheck: &metav1.Duration{},
		}},
	}
	if c.change != nil {
		c.change(spec)
	}
	issuer := &cmv1.Issuer{ObjectMeta: metav1.ObjectMeta{Namespace: acmeSpace, Name: c.name}}
	issuer.Spec.ACME = spec
	return issuer
}

func gatewayOf(name, host string) *wsv1alpha1.WebSocketGateway {
	gw := troubled(name)
	gw.Namespace = acmeSpace
	listener := &gw.Spec.Listeners[0]
	listener.Hostnames = []wsv1alpha1.Hostname{wsv1alpha1.Hostname(host)}
	listener.TLS.Certificate.IssuerRef.Name = name
	return gw
}

// nothingLeaks looks for the challenges' tokens and keys in all that we have written.
func (a *acme) nothingLeaks(ctx context.Context) (string, error) {
	texts := map[string]string{"the operator's log": strings.Join(a.operator.all(), "\n")}
	wsgw := newProgram(a.needs.Program, a.needs.Kubeconfig, acmeSpace)
	for _, c := range a.cases() {
		gw := &wsv1alpha1.WebSocketGateway{}
		if err := a.world.Client.Get(ctx, client.ObjectKey{Namespace: acmeSpace, Name: c.name}, gw); err != nil {
			return "", fmt.Errorf("get gateway: %w", err)
		}
		written, err := json.Marshal(gw)
		if err != nil {
			return "", fmt.Errorf("write gateway: %w", err)
		}
		texts["gateway "+c.name] = string(written)
		said, err := wsgw.run(ctx, 0, "status", c.name)
		if err != nil {
			return "", err
		}
		if want := "order,challenge -n " + acmeSpace; c.name != "served" && !strings.Contains(said, want) {
			return "", fmt.Errorf("wsgw status does not say %q:\n%s", want, said)
		}
		texts["wsgw status "+c.name] = said
	}
	events := &corev1.EventList{}
	if err := a.world.Client.List(ctx, events, client.InNamespace(acmeSpace)); err != nil {
		return "", fmt.Errorf("list events: %w", err)
	}
	for i := range events.Items {
		if strings.HasPrefix(events.Items[i].InvolvedObject.APIVersion, "wsgateway.dev/") {
			texts["events"] += events.Items[i].Message + "\n"
		}
	}
	count := a.secrets.count()
	if count == 0 {
		return "", errors.New("no challenge was seen, so nothing was looked for")
	}
	return fmt.Sprintf("looked for %d marks", count), a.secrets.in(texts)
}

// away stops the server, after which an issuer that has its account is still Ready.
func (a *acme) away(ctx context.Context) (string, error) {
	a.server.Stop()
	late := gatewayOf("late", acmeHost("late"))
	late.Spec.Listeners[0].TLS.Certificate.IssuerRef.Name = "served"
	if err := create(ctx, a.world, late); err != nil {
		return "", err
	}
	return a.says(late.Name, wsv1alpha1.ReasonIssuing, "is not sent yet: if that lasts, see the log of cert-manager")(ctx)
}

// gone leaves nothing that goes on failing. The rest of the namespace may take its time.
func (a *acme) gone(ctx context.Context) (string, error) {
	if err := a.withoutChallenges(ctx); err != nil {
		return "", err
	}
	space := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: acmeSpace}}
	if err := a.world.Client.Delete(ctx, space); err != nil {
		return "", fmt.Errorf("delete the namespace: %w", err)
	}
	return "no challenge, and the namespace is deleted", nil
}

// withoutChallenges deletes the gateways, and waits for what follows from that:
// cert-manager needs the solvers' Secret to end challenges, so that must be there still.
func (a *acme) withoutChallenges(ctx context.Context) error {
	space := client.InNamespace(acmeSpace)
	if err := a.world.Client.DeleteAllOf(ctx, &wsv1alpha1.WebSocketGateway{}, space); err != nil {
		return fmt.Errorf("delete the gateways: %w", err)
	}
	return until(ctx, startPatience, func(ctx context.Context) error {
		left, err := a.challenges(ctx)
		if err == nil && len(left) > 0 {
			err = fmt.Errorf("%d challenges are left", len(left))
		}
		return err
	})
}
