// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"github.com/spf13/cobra"

	wsv1alpha1 "github.com/wsgateway/websocket-gateway-operator/api/v1alpha1"
	"github.com/wsgateway/websocket-gateway-operator/cmd/wsgw/cluster"
	"github.com/wsgateway/websocket-gateway-operator/cmd/wsgw/exit"
	"github.com/wsgateway/websocket-gateway-operator/cmd/wsgw/manifest"
	"github.com/wsgateway/websocket-gateway-operator/cmd/wsgw/plugin"
	"github.com/wsgateway/websocket-gateway-operator/cmd/wsgw/request"
	"github.com/wsgateway/websocket-gateway-operator/controllers/compile"
	"github.com/wsgateway/websocket-gateway-operator/gateway"
	"github.com/wsgateway/websocket-gateway-operator/gateway/explanation"
)

// assumedClient is an address of RFC 5737 that nobody has.
const assumedClient = "192.0.2.1"

// explainFlags are the command line.
type explainFlags struct {
	files  *[]string
	source request.Source
	client string
	// certificate is the file with what the client shows in TLS.
	certificate string
	fetch       bool
	output      string

	// live asks the pods of a gateway; cluster says where they are.
	live       bool
	askServers bool
	cluster    *cluster.Flags
}

func newExplain(s streams, env *plugin.Env) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "explain {-f FILE... | --live [GATEWAY]} --url wss://HOST/PATH",
		Short: "Say whether a handshake would be let in, and why",
		Long: `explain compiles the manifests as the operator does and lets the gateway's own
code decide about a handshake, without a cluster and without a connection. It
prints each step, the verdict, and what to do about a refusal; for who is let in
also the identity, what the backend is sent, and who it would be.

Secrets and ConfigMaps are those in the files. Nothing is sent anywhere, except
that --fetch-keys fetches the key sets of policies from their addresses.

A credential does not belong on a command line, where others can read it. Where
the last word of a header or a subprotocol is @FILE it is read from that file, @-
from standard input, and --header-file reads whole headers. --client-cert takes the
certificate without its key: that the client has the key is taken for granted. What is shown of
headers that may carry credentials is their length.

Limits that depend on other connections, draining and the backend's own answer
are not part of the decision.

With --live the pods of a gateway in the cluster are asked instead (port-forward),
who decide by what they have: their key sets, Secrets, revocations, and waits after
failures. Nothing is counted and nobody has to wait because of it. The credential is
sent to these pods, as the client would. An authorization server is only asked with
--ask-servers. Where pods do not agree each opinion is shown.

Exit status: 0 the handshake would be let in, also if only because the policy is
in DryRun; 1 it would be refused; 2 the command line or a manifest is wrong; 3 it
cannot be told, because a Secret, ConfigMap or key set is not at hand.`,
		Example: `  wsgw explain -f gateway.yaml -f secrets.yaml --url wss://ws.example.com/chat \
    --origin https://app.example.com --header 'Authorization: Bearer @token.txt'
  wsgw explain -f manifests/ --url 'wss://ws.example.com/chat?room=5' --subprotocol bearer --subprotocol @token.txt
  get-token | wsgw explain -f gateway.yaml --fetch-keys --url wss://ws.example.com/ --header 'Authorization: Bearer @-'
  wsgw explain -f gateway.yaml --url wss://ws.example.com/chat --header-file headers.txt --source-ip 203.0.113.7 -o json
  wsgw explain --live -n chat edge --url wss://ws.example.com/chat --header 'Authorization: Bearer @token.txt'`,
		Args: onlyLiveNames,
	}
	flags := &explainFlags{files: filesFlag(cmd)}
	flags.bind(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error { return flags.run(cmd, s, env, args) }
	return cmd
}

func (flags *explainFlags) run(cmd *cobra.Command, s streams, env *plugin.Env, args []string) error {
	if flags.live && (len(*flags.files) > 0 || flags.fetch) {
		return exit.Usagef("--live: the pods have their own configuration and keys; leave --filename and --fetch-keys out")
	}
	if flags.live {
		return explainLive(cmd.Context(), s, env, flags, args)
	}
	if err := needFiles(cmd, *flags.files); err != nil {
		return err
	}
	return explain(cmd.Context(), s, flags)
}

// onlyLiveNames lets a gateway be named where there is a cluster that has some.
func onlyLiveNames(cmd *cobra.Command, args []string) error {
	if live, err := cmd.Flags().GetBool("live"); err == nil && live && len(args) <= 1 {
		return nil
	}
	return noArguments(cmd, args)
}

func (flags *explainFlags) bind(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVar(&flags.source.URL, "url", "", "address that the client connects to, wss://HOST[:PORT]/PATH")
	f.StringArrayVar(&flags.source.Headers, "header", nil, "header of the request, 'NAME: VALUE'; may be given several times")
	f.StringVar(&flags.source.HeaderFile, "header-file", "", "file with a header in each line, or - for standard input")
	f.StringArrayVar(&flags.source.Origins, "origin", nil, "the Origin header: scheme and host of the page that connects")
	f.StringArrayVar(&flags.source.Subprotocols, "subprotocol", nil, "subprotocol that the client offers; may be given several times")
	f.StringVar(&flags.client, "source-ip", "", "address that the client comes from; a header that a proxy there may set is followed (default "+assumedClient+", which nobody has)")
	f.StringVar(&flags.certificate, "client-cert", "", "file with the certificate that the client shows in TLS, and those above it, in PEM; its key is not needed")
	f.BoolVar(&flags.fetch, "fetch-keys", false, "fetch key sets from their addresses")
	f.StringVarP(&flags.output, "output", "o", "text", "text or json")
	f.BoolVar(&flags.live, "live", false, "ask the pods of a gateway in the cluster")
	f.BoolVar(&flags.askServers, "ask-servers", false, "with --live: let the authorization server of the policy be asked")
	flags.cluster = cluster.Bind(cmd)
}

