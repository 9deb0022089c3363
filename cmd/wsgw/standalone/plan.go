// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package standalone

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"

	wsv1alpha1 "github.com/wsgateway/websocket-gateway-operator/api/v1alpha1"
	"github.com/wsgateway/websocket-gateway-operator/cmd/wsgw/manifest"
	"github.com/wsgateway/websocket-gateway-operator/controllers/compile"
	"github.com/wsgateway/websocket-gateway-operator/controllers/status"
	"github.com/wsgateway/websocket-gateway-operator/gateway"
	"github.com/wsgateway/websocket-gateway-operator/gateway/contract"
)

// plan is what one state of the manifests asks for.
type plan struct {
	gateway *wsv1alpha1.WebSocketGateway
	// config is what the file config.json says, for the next plan to fall back
	// upon.
	config contract.Config
	// files of the configuration folder.
	files map[string][]byte
	// secrets that the manifests hold, by name.
	secrets map[string]map[string][]byte
	// problems that leave one route, policy or listener unserved.
	problems []manifest.Problem
	// unused are the --backend arguments that no route asks for.
	unused []string
}

// planner makes plans.
type planner struct {
	schema   *manifest.Schema
	revoking *manifest.Schema
	routing  *manifest.Schema
	backends []Backend
	now      func() time.Time
	// gateway, if not empty, is the one that is running: an edit must not turn
	// it into another.
	gateway contract.GatewayRef
	// previous is the configuration in force.
	previous *contract.Config
}

// refusedError holds the reasons why manifests cannot be run.
type refusedError []manifest.Problem

// Error has one line for each problem.
func (e refusedError) Error() string {
	lines := make([]string, 0, len(e))
	for _, problem := range e {
		lines = append(lines, problem.String())
	}
	return strings.Join(lines, "\n")
}

func (p *planner) plan(ctx context.Context, contents []manifest.Content) (*plan, error) {
	documents, problems := manifest.Parse(contents)
	set := manifest.Sort(documents)
	if problems = append(problems, set.Problems...); len(problems) > 0 {
		return nil, refusedError(problems)
	}
	if len(set.Gateways) != 1 {
		return nil, fmt.Errorf("the files hold %d WebSocketGateways: give files that hold exactly one", len(set.Gateways))
	}
	document := set.Gateways[0]
	gw, problems := p.schema.Decode(ctx, document)
	if len(problems) > 0 {
		return nil, refusedError(problems)
	}
	ref := contract.GatewayRef{Namespace: gw.Namespace, Name: gw.Name}
	if p.gateway != (contract.GatewayRef{}) && p.gateway != ref {
		return nil, fmt.Errorf("%s: metadata.name: the gateway that runs is %s/%s, not %s/%s: restart wsgw to run another",
			document.Position(), p.gateway.Namespace, p.gateway.Name, ref.Namespace, ref.Name)
	}
	if problems := set.DecodeRoutes(ctx, p.routing); len(problems) > 0 {
		return nil, refusedError(problems)
	}
	revocations, problems := set.RevocationsOf(ctx, p.revoking, gw)
	if len(problems) > 0 {
		return nil, refusedError(problems)
	}
	made, err := p.compile(set, document, gw)
	if err != nil {
		return nil, err
	}
	return made, p.revoke(made, set, revocations)
}

// revoke adds the file that says who is locked out.
func (p *planner) revoke(made *plan, set *manifest.Set, list []wsv1alpha1.WebSocketRevocation) error {
	room := compile.RevocationRoom(len(made.files[contract.ConfigFile]), len(made.files[contract.EndpointsFile]))
	result, err := compile.Revocations(list, room, p.now())
	if err != nil {
		return err
	}
	made.files[contract.RevocationsFile] = result.File
	for _, document := range set.Revocations {
		i := slices.IndexFunc(list, func(r wsv1alpha1.WebSocketRevocation) bool {
			return r.Namespace == document.Namespace() && r.Name == document.Object.GetName()
		})
		if i < 0 {
			continue
		}
		problems, _ := set.CheckRevocation(document, &list[i], p.now())
		if left, out := result.LeftOut[list[i].Name]; out {
			problems = append(problems, manifest.Problem{Position: document.Position(), Message: "not in force: " + left.Why})
		}
		made.problems = append(made.problems, problems...)
	}
	return nil
}

