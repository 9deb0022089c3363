// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package story

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	wsv1alpha1 "github.com/wsgateway/websocket-gateway-operator/api/v1alpha1"
)

// mistakes makes a gateway with two that people make, and asks what is wrong.
func (p *plugin) mistakes(ctx context.Context) (string, error) {
	gw := troubled("staging")
	second := *gw.Spec.Listeners[0].DeepCopy()
	second.Name, second.Hostnames = "partners", []wsv1alpha1.Hostname{"partners.example.com"}
	second.TLS.Certificate.IssuerRef = &wsv1alpha1.IssuerReference{Name: "letsencrypt", Kind: "ClusterIssuer"}
	route := *gw.Spec.Routes[0].DeepCopy()
	route.Name, route.BackendRefs[0].Name = "reports", "reports"
	route.Path = &wsv1alpha1.PathMatch{Value: "/reports"}
	gw.Spec.Listeners, gw.Spec.Routes = append(gw.Spec.Listeners, second), append(gw.Spec.Routes, route)
	if err := create(ctx, p.world, gw); err != nil {
		return "", err
	}
	defer func() { _ = p.world.Client.Delete(context.WithoutCancel(ctx), gw) }()
	err := until(ctx, time.Minute, func(ctx context.Context) error {
		out, err := p.run(ctx, 0, "status", gw.Name)
		for _, want := range []string{"IssuerNotFound", "backend_not_found", "CertificateNotIssued", "config in force", "served by 1 pod", "\u2192 "} {
			if err == nil && !strings.Contains(out, want) {
				return fmt.Errorf("no %q in\n%s", want, out)
			}
		}
		return err
	})
	if err != nil {
		return "", err
	}
	p.terminal.say("What is wrong?", "Another gateway names an issuer and a Service that do not exist. What is right is served all the same.")
	out, err := p.terminal.enter(ctx, 0, "kubectl wsgw status staging -n quickstart")
	if err != nil {
		return "", err
	}
	if err := p.world.Client.Delete(ctx, gw); err != nil {
		return "", fmt.Errorf("delete gateway %s: %w", gw.Name, err)
	}
	return out, until(ctx, time.Minute, func(ctx context.Context) error {
		err := p.world.Client.Get(ctx, client.ObjectKeyFromObject(gw), gw)
		if apierrors.IsNotFound(err) {
			return nil
		}
		return errors.Join(errors.New("it is still there"), err)
	})
}

// forwards looks into the API server's audit log, which has writes: a port-forward
// by SPDY is one, and one by WebSocket is a read.
func (p *plugin) forwards(context.Context) (string, error) {
	log, err := os.ReadFile(p.APIServerLog)
	if err != nil {
		return "", fmt.Errorf("read the audit log of the API server: %w", err)
	}
	for line := range bytes.Lines(log) {
		if bytes.Contains(line, []byte(`"subresource":"portforward"`)) && bytes.Contains(line, []byte(`"userAgent":"kubectl-wsgw/`)) {
			return "", fmt.Errorf("the API server speaks WebSocket, and yet: %s", line)
		}
	}
	return fmt.Sprintf("none by SPDY in %d lines", bytes.Count(log, []byte("\n"))), nil
}

// record writes what was typed and seen into a page of the documentation.
func (p *plugin) record(ctx context.Context) (string, error) {
	version, err := p.world.Clientset.Discovery().ServerVersion()
	if err != nil {
		return "", fmt.Errorf("ask for the version of the API server: %w", err)
	}
	page := fmt.Sprintf(`# kubectl wsgw at work

This is what a test typed and saw at a gateway of two pods, on a real node of Kubernetes %s with cert-manager: that of the tests,
on %s. "make recording" types it again and writes this page. Nothing in it is changed or left out; only where a command ended with
another exit status than 0, the last line says so. Names, addresses, identifiers and times are those of that day.
`, version.GitVersion, time.Now().UTC().Format(time.DateOnly)) + p.terminal.seen.String()
	for _, token := range p.world.tokens.all() {
		if strings.Contains(page, token) {
			return "", errors.New("a token was shown")
		}
	}
	if strings.Contains(page, "\x1b") || strings.Contains(page, "PRIVATE KEY") {
		return "", errors.New("what was seen holds a key, or moves the cursor")
	}
	if p.Recording == "" {
		return fmt.Sprintf("%d commands", strings.Count(page, "\n$ kubectl wsgw")), ctx.Err()
	}
	if err := os.WriteFile(p.Recording, []byte(page), 0o644); err != nil {
		return "", fmt.Errorf("write the recording: %w", err)
	}
	return p.Recording, nil
}
