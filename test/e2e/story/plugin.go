// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package story

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"github.com/gorilla/websocket"
)

// Plugin says what the chapter about kubectl wsgw needs.
type Plugin struct {
	// Program is the file kubectl-wsgw, in Folder, where files may be written.
	Program, Folder string
	// Kubeconfig says where the cluster is, APIServerLog is the audit log of its API
	// server.
	Kubeconfig, APIServerLog string
	// Recording is where to write what was typed and seen; empty for nowhere.
	Recording string
}

// plugin is the chapter about kubectl wsgw, on the gateway of the quick start. The
// program is started as a user starts it.
type plugin struct {
	Plugin
	world    *World
	terminal *terminal
	guests   party
	// closing is when the guests began to be closed.
	closing time.Time
}

// PluginSteps is the chapter in order.
func (w *World) PluginSteps(needs Plugin) []Step {
	p := &plugin{Plugin: needs, world: w, terminal: &terminal{folder: needs.Folder, kubeconfig: needs.Kubeconfig}}
	return []Step{
		{"The gateway becomes Ready, for kubectl wsgw", w.becomesReady},
		{"kubectl wsgw status shows what each pod says of itself", p.status},
		{"kubectl wsgw status tells of mistakes with what to do about them", p.mistakes},
		{"kubectl wsgw connections lists who is connected, at all pods", p.connections},
		{"kubectl wsgw top is printed once where there is no terminal", p.top},
		{"kubectl wsgw explain --live is the pods' own decision", p.explain},
		{"kubectl wsgw close asks, and ends the connections of one caller and nobody else's", p.close},
		{"kubectl wsgw audit tail shows these ends, and who was behind them", p.tail},
		{"kubectl wsgw drain empties one pod for a while, and takes it back", p.drain},
		{"kubectl wsgw audit verify finds the line that was taken out of a log", p.verify},
		{"kubectl wsgw collect writes an archive without a credential", p.collect},
		{"The port-forwards were WebSockets", p.forwards},
		{"The guests leave", p.leave},
		{"What was typed and seen holds no credential", p.record},
	}
}

// run starts the program and answers what it prints. Any other end than the exit
// status is an error.
func (p *plugin) run(ctx context.Context, status int, args ...string) (string, error) {
	return newProgram(p.Program, p.Kubeconfig, Namespace).run(ctx, status, args...)
}

func (p *plugin) status(ctx context.Context) (string, error) {
	type pod struct {
		Name, Config string
		Asked        bool
	}
	var found struct {
		Gateways []struct {
			Ready string
			Pods  []pod
		}
	}
	err := until(ctx, patience, func(ctx context.Context) error {
		out, err := p.run(ctx, 0, "status", Gateway, "-o", "json", "--exit-code")
		if err != nil {
			return err
		}
		return json.Unmarshal([]byte(out), &found)
	})
	if err != nil {
		return "", err
	}
	if len(found.Gateways) != 1 || len(found.Gateways[0].Pods) == 0 {
		return "", fmt.Errorf("no pods: %+v", found)
	}
	for _, pod := range found.Gateways[0].Pods {
		if !pod.Asked || pod.Config != "in force" {
			return "", fmt.Errorf("pod %+v", pod)
		}
	}
	p.terminal.say("How is it?", "The tree has what belongs to a gateway. ✗ would mark what is not as it should be.")
	return p.terminal.enter(ctx, 0, "kubectl wsgw status edge -n quickstart")
}

// invite opens connections of one caller.
func (p *plugin) invite(ctx context.Context, subject string, n int) error {
	token, err := p.world.token(subject, time.Hour)
	if err != nil {
		return err
	}
	for i := range n {
		conn, _, err := p.world.dial(ctx, attempt{token: token})
		if err != nil {
			return fmt.Errorf("%s: %w", subject, err)
		}
		p.guests = append(p.guests, receive(fmt.Sprintf("%s %d", subject, i), conn))
	}
	return nil
}

// list asks for connections.
func (p *plugin) list(ctx context.Context, filters ...string) (map[string]int, error) {
	out, err := p.run(ctx, 0, append([]string{"connections", Gateway, "-o", "json", "--limit", "0"}, filters...)...)
	if err != nil {
		return nil, err
	}
	var found struct{ Connections []struct{ Pod string } }
	if err := json.Unmarshal([]byte(out), &found); err != nil {
		return nil, fmt.Errorf("read the list: %w", err)
	}
	at := map[string]int{}
	for _, one := range found.Connections {
		at[one.Pod]++
	}
	return at, nil
}

func sum(at map[string]int) (n int) {
	for _, count := range at {
		n += count
	}
	return n
}

const (
	callersOfPlugin = 12
	closedByPlugin  = "plugin-ann"
	keptByPlugin    = "plugin-ben"
)

