// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package plugin

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"k8s.io/apimachinery/pkg/types"

	"github.com/wsgateway/websocket-gateway-operator/cmd/wsgw/ask"
	"github.com/wsgateway/websocket-gateway-operator/cmd/wsgw/cluster"
	"github.com/wsgateway/websocket-gateway-operator/cmd/wsgw/exit"
	"github.com/wsgateway/websocket-gateway-operator/gateway/control"
	"github.com/wsgateway/websocket-gateway-operator/gateway/explanation"
)

// Said is a decision, and the pods that have made it.
type Said struct {
	Pods   []types.NamespacedName
	Report *explanation.Report
}

// Explain asks the pods of a gateway how they would decide now. There is one
// answer if they agree; if not, a key set or a revocation has not reached all of
// them, and there is one for each opinion. A pod that does not answer is told
// on standard error, unless none does.
func Explain(ctx context.Context, env *Env, flags *cluster.Flags, args []string, request *control.ExplainRequest) ([]Said, error) {
	s, err := env.begin(flags)
	if err != nil {
		return nil, err
	}
	defer s.end()
	_, pods, err := s.choose(ctx, args, "")
	if err != nil {
		return nil, err
	}
	request.ClaimedBy = fitting(s.cluster.WhoAmI(ctx), control.MaxClaimedByBytes)
	if err := request.Validate(); err != nil {
		return nil, exit.Usagef("%w", err)
	}
	answers := ask.Each(ctx, pods, func(ctx context.Context, pod types.NamespacedName) (json.RawMessage, error) {
		var raw json.RawMessage
		err := s.pods.Explain(ctx, pod, request, &raw)
		return raw, err
	})
	said, errs := opinions(answers)
	if len(said) == 0 && len(errs) > 0 {
		return nil, errs[0]
	}
	_ = s.failures(errs)
	return said, nil
}

// opinions puts the pods together that decide the same for the same reasons. Notes
// are no part of a decision: those that not all of them make are left out.
func opinions(answers []ask.Answer[json.RawMessage]) (said []Said, errs []error) {
	var seen [][]byte
	for _, answer := range answers {
		if answer.Err != nil {
			errs = append(errs, answer.Err)
			continue
		}
		report := &explanation.Report{}
		if err := json.Unmarshal(answer.Value, report); err != nil {
			errs = append(errs, fmt.Errorf("pod %s: its explanation is not understood: %w", answer.Pod.Name, err))
			continue
		}
		decision := *report
		decision.Notes = nil
		text, err := json.Marshal(decision)
		if err != nil {
			errs = append(errs, fmt.Errorf("pod %s: compare its explanation: %w", answer.Pod.Name, err))
			continue
		}
		i := slices.IndexFunc(seen, func(other []byte) bool { return bytes.Equal(other, text) })
		if i < 0 {
			seen, said = append(seen, text), append(said, Said{[]types.NamespacedName{answer.Pod}, report})
			continue
		}
		said[i].Pods = append(said[i].Pods, answer.Pod)
		said[i].Report.Notes = slices.DeleteFunc(said[i].Report.Notes, func(note string) bool { return !slices.Contains(report.Notes, note) })
	}
	return said, errs
}

// Whom names the pods of an opinion.
func (s *Said) Whom() string { return podNamesOf(s.Pods) }