func (p *planner) compile(set *manifest.Set, document manifest.Document, gw *wsv1alpha1.WebSocketGateway) (*plan, error) {
	refs, unused := p.refs(set, gw)
	result := compile.Config(gw, refs, p.previous)
	made := &plan{
		gateway: gw, config: result.Config, unused: unused,
		secrets: secrets(set, gw),
	}
	made.problems = problemsOf(document, result.Problems)
	for _, route := range set.Routes {
		made.problems = append(made.problems, problemsOf(route, set.AttachedProblems(route, &result))...)
	}
	if result.Blocked() {
		return nil, refusedError(made.problems)
	}
	if err := gateway.Check(result.File); err != nil {
		return nil, fmt.Errorf("%s: %w", document.Position(), err)
	}
	made.problems = append(made.problems, missingSecrets(document, gw, made.secrets)...)
	made.problems = append(made.problems, set.CheckContents(document, &result.Config, p.now())...)
	if !p.hasCertificate(set, gw, &result.Config) {
		return nil, errors.New("no listener has a certificate that can be served: add the Secret that secretRef names to the files, with tls.crt and tls.key for the hostnames, or use issuerRef")
	}
	return made, made.encode(result.File, compile.Endpoints(gw, refs, &result.Config))
}

// problemsOf puts the problems of one document into words that fit a machine
// without Services.
func problemsOf(document manifest.Document, found []status.Problem) []manifest.Problem {
	var list []manifest.Problem
	for _, problem := range found {
		message := problem.Message
		if problem.Reason == wsv1alpha1.ReasonServiceNotFound || problem.Reason == wsv1alpha1.ReasonPortNotFound {
			message = "no --backend says where this Service is: add --backend SERVICE:PORT=HOST:PORT"
		}
		list = append(list, manifest.Problem{Position: document.Position(), Field: problem.Field, Message: message})
	}
	return list
}

func (p *plan) encode(config []byte, endpoints contract.Endpoints) error {
	endpointsFile, err := contract.Encode(endpoints)
	if err != nil {
		return err
	}
	p.files = map[string][]byte{
		contract.ConfigFile:    config,
		contract.EndpointsFile: endpointsFile,
	}
	return nil
}

// refs is what the references lead to here: ConfigMaps as in the files, Services
// as --backend says, and an issuer for everybody, also in place of Certificates.
func (p *planner) refs(set *manifest.Set, gw *wsv1alpha1.WebSocketGateway) (compile.Refs, []string) {
	refs := set.Refs(gw)
	refs.Unchecked = false
	for _, issuer := range compile.Issuers(gw) {
		refs.Issuers[issuer] = true
	}
	refs.Certificates = map[string]compile.Certificate{}
	for _, name := range compile.Certificates(gw) {
		refs.Certificates[name] = compile.Certificate{}
	}
	documents := refs.Services
	var unused []string
	for i := range refs.Routes {
		namespace := refs.Routes[i].Namespace
		if _, known := refs.Namespaces[namespace]; !known {
			// Every namespace has this label.
			refs.Namespaces[namespace] = map[string]string{corev1.LabelMetadataName: namespace}
		}
	}
	refs.Services, unused = services(gw, &refs, p.backends)
	for name, service := range documents {
		if _, given := refs.Services[name]; !given && service.ExternalName {
			refs.Services[name] = service
		}
	}
	return refs, unused
}

func secrets(set *manifest.Set, gw *wsv1alpha1.WebSocketGateway) map[string]map[string][]byte {
	found := map[string]map[string][]byte{}
	for _, reference := range compile.References(gw, false) {
		if reference.Kind != compile.KindSecret || reference.Group != "" {
			continue
		}
		if data, ok := set.Secret(gw.Namespace, reference.Name); ok {
			found[reference.Name] = data
		}
	}
	return found
}

func missingSecrets(
	document manifest.Document, gw *wsv1alpha1.WebSocketGateway, secrets map[string]map[string][]byte,
) []manifest.Problem {
	var problems []manifest.Problem
	for _, reference := range compile.References(gw, false) {
		if reference.Kind != compile.KindSecret || reference.Group != "" {
			continue
		}
		if _, found := secrets[reference.Name]; !found {
			problems = append(problems, manifest.Problem{
				Position: document.Position(), Field: reference.Field,
				Message: fmt.Sprintf("Secret %q is in none of the files: add it to them", reference.Name),
			})
		}
	}
	return problems
}

func (p *planner) hasCertificate(set *manifest.Set, gw *wsv1alpha1.WebSocketGateway, config *contract.Config) bool {
	for i := range gw.Spec.Listeners {
		if gw.Spec.Listeners[i].TLS.Certificate.SecretRef == nil {
			return true
		}
	}
	for i := range config.Listeners {
		if set.Serves(gw.Namespace, &config.Listeners[i], p.now()) {
			return true
		}
	}
	return false
}