// explain is one run. Everything but a verdict is a mistake of whoever asks.
func explain(ctx context.Context, s streams, flags *explainFlags) error {
	report, err := decide(ctx, s, flags)
	if err != nil {
		return exit.UsageError{Err: err}
	}
	if err := printed(report, s, flags.output); err != nil {
		return err
	}
	return verdict(report)
}

func printed(report *explanation.Report, s streams, form string) error {
	if form == "json" {
		return report.JSON(s.out)
	}
	return report.Text(s.out)
}

// verdict is how the program ends.
func verdict(report *explanation.Report) error {
	switch report.Verdict {
	case explanation.Refused:
		return exit.ErrProblems
	case explanation.Unknown:
		return exit.ErrUnknown
	case explanation.Admitted:
	}
	return nil
}

// question is what the command line asks, without the request.
func (flags *explainFlags) question() (*explanation.Question, netip.Addr, error) {
	if flags.output != "text" && flags.output != "json" {
		return nil, netip.Addr{}, fmt.Errorf("--output %s: it is text or json", flags.output)
	}
	question := &explanation.Question{URL: flags.source.URL, Client: flags.client, FetchKeys: flags.fetch}
	if question.Client == "" {
		question.Client, question.Assumed = assumedClient, true
	}
	client, err := netip.ParseAddr(question.Client)
	if err != nil {
		return nil, client, fmt.Errorf("--source-ip %s: write an address such as 203.0.113.7", question.Client)
	}
	return question, client, nil
}

func decide(ctx context.Context, s streams, flags *explainFlags) (*explanation.Report, error) {
	question, client, err := flags.question()
	if err != nil {
		return nil, err
	}
	flags.source.StdinTaken = slices.Contains(*flags.files, manifest.Stdin)
	asked, err := flags.source.Read(s.in)
	if err != nil {
		return nil, err
	}
	question.Head = asked.Head
	certificates, err := readCertificates(flags.certificate)
	if err != nil {
		return nil, err
	}
	found, err := findGateway(ctx, s, *flags.files)
	if err != nil {
		return nil, err
	}
	for _, missing := range found.missing {
		question.Missing = append(question.Missing, explanation.Missing{Field: missing.Field, Message: missing.Message})
	}
	decision, err := gateway.Explain(ctx, gateway.Enquiry{
		Config: found.config, Revocations: found.revocations, Files: found.set.Volumes(found.gateway.Namespace), FetchKeys: flags.fetch,
		Port: asked.Port, ServerName: asked.ServerName, Head: asked.Head, Client: client.Unmap(), ClientCertificates: certificates, Now: time.Now,
	})
	if err != nil {
		return nil, err
	}
	return explanation.New(question, decision), nil
}

// compiled is the one gateway of some manifests.
type compiled struct {
	set     *manifest.Set
	gateway *wsv1alpha1.WebSocketGateway
	config  []byte
	// revocations of the gateway among the manifests, as its pods read them.
	revocations []byte
	// missing are the references that no document holds.
	missing []manifest.Problem
}

func findGateway(ctx context.Context, s streams, files []string) (*compiled, error) {
	contents, err := manifest.ReadFiles(files, s.in)
	if err != nil {
		return nil, err
	}
	schema, err := manifest.NewSchema()
	if err != nil {
		return nil, err
	}
	documents, problems := manifest.Parse(contents)
	set := manifest.Sort(documents)
	if problems = append(problems, set.Problems...); len(problems) > 0 {
		return nil, asError(problems)
	}
	if len(set.Gateways) != 1 {
		return nil, fmt.Errorf("the files hold %d WebSocketGateways: give files that hold exactly one", len(set.Gateways))
	}
	gw, problems := schema.Decode(ctx, set.Gateways[0])
	if gw == nil {
		return nil, asError(problems)
	}
	if err := decodeRoutes(ctx, set); err != nil {
		return nil, err
	}
	result, problems, missing := set.Config(set.Gateways[0], gw)
	if result.Blocked() {
		return nil, asError(problems)
	}
	found := &compiled{set: set, gateway: gw, config: result.File, missing: missing}
	return found, found.revoke(ctx)
}

func decodeRoutes(ctx context.Context, set *manifest.Set) error {
	if len(set.Routes) == 0 {
		return nil
	}
	schema, err := manifest.NewRouteSchema()
	if err != nil {
		return err
	}
	return asError(set.DecodeRoutes(ctx, schema))
}

func (c *compiled) revoke(ctx context.Context) error {
	if len(c.set.Revocations) == 0 {
		return nil
	}
	schema, err := manifest.NewRevocationSchema()
	if err != nil {
		return err
	}
	list, problems := c.set.RevocationsOf(ctx, schema, c.gateway)
	if len(problems) > 0 {
		return asError(problems)
	}
	result, err := compile.Revocations(list, compile.RevocationRoom(len(c.config), 0), time.Now())
	c.revocations = result.File
	return err
}

func asError(problems []manifest.Problem) error {
	list := make([]error, 0, len(problems))
	for _, problem := range problems {
		list = append(list, errors.New(problem.String()))
	}
	return errors.Join(list...)
}
