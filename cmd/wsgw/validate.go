// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/wsgateway/websocket-gateway-operator/cmd/wsgw/manifest"
)

func newValidate(s streams) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "validate -f FILE...",
		Short: "Check manifests as an API server and the operator would",
		Long: `validate checks each WebSocketGateway in the files with the schema and rules of
the CRD and compiles it as the operator does. ConfigMaps, Secrets, Services and
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
	set := manifest.Sort(documents)
	problems = append(problems, set.Problems...)
	for _, ignored := range set.Ignored {
		fmt.Fprintf(s.err, "%s: %s %q ignored\n", ignored.Position(), ignored.Object.GetKind(), ignored.Object.GetName())
	}
	for _, problem := range problems {
		fmt.Fprintln(s.out, problem)
	}
	failed := len(problems) > 0
	for _, document := range set.Gateways {
		if !validateGateway(ctx, s, schema, set, document, strict) {
			failed = true
		}
	}
	switch {
	case failed:
		return errProblems
	case len(set.Gateways) == 0:
		return errors.New("there is no WebSocketGateway in the files: name a file that holds one")
	}
	return nil
}

func validateGateway(
	ctx context.Context, s streams, schema *manifest.Schema, set *manifest.Set, document manifest.Document, strict bool,
) bool {
	gw, problems := schema.Decode(ctx, document)
	var unchecked []manifest.Problem
	if gw != nil {
		problems, unchecked = set.Compile(document, gw)
	}
	for _, problem := range problems {
		fmt.Fprintln(s.out, problem)
	}
	for _, reference := range unchecked {
		reference.Message = "not checked: " + reference.Message
		fmt.Fprintln(s.out, reference)
	}
	if len(problems) > 0 || (strict && len(unchecked) > 0) {
		return false
	}
	fmt.Fprintf(s.out, "%s: WebSocketGateway %q is valid\n", document.Position(), document.Object.GetName())
	return true
}
