// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"crypto/ed25519"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/wsgateway/websocket-gateway-operator/cmd/wsgw/exit"
	"github.com/wsgateway/websocket-gateway-operator/cmd/wsgw/plugin"
	"github.com/wsgateway/websocket-gateway-operator/gateway/audit/verify"
)

func newAudit(s streams, env *plugin.Env) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "audit",
		Short: "Work with the audit log of gateways",
		Long: `audit has the commands that read audit records: as they are written, by the pods of
a gateway, and whether a log is whole.`,
		Example: `  wsgw audit tail -n chat edge
  wsgw audit verify audit.log`,
		Args: subcommand,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(newAuditVerify(s), plugin.NewTail(env))
	return cmd
}

// verification is what the flags of audit verify say.
type verification struct {
	keys           []string
	partial, ended bool
	output         string
}

func newAuditVerify(s streams) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "verify FILE...",
		Short: "Find what was done to an audit log since it was written",
		Long: `verify reads audit logs and finds each line that was deleted, edited, moved, repeated
or cut since a gateway wrote it, and says where. A file may hold the records of
several pods and boots, among other lines; it may be what "kubectl logs" prints, with
--prefix and --timestamps or without, a file of a container runtime, or compressed by
gzip. The files of a rotated log come in their order, the oldest first; - is standard
input.

The hashes in the records show what was changed in between. That whoever changed a line
did not write all later ones anew, and that the records are a gateway's, only signatures
show (spec.audit.signing): name the public keys with --public-key.

A stream that has no end is no finding: its pod may be running. With --ended it is one.

Exit status: 0 all is well, 1 something was found, 2 the command line is wrong.`,
		Example: `  kubectl logs -l wsgateway.dev/gateway=edge --tail=-1 --prefix | wsgw audit verify -
  wsgw audit verify --ended audit.log.2 audit.log.1 audit.log
  wsgw audit verify --public-key audit.pub -o json audit.log`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return exit.UsageError{Err: fmt.Errorf("no file: name one, or - for standard input; \"%s --help\" shows examples", cmd.CommandPath())}
			}
			return nil
		},
	}
	var o verification
	cmd.Flags().StringArrayVar(&o.keys, "public-key", nil, "file with PEM blocks PUBLIC KEY or CERTIFICATE: checkpoints must be signed with one of these keys; may be given several times")
	cmd.Flags().BoolVar(&o.partial, "partial", false, "the beginning of a stream may be missing, for example rotated away")
	cmd.Flags().BoolVar(&o.ended, "ended", false, "every stream must have its end")
	cmd.Flags().StringVarP(&o.output, "output", "o", "text", "text or json")
	cmd.RunE = func(cmd *cobra.Command, files []string) error { return auditVerify(cmd.Context(), s, &o, files) }
	return cmd
}

func auditVerify(ctx context.Context, s streams, o *verification, files []string) error {
	if o.output != "text" && o.output != "json" {
		return exit.UsageError{Err: fmt.Errorf("--output %q: use text or json", o.output)}
	}
	options := verify.Options{Partial: o.partial, Ended: o.ended}
	for _, file := range o.keys {
		keys, err := publicKeys(file)
		if err != nil {
			return err
		}
		options.Keys = append(options.Keys, keys...)
	}
	verifier := verify.New(options)
	for _, file := range files {
		if err := ctx.Err(); err != nil {
			return fmt.Errorf("interrupted before %s: %w", file, err)
		}
		if err := readLog(verifier, s, file); err != nil {
			return err
		}
	}
	report := verifier.Report()
	if err := printReport(s, o, report); err != nil {
		return err
	}
	switch {
	case len(report.Findings) > 0:
		return exit.ErrProblems
	case len(report.Streams) == 0:
		return errors.New("there is no audit record in the files: name files with the standard output of gateway pods")
	}
	return nil
}

