// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package plugin

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	wsv1alpha1 "github.com/wsgateway/websocket-gateway-operator/api/v1alpha1"
	"github.com/wsgateway/websocket-gateway-operator/cmd/wsgw/cluster"
	"github.com/wsgateway/websocket-gateway-operator/cmd/wsgw/exit"
	"github.com/wsgateway/websocket-gateway-operator/cmd/wsgw/live"
	"github.com/wsgateway/websocket-gateway-operator/cmd/wsgw/text"
)

type rotateFlags struct {
	cluster *cluster.Flags
	wait    bool
	timeout time.Duration
}

func newRotate(env *Env) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "rotate [GATEWAY]",
		Short: "Have the certificates of a gateway issued anew",
		Long: `rotate asks the operator, by an annotation of the gateway, to have cert-manager issue
anew what it has issued before now, with a new key: once, for each listener with an
issuerRef. Nobody is disconnected. Certificates that somebody else maintains stay.

With --wait it ends when every ready pod serves another certificate than before, and
says which. Issuers have limits: a rotation counts as a certificate.

Exit status: 0 it was asked for and, with --wait, is done; 1 it could not be done, or
not in time; 2 the command line is wrong.`,
		Example: `  wsgw rotate -n chat edge
  wsgw rotate -n chat edge --wait --timeout 10m`,
		Args: atMostOneGateway,
	}
	flags := &rotateFlags{cluster: cluster.Bind(cmd)}
	f := cmd.Flags()
	f.BoolVar(&flags.wait, "wait", false, "wait until the pods serve the new certificates")
	f.DurationVar(&flags.timeout, "timeout", 5*time.Minute, "how long --wait waits")
	cmd.ValidArgsFunction = env.gatewayNames(flags.cluster)
	cmd.RunE = env.work(flags.cluster,
		func([]string) error {
			if flags.timeout <= 0 {
				return exit.Usagef("--timeout %s: it is more than 0", flags.timeout)
			}
			return nil
		},
		func(ctx context.Context, s *session, args []string) error { return s.rotate(ctx, flags, args) })
	return cmd
}

func (s *session) rotate(ctx context.Context, flags *rotateFlags, args []string) error {
	gw, err := s.gateway(ctx, args)
	if err != nil {
		return err
	}
	before := issuedBefore(gw)
	if len(before) == 0 {
		return fmt.Errorf("no listener of gateway %s/%s has an issuerRef: there is nothing that could be issued anew", gw.Namespace, gw.Name)
	}
	at := s.Now().UTC().Format(time.RFC3339)
	body, err := json.Marshal(map[string]any{"metadata": map[string]any{
		"annotations": map[string]string{wsv1alpha1.AnnotationRotateAt: at},
	}})
	if err != nil {
		return fmt.Errorf("encode the annotation: %w", err)
	}
	if err := s.cluster.Objects.Patch(ctx, gw, client.RawPatch(types.MergePatchType, body)); err != nil {
		return fmt.Errorf("annotate gateway %s/%s: %w", gw.Namespace, gw.Name, err)
	}
	fmt.Fprintf(s.Out, "gateway %s/%s: asked to rotate %s issued before %s\n",
		gw.Namespace, gw.Name, text.Count(len(before), "certificate"), at)
	if !flags.wait {
		return nil
	}
	return s.rotated(ctx, gw, at, before, flags.timeout)
}

// issuedBefore holds, by listener with an issuer, the fingerprint of what is
// served; empty where nothing is.
func issuedBefore(gw *wsv1alpha1.WebSocketGateway) map[string]string {
	found := map[string]string{}
	for i := range gw.Spec.Listeners {
		if gw.Spec.Listeners[i].TLS.Certificate.IssuerRef == nil {
			continue
		}
		found[gw.Spec.Listeners[i].Name] = ""
		if served := servedBy(gw, gw.Spec.Listeners[i].Name); served != nil {
			found[gw.Spec.Listeners[i].Name] = served.SHA256
		}
	}
	return found
}

func servedBy(gw *wsv1alpha1.WebSocketGateway, listener string) *wsv1alpha1.ServedCertificate {
	for i := range gw.Status.Listeners {
		if gw.Status.Listeners[i].Name == listener {
			return gw.Status.Listeners[i].Certificate
		}
	}
	return nil
}

var errRotated = errors.New("rotated")

// rotated waits for the word of the pods, and prints each listener whose pods have
// given it.
func (s *session) rotated(
	ctx context.Context, gw *wsv1alpha1.WebSocketGateway, at string, before map[string]string, patience time.Duration,
) error {
	limited, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	waiting := len(before)
	err := live.Every(limited, time.Second, func(ctx context.Context) error {
		if err := s.cluster.Objects.Get(ctx, client.ObjectKeyFromObject(gw), gw); err != nil {
			return fmt.Errorf("get gateway %s/%s: %w", gw.Namespace, gw.Name, err)
		}
		for name, old := range before {
			if served := servedBy(gw, name); renewed(gw, served, at, old) {
				fmt.Fprintf(s.Out, "listener %q: serial %s, valid until %s, is served by %s\n", name, served.SerialNumber,
					served.NotAfter.UTC().Format(time.RFC3339), text.Count(int(served.ServedBy), "pod"))
				delete(before, name)
			}
		}
		if len(before) == 0 {
			return errRotated
		}
		return nil
	})
	switch {
	case errors.Is(err, errRotated):
		return nil
	case err != nil:
		return err
	}
	return fmt.Errorf("%d of %s not served yet; the request stands: %s", len(before), text.Count(waiting, "certificate"), s.hint(gw))
}

// renewed tells whether every ready pod serves another certificate than before.
func renewed(gw *wsv1alpha1.WebSocketGateway, served *wsv1alpha1.ServedCertificate, at, old string) bool {
	return gw.Status.LastHandledRotateAt == at && served != nil && served.SHA256 != old &&
		gw.Status.Pods != nil && served.ServedBy >= gw.Status.Pods.Ready
}

// hint is what the gateway itself says about it, if it does.
func (s *session) hint(gw *wsv1alpha1.WebSocketGateway) string {
	for _, warning := range gw.Status.Warnings {
		if strings.Contains(warning, "could not issue") || strings.Contains(warning, wsv1alpha1.AnnotationPaused) {
			return warning
		}
	}
	return fmt.Sprintf("\"status %s -n %s\" says what it waits for", gw.Name, gw.Namespace)
}
