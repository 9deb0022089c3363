// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/wsgateway/websocket-gateway-operator/cmd/wsgw/exit"
	"github.com/wsgateway/websocket-gateway-operator/cmd/wsgw/plugin"
	"github.com/wsgateway/websocket-gateway-operator/gateway/control"
)

// explainLive asks the pods of a gateway.
func explainLive(ctx context.Context, s streams, env *plugin.Env, flags *explainFlags, args []string) error {
	request, err := flags.request(s)
	if err != nil {
		return exit.UsageError{Err: err}
	}
	said, err := plugin.Explain(ctx, env, flags.cluster, args, request)
	if err != nil {
		return err
	}
	var ends []error
	for i := range said {
		if len(said) > 1 && flags.output == "text" {
			fmt.Fprintf(s.out, "--- %s\n", said[i].Whom())
		}
		if err := printed(said[i].Report, s, flags.output); err != nil {
			return err
		}
		ends = append(ends, verdict(said[i].Report))
	}
	if len(said) > 1 {
		fmt.Fprintf(s.err, "%s: the pods do not agree; a key set, a Secret or a revocation has not reached all of them\n", "explain")
	} else {
		fmt.Fprintf(s.err, "answered by %s\n", said[0].Whom())
	}
	return errors.Join(ends...)
}

// request is the question to a pod.
func (flags *explainFlags) request(s streams) (*control.ExplainRequest, error) {
	question, _, err := flags.question()
	if err != nil {
		return nil, err
	}
	asked, err := flags.source.Read(s.in)
	if err != nil {
		return nil, err
	}
	_, certificates, err := readPEM(flags.certificate)
	if err != nil {
		return nil, err
	}
	return &control.ExplainRequest{
		URL: flags.source.URL, Port: asked.Port, ServerName: asked.ServerName, Head: asked.Head,
		Client: question.Client, ClientAssumed: question.Assumed, ClientCertificates: string(certificates), AskServers: flags.askServers,
	}, nil
}
