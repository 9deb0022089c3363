// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package story

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/gorilla/websocket"
)

// plugin is the chapter about kubectl wsgw, on the gateway of the quick start. The
// program is started as a user starts it.
type plugin struct {
	world   *World
	program string
	config  string
	folder  string
	guests  party
}

// PluginSteps is the chapter in order. program is wsgw, kubeconfig says where the
// cluster is, and folder is a place for files.
func (w *World) PluginSteps(program, kubeconfig, folder string) []Step {
	p := &plugin{world: w, program: program, config: kubeconfig, folder: folder}
	return []Step{
		{"The gateway becomes Ready, for kubectl wsgw", w.becomesReady},
		{"kubectl wsgw status shows what each pod says of itself", p.status},
		{"kubectl wsgw connections lists who is connected, at all pods", p.connections},
		{"kubectl wsgw top is printed once where there is no terminal", p.top},
		{"kubectl wsgw explain --live is the pods' own decision", p.explain},
		{"kubectl wsgw close ends the connections of one caller, and nobody else's", p.close},
		{"kubectl wsgw audit tail shows these ends", p.tail},
		{"kubectl wsgw drain empties one pod, and takes it back", p.drain},
		{"kubectl wsgw collect writes an archive without a credential", p.collect},
		{"The guests leave", p.leave},
	}
}

// run starts the program and answers what it prints. Any other end than the exit
// status is an error.
func (p *plugin) run(ctx context.Context, status int, args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	args = append(args, "--kubeconfig", p.config, "-n", Namespace)
	cmd := exec.CommandContext(ctx, p.program, args...)
	var out, log bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &log
	err := cmd.Run()
	var ended *exec.ExitError
	if err != nil && !errors.As(err, &ended) {
		return "", fmt.Errorf("run %s: %w", p.program, err)
	}
	if got := cmd.ProcessState.ExitCode(); got != status {
		return "", fmt.Errorf("wsgw %s: exit status %d, want %d:\n%s%s", strings.Join(args, " "), got, status, out.String(), log.String())
	}
	return out.String(), nil
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
	return p.run(ctx, 0, "status", Gateway)
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
	return p.run(ctx, 0, "connections", Gateway, "--limit", "5")
}

func (p *plugin) top(ctx context.Context) (string, error) {
	out, err := p.run(ctx, 0, "top", Gateway, "--limit", "5")
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
	file := filepath.Join(p.folder, "token")
	if err := os.WriteFile(file, []byte(token), 0o600); err != nil {
		return "", fmt.Errorf("write the token: %w", err)
	}
	asked := []string{"explain", "--live", Gateway, "--url", "wss://" + PublicHost + "/chat", "--origin", Origin}
	if out, err := p.run(ctx, 1, asked...); err != nil || !strings.Contains(out, "no_credential") {
		return "", fmt.Errorf("without a token: %w\n%s", err, out)
	}
	out, err := p.run(ctx, 0, append(asked, "--header", "Authorization: Bearer @"+file)...)
	if err == nil && strings.Contains(out, token) {
		return "", errors.New("the explanation holds the token")
	}
	return out, err
}

func (p *plugin) close(ctx context.Context) (string, error) {
	one := []string{"close", Gateway, "--issuer", Issuer, "--subject", closedByPlugin}
	if _, err := p.run(ctx, 2, one...); err != nil {
		return "", fmt.Errorf("nobody to be asked: %w", err)
	}
	out, err := p.run(ctx, 0, append(one, "--yes", "--claimed-by", "the story", "--reason", "a test")...)
	if err != nil {
		return "", err
	}
	left, _, err := p.guests.lose(ctx, closedByPlugin, websocket.CloseGoingAway)
	p.guests = left
	return out, err
}

func (p *plugin) tail(ctx context.Context) (string, error) {
	var out string
	err := until(ctx, patience, func(ctx context.Context) error {
		var err error
		out, err = p.run(ctx, 0, "audit", "tail", Gateway, "--follow=false", "--tail", "1000",
			"--event", "closed", "--reason", "closed_by_administrator", "--subject", closedByPlugin)
		if got := strings.Count(out, "\n"); err == nil && got != callersOfPlugin {
			return fmt.Errorf("%d records, want %d:\n%s", got, callersOfPlugin, out)
		}
		return err
	})
	return out, err
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
	out, err := p.run(ctx, 0, "drain", pod, "--yes", "--wait", "--window", "3s", "--claimed-by", "the story")
	if err != nil {
		return "", err
	}
	gone := 0
	for _, g := range p.guests {
		select {
		case <-g.gone:
			gone++
			if !websocket.IsCloseError(g.end, websocket.CloseServiceRestart) {
				return "", fmt.Errorf("%s: %w", g.name, g.end)
			}
		default:
		}
	}
	if gone != at[pod] {
		return "", fmt.Errorf("%d guests were closed, %d were at the pod", gone, at[pod])
	}
	undone, err := p.run(ctx, 0, "drain", pod, "--undo", "--claimed-by", "the story")
	if err != nil {
		return "", err
	}
	return out + undone, until(ctx, patience, p.world.current)
}

func (p *plugin) collect(ctx context.Context) (string, error) {
	file := filepath.Join(p.folder, "bundle.tar.gz")
	if _, err := p.run(ctx, 0, "collect", Gateway, "--file", file); err != nil {
		return "", err
	}
	files, err := unpack(file)
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
	return fmt.Sprintf("%d files, %s", len(files), http.DetectContentType(files["manifest.json"])), nil
}

func (p *plugin) leave(context.Context) (string, error) {
	p.guests.leave()
	return fmt.Sprintf("%d guests", len(p.guests)), nil
}