func (p *plugin) connections(ctx context.Context) (string, error) {
	if err := errors.Join(p.invite(ctx, closedByPlugin, callersOfPlugin), p.invite(ctx, keptByPlugin, callersOfPlugin)); err != nil {
		return "", err
	}
	at, err := p.list(ctx, "--issuer", Issuer, "--subject", closedByPlugin)
	if err != nil {
		return "", err
	}
	if sum(at) != callersOfPlugin {
		return "", fmt.Errorf("%d connections of %s, want %d: %v", sum(at), closedByPlugin, callersOfPlugin, at)
	}
	if err := p.talk(ctx); err != nil {
		return "", err
	}
	p.terminal.say("Who is connected?", "The connections of all pods are one list.")
	if _, err := p.terminal.enter(ctx, 0, "kubectl wsgw connections edge -n quickstart --limit 5"); err != nil {
		return "", err
	}
	return p.terminal.enter(ctx, 0, "kubectl wsgw connections edge -n quickstart --subject plugin-ben --sort newest --limit 2 -o wide")
}

// talk has the guests talk until a pod has looked at the traffic twice, and so knows
// a rate.
func (p *plugin) talk(ctx context.Context) error {
	return until(ctx, patience, func(ctx context.Context) error {
		for i, g := range p.guests {
			if err := g.conn.WriteMessage(websocket.TextMessage, bytes.Repeat([]byte("hello "), 10*(i+1))); err != nil {
				return fmt.Errorf("%s: %w", g.name, err)
			}
		}
		out, err := p.run(ctx, 0, "connections", Gateway, "--sort", "rate", "--limit", "1", "-o", "json")
		if err == nil && !regexp.MustCompile(`"bytesPerSecond": [1-9]`).MatchString(out) {
			return errors.New("no rate is known")
		}
		return err
	})
}

func (p *plugin) top(ctx context.Context) (string, error) {
	p.terminal.say("Who has most to do?", "On a terminal `top` is a screen that is drawn anew every two seconds. Elsewhere it is printed once.")
	out, err := p.terminal.enter(ctx, 0, "kubectl wsgw top edge -n quickstart --limit 5 | cat")
	if err == nil && (strings.Contains(out, "\x1b") || !strings.Contains(out, "CONNECTIONS")) {
		return "", fmt.Errorf("it was meant for a terminal, or is empty: %q", out)
	}
	return out, err
}

func (p *plugin) explain(ctx context.Context) (string, error) {
	token, err := p.world.token(keptByPlugin, time.Hour)
	if err != nil {
		return "", err
	}
	file := filepath.Join(p.Folder, "token")
	if err := os.WriteFile(file, []byte(token), 0o600); err != nil {
		return "", fmt.Errorf("write the token: %w", err)
	}
	p.terminal.say("Why is somebody refused?", "Each pod is asked how it would decide now. The file `token` holds a token of the caller.")
	asked := "kubectl wsgw explain --live edge -n quickstart --url wss://" + PublicHost + "/chat --origin " + Origin
	if out, err := p.terminal.enter(ctx, 1, asked); err != nil || !strings.Contains(out, "no_credential") {
		return "", fmt.Errorf("without a token: %w\n%s", err, out)
	}
	return p.terminal.enter(ctx, 0, asked+" --header 'Authorization: Bearer @token'")
}

func (p *plugin) close(ctx context.Context) (string, error) {
	one := []string{"close", Gateway, "--issuer", Issuer, "--subject", closedByPlugin}
	if _, err := p.run(ctx, 2, one...); err != nil {
		return "", fmt.Errorf("nobody to be asked: %w", err)
	}
	p.closing = time.Now()
	p.terminal.say("Ending connections", "`close` counts, asks, and closes no more than it has counted.")
	out, err := p.terminal.answer(ctx, 0,
		"kubectl wsgw close edge -n quickstart --issuer "+Issuer+" --subject "+closedByPlugin+" --reason 'ticket 4711'", "[y/N] ", "y")
	if err != nil {
		return "", err
	}
	if !strings.Contains(out, fmt.Sprintf("Close %d connections", callersOfPlugin)) {
		return "", fmt.Errorf("nothing was asked:\n%s", out)
	}
	left, _, err := p.guests.lose(ctx, closedByPlugin, websocket.CloseGoingAway)
	p.guests = left
	return out, err
}

func (p *plugin) tail(ctx context.Context) (string, error) {
	err := until(ctx, patience, func(ctx context.Context) error {
		// Not what the chapter did before on a cluster that was left up.
		out, err := p.run(ctx, 0, "audit", "tail", Gateway, "--follow=false", "--since", (time.Since(p.closing) + time.Second).String(),
			"--event", "closed", "--reason", "closed_by_administrator", "--subject", closedByPlugin)
		if got := strings.Count(out, "\n"); err == nil && got != callersOfPlugin {
			return fmt.Errorf("%d records, want %d:\n%s", got, callersOfPlugin, out)
		}
		return err
	})
	if err != nil {
		return "", err
	}
	p.terminal.say("The audit log has it", "Who closed them, why, and each end. The name is what the API server calls the user of the kubeconfig.")
	out, err := p.terminal.enter(ctx, 0, "kubectl wsgw audit tail edge -n quickstart --event administered --tail 1000 --follow=false | grep close")
	if err == nil && !strings.Contains(out, "ticket 4711") {
		return "", fmt.Errorf("no record of the order:\n%s", out)
	}
	if err != nil {
		return "", err
	}
	return p.terminal.enter(ctx, 0, "kubectl wsgw audit tail edge -n quickstart --reason closed_by_administrator --subject "+
		closedByPlugin+" --tail 1000 --follow=false | tail -n 3")
}

