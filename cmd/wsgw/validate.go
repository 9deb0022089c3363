// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	wsv1alpha1 "github.com/wsgateway/websocket-gateway-operator/api/v1alpha1"
	"github.com/wsgateway/websocket-gateway-operator/cmd/wsgw/exit"
	"github.com/wsgateway/websocket-gateway-operator/cmd/wsgw/manifest"
)

func newValidate(s streams) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "validate -f FILE...",
		Short: "Check manifests as an API server and the operator would",
		Long: `validate checks each WebSocketGateway, WebSocketRoute and WebSocketRevocation in the
files with the schema and rules of the CRDs and compiles gateways, with the routes that
name them, as the operator does. ConfigMaps, Secrets, Services, issuers, Namespaces and
ReferenceGrants in the files are what references are checked against; other kinds are
ignored. Nothing is sent anywhere.

Each problem is printed as FILE:DOCUMENT: FIELD: what to do, and makes the exit
status 1. References to objects that are in none of the files are printed as "not
checked" and do not change the exit status, unless --strict is given. Limits of routes
that are looser than those of their gateway, and so change nothing, are hinted at on
standard error and never change it.`,
		Example: `  wsgw validate -f gateway.yaml
  wsgw validate -f manifests/ --strict
  helm template my-chart | wsgw validate -f -`,
		Args: noArguments,
	}
	files := filesFlag(cmd)
	strict := cmd.Flags().Bool("strict", false, "count references that cannot be checked as problems")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if err := needFiles(cmd, *files); err != nil {
			return err
		}
		return validate(cmd.Context(), s, *files, *strict)
	}
	return cmd
}

func validate(ctx context.Context, s streams, files []string, strict bool) error {
	contents, err := manifest.ReadFiles(files, s.in)
	if err != nil {
		return err
	}
	schema, err := manifest.NewSchema()
	if err != nil {
		return err
	}
	documents, problems := manifest.Parse(contents)
	v := &validation{streams: s, schema: schema, set: manifest.Sort(documents), strict: strict}
	for _, ignored := range v.set.Ignored {
		fmt.Fprintf(s.err, "%s: %s %q ignored\n", ignored.Position(), ignored.Object.GetKind(), ignored.Object.GetName())
	}
	problems = append(problems, v.set.Problems...)
	v.print(problems)
	routes, err := v.decodeRoutes(ctx)
	if err != nil {
		return err
	}
	var gateways []*wsv1alpha1.WebSocketGateway
	for _, document := range v.set.Gateways {
		if gw := v.gateway(ctx, document); gw != nil {
			gateways = append(gateways, gw)
		}
	}
	for i, route := range routes {
		if route != nil {
			v.conclude(v.set.Routes[i], v.set.CheckRoute(v.set.Routes[i], route, gateways))
		}
	}
	if err := v.revocations(ctx); err != nil {
		return err
	}
	switch {
	case v.failed:
		return exit.ErrProblems
	case len(v.set.Gateways)+len(v.set.Routes)+len(v.set.Revocations) == 0:
		return errors.New("there is no WebSocketGateway, WebSocketRoute or WebSocketRevocation in the files: name a file that holds one")
	}
	return nil
}

// validation is one run of validate.
type validation struct {
	streams streams
	schema  *manifest.Schema
	set     *manifest.Set
	strict  bool
	failed  bool
}

func (v *validation) print(problems []manifest.Problem) {
	for _, problem := range problems {
		fmt.Fprintln(v.streams.out, problem)
		v.failed = true
	}
}

// decodeRoutes answers the route of each document, nil for one with problems. A
// gateway is compiled with them.
func (v *validation) decodeRoutes(ctx context.Context) ([]*wsv1alpha1.WebSocketRoute, error) {
	if len(v.set.Routes) == 0 {
		return nil, nil
	}
	schema, err := manifest.NewRouteSchema()
	if err != nil {
		return nil, err
	}
	routes := make([]*wsv1alpha1.WebSocketRoute, 0, len(v.set.Routes))
	for _, document := range v.set.Routes {
		route, problems := v.set.DecodeRoute(ctx, schema, document)
		v.print(problems)
		routes = append(routes, route)
	}
	return routes, nil
}

func (v *validation) gateway(ctx context.Context, document manifest.Document) *wsv1alpha1.WebSocketGateway {
	gw, problems := v.schema.Decode(ctx, document)
	found := manifest.Findings{Problems: problems}
	if gw != nil {
		found = v.set.Compile(document, gw, time.Now())
	}
	v.conclude(document, found)
	return gw
}

func (v *validation) revocations(ctx context.Context) error {
	if len(v.set.Revocations) == 0 {
		return nil
	}
	schema, err := manifest.NewRevocationSchema()
	if err != nil {
		return err
	}
	for _, document := range v.set.Revocations {
		r, problems := schema.DecodeRevocation(ctx, document)
		found := manifest.Findings{Problems: problems}
		if r != nil {
			found.Problems, found.Unchecked = v.set.CheckRevocation(document, r, time.Now())
		}
		v.conclude(document, found)
	}
	return nil
}

// conclude prints what was found of one document. Hints go to standard error: what
// they are about is in order.
func (v *validation) conclude(document manifest.Document, found manifest.Findings) {
	v.print(found.Problems)
	for _, reference := range found.Unchecked {
		reference.Message = "not checked: " + reference.Message
		fmt.Fprintln(v.streams.out, reference)
	}
	for _, hint := range found.Hints {
		hint.Message = "hint: " + hint.Message
		fmt.Fprintln(v.streams.err, hint)
	}
	if v.strict && len(found.Unchecked) > 0 {
		v.failed = true
		return
	}
	if len(found.Problems) == 0 {
		fmt.Fprintf(v.streams.out, "%s: %s %q is valid\n", document.Position(), document.Object.GetKind(), document.Object.GetName())
	}
}
