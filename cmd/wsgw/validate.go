// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/wsgateway/websocket-gateway-operator/cmd/wsgw/exit"
	"github.com/wsgateway/websocket-gateway-operator/cmd/wsgw/manifest"
)

func newValidate(s streams) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "validate -f FILE...",
		Short: "Check manifests as an API server and the operator would",
		Long: `validate checks each WebSocketGateway and WebSocketRevocation in the files with the
schema and rules of the CRDs and compiles gateways as the operator does. ConfigMaps, Secrets, Services and
issuers in the files are what its references are checked against; other kinds are
ignored. Nothing is sent anywhere.

Each problem is printed as FILE:DOCUMENT: FIELD: what to do, and makes the exit
status 1. References to objects that are in none of the files are printed as "not
checked" and do not change the exit status, unless --strict is given.`,
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
	for _, document := range v.set.Gateways {
		v.gateway(ctx, document)
	}
	if err := v.revocations(ctx); err != nil {
		return err
	}
	switch {
	case v.failed:
		return exit.ErrProblems
	case len(v.set.Gateways)+len(v.set.Revocations) == 0:
		return errors.New("there is no WebSocketGateway or WebSocketRevocation in the files: name a file that holds one")
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

func (v *validation) gateway(ctx context.Context, document manifest.Document) {
	gw, problems := v.schema.Decode(ctx, document)
	var unchecked []manifest.Problem
	if gw != nil {
		problems, unchecked = v.set.Compile(document, gw, time.Now())
	}
	v.conclude(document, problems, unchecked)
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
		var unchecked []manifest.Problem
		if r != nil {
			problems, unchecked = v.set.CheckRevocation(document, r, time.Now())
		}
		v.conclude(document, problems, unchecked)
	}
	return nil
}

// conclude prints what was found of one document.
func (v *validation) conclude(document manifest.Document, problems, unchecked []manifest.Problem) {
	v.print(problems)
	for _, reference := range unchecked {
		reference.Message = "not checked: " + reference.Message
		fmt.Fprintln(v.streams.out, reference)
	}
	if v.strict && len(unchecked) > 0 {
		v.failed = true
		return
	}
	if len(problems) == 0 {
		fmt.Fprintf(v.streams.out, "%s: %s %q is valid\n", document.Position(), document.Object.GetKind(), document.Object.GetName())
	}
}