// drain empties the pod that has guests.
func (p *plugin) drain(ctx context.Context) (string, error) {
	at, err := p.list(ctx, "--subject", keptByPlugin)
	if err != nil {
		return "", err
	}
	var pod string
	for name := range at {
		pod = name
	}
	if pod == "" {
		return "", errors.New("no pod has guests")
	}
	p.terminal.say("Emptying one pod", "It stays unready for half an hour; then it would come back by itself.")
	out, err := p.terminal.enter(ctx, 0, "kubectl wsgw drain "+pod+" -n quickstart --wait --window 3s --for 30m --reason 'memory profile' --yes")
	if err != nil {
		return "", err
	}
	if err := p.emptied(at[pod]); err != nil {
		return "", err
	}
	shown, err := p.terminal.enter(ctx, 0, "kubectl wsgw status edge -n quickstart | sed -n '/^Problems/,$p'")
	if err != nil || !strings.Contains(shown, "drain done, until") || !strings.Contains(shown, "--undo") {
		return "", fmt.Errorf("the status does not tell of the drain: %w\n%s", err, shown)
	}
	undone, err := p.terminal.enter(ctx, 0, "kubectl wsgw drain "+pod+" -n quickstart --undo")
	if err != nil {
		return "", err
	}
	return out + undone, until(ctx, patience, p.world.current)
}

// emptied makes sure that so many guests were sent away, and in the right way.
func (p *plugin) emptied(want int) error {
	gone := 0
	for _, g := range p.guests {
		select {
		case <-g.gone:
			gone++
			if !websocket.IsCloseError(g.end, websocket.CloseServiceRestart) {
				return fmt.Errorf("%s: %w", g.name, g.end)
			}
		default:
		}
	}
	if gone != want {
		return fmt.Errorf("%d guests were closed, %d were at the pod", gone, want)
	}
	return nil
}

// verify takes the logs of the pods as they are: of a long story, the kubelet has
// rotated their beginning away. The line that is taken out is of this chapter: the
// first line of what is left of a log would not be missed.
func (p *plugin) verify(ctx context.Context) (string, error) {
	p.terminal.say("Is the log whole?", "Somebody takes one line out of a copy.")
	for _, line := range []string{
		"kubectl logs -n quickstart -l wsgateway.dev/gateway=edge --tail=-1 --prefix > pods.log",
		"kubectl wsgw audit verify --partial pods.log",
		`sed '0,/"event.action":"closed".*plugin-ann/{//d}' pods.log > edited.log`,
	} {
		if _, err := p.terminal.enter(ctx, 0, line); err != nil {
			return "", err
		}
	}
	return p.terminal.enter(ctx, 1, "kubectl wsgw audit verify --partial edited.log")
}

func (p *plugin) collect(ctx context.Context) (string, error) {
	p.terminal.say("Asking for help", "The archive has what somebody needs to help, and no Secret.")
	if _, err := p.terminal.enter(ctx, 0, "kubectl wsgw collect edge -n quickstart --file bundle.tar.gz"); err != nil {
		return "", err
	}
	if _, err := p.terminal.enter(ctx, 0, "tar tzf bundle.tar.gz"); err != nil {
		return "", err
	}
	files, err := unpack(filepath.Join(p.Folder, "bundle.tar.gz"))
	if err != nil {
		return "", err
	}
	var manifest struct{ Missing []string }
	if err := json.Unmarshal(files["manifest.json"], &manifest); err != nil {
		return "", fmt.Errorf("read the manifest: %w", err)
	}
	if len(manifest.Missing) > 0 {
		return "", fmt.Errorf("not collected: %q", manifest.Missing)
	}
	for name, content := range files {
		for _, token := range p.world.tokens.all() {
			if bytes.Contains(content, []byte(token)) {
				return "", fmt.Errorf("%s holds a token", name)
			}
		}
		if bytes.Contains(content, []byte(closedByPlugin)) || bytes.Contains(content, []byte("PRIVATE KEY")) {
			return "", fmt.Errorf("%s names a caller or holds a key", name)
		}
	}
	return fmt.Sprintf("%d files", len(files)), nil
}

func (p *plugin) leave(context.Context) (string, error) {
	p.guests.leave()
	return fmt.Sprintf("%d guests", len(p.guests)), nil
}