func readLog(verifier *verify.Verifier, s streams, file string) error {
	if file == "-" {
		return verifier.Read("standard input", s.in) //nolint:wrapcheck // it names the input
	}
	f, err := os.Open(file)
	if err != nil {
		return fmt.Errorf("read audit log: %w", err)
	}
	defer func() { _ = f.Close() }()
	return verifier.Read(file, f) //nolint:wrapcheck // it names the input
}

// publicKeys reads all keys of a file: bare ones, and those of certificates, as
// cert-manager writes them beside the private key.
func publicKeys(file string) ([]ed25519.PublicKey, error) {
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("--public-key: %w", err)
	}
	var keys []ed25519.PublicKey
	for block, rest := pem.Decode(data); block != nil; block, rest = pem.Decode(rest) {
		parsed, err := publicKey(block)
		if err != nil {
			return nil, fmt.Errorf("--public-key %s: PEM block %q: %w", file, block.Type, err)
		}
		key, ok := parsed.(ed25519.PublicKey)
		if !ok {
			return nil, fmt.Errorf("--public-key %s: PEM block %q holds no Ed25519 key", file, block.Type)
		}
		keys = append(keys, key)
	}
	if len(keys) == 0 {
		return nil, fmt.Errorf("--public-key %s: no PEM block PUBLIC KEY or CERTIFICATE in it: write one with \"openssl pkey -in audit.key -pubout\"", file)
	}
	return keys, nil
}

func publicKey(block *pem.Block) (any, error) {
	switch block.Type {
	case "PUBLIC KEY":
		return x509.ParsePKIXPublicKey(block.Bytes) //nolint:wrapcheck // publicKeys does
	case "CERTIFICATE":
		certificate, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, err //nolint:wrapcheck // publicKeys does
		}
		return certificate.PublicKey, nil
	}
	return nil, errors.New("it is neither PUBLIC KEY nor CERTIFICATE")
}

func printReport(s streams, o *verification, report *verify.Report) error {
	if o.output == "json" {
		encoder := json.NewEncoder(s.out)
		encoder.SetIndent("", "  ")
		return encoder.Encode(report) //nolint:wrapcheck // the output has gone
	}
	for i := range report.Streams {
		printStream(s.out, &report.Streams[i], len(o.keys) > 0)
	}
	for i := range report.Findings {
		f := &report.Findings[i]
		fmt.Fprintf(s.out, "%s:%d: %s: boot %s, sequence %d: %s\n", f.File, f.Line, f.Kind, f.Boot, f.Sequence, f.Message)
	}
	if report.More > 0 {
		fmt.Fprintf(s.out, "and %d more\n", report.More)
	}
	if report.OtherLines > 0 || report.TornLines > 0 {
		fmt.Fprintf(s.out, "%d other lines, %d that a failing sink tore and the gateway wrote again\n", report.OtherLines, report.TornLines)
	}
	return nil
}

func printStream(out io.Writer, stream *verify.Stream, signed bool) {
	name := strings.Join(strings.Fields(fmt.Sprintf("%s pod %s boot %s %s", stream.Gateway, stream.Pod, stream.Boot, stream.Stream)), " ")
	fmt.Fprintf(out, "%s\n  records  %d (sequence %d to %d)\n", name, stream.Records, stream.First, stream.Last)
	about := ""
	if stream.Estimated {
		about = " as far as the lines tell"
	}
	fmt.Fprintf(out, "  sockets  %d opened, %d closed, %d still open%s; %d handshakes denied, %d events lost\n",
		stream.Opened, stream.Closed, stream.Open, about, stream.Denied, stream.Lost)
	switch {
	case stream.Complete:
		fmt.Fprintln(out, "  end      complete")
	case stream.Torn:
		fmt.Fprintln(out, "  end      none, and the last line is cut off: killed while it wrote, or cut")
	default:
		fmt.Fprintln(out, "  end      none: still running, killed, or cut off")
	}
	if signed {
		fmt.Fprintf(out, "  signed   up to the sequence %d\n", stream.SignedUpTo)
	}
}
