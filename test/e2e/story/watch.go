// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package story

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	promv1 "github.com/prometheus/client_golang/api/prometheus/v1"
	"github.com/prometheus/common/model"
	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/wsgateway/websocket-gateway-operator/test/promserver"
)

// Outlook is what the chapter about monitoring needs of the machine.
type Outlook struct {
	// Rendered is the chart with its monitors, alerts and dashboards.
	Rendered []byte
	// Folder is a place for the files of Prometheus; Pictures one for those of the
	// dashboards, empty for none.
	Folder, Pictures string
	// Node runs a command on the node, among its file systems.
	Node func(ctx context.Context, args ...string) error
	// All is true when the other chapters have been told in between, so that there
	// is traffic of every kind.
	All bool
}

// patienceDivisor shortens how long the chart's alerts wait before they fire: ten
// minutes become ten seconds. Nothing else about them is changed.
const patienceDivisor = 60

// watch is the chapter about monitoring: a real Prometheus that scrapes what the
// chart's monitors select, and evaluates the chart's alerts.
type watch struct {
	world   *World
	outlook Outlook
	chart   *promserver.Chart
	server  *promserver.Server
	// stop ends the search for targets, lost says why it went wrong.
	stop context.CancelFunc
	done chan struct{}

	alarm alarm
}

// Watch is the chapter in two parts: what breaks in the first takes more than five
// minutes to become an alert, in which other chapters have their time. close ends
// what it has started; it may be called at any time.
func (w *World) Watch(outlook Outlook) (begin, end []Step, stop func()) {
	c := &watch{world: w, outlook: outlook, stop: func() {}}
	c.alarm = alarm{world: w, node: outlook.Node}
	begin = []Step{
		{"A real Prometheus scrapes what the chart's monitors select, and has the chart's alerts", c.begins},
		{"An issuer stops issuing, and a pod does not get a new certificate", c.alarm.breaks},
	}
	end = []Step{
		{"WSGatewayCertificateNotRenewed fires for the listener whose issuer stopped, and no other", c.notRenewed},
		{"WSGatewayCertificateStale fires for the listener of which a pod serves the old certificate", c.stale},
		{"Every query of the dashboards is answered", c.dashboards},
		{"These alerts end when the issuer is repaired and the pod replaced", c.repaired},
	}
	return begin, end, c.close
}

func (c *watch) close() {
	c.stop()
	if c.done != nil {
		<-c.done
	}
	if c.server != nil {
		c.server.Stop()
		c.server = nil
	}
}

// readerOfMetrics is the account of Prometheus. It may read the operator's metrics
// and nothing else, since it finds its targets in files.
const readerOfMetrics = `
apiVersion: v1
kind: Namespace
metadata: {name: monitoring}
---
apiVersion: v1
kind: ServiceAccount
metadata: {name: prometheus, namespace: monitoring}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: prometheus-of-story}
rules:
- {nonResourceURLs: [/metrics], verbs: [get]}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: prometheus-of-story}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: prometheus-of-story}
subjects: [{kind: ServiceAccount, name: prometheus, namespace: monitoring}]
`

func (c *watch) begins(ctx context.Context) (string, error) {
	var err error
	if c.chart, err = promserver.Read(c.outlook.Rendered); err != nil {
		return "", err
	}
	if err := c.world.applyAll(ctx, []byte(readerOfMetrics)); err != nil {
		return "", err
	}
	files := promserver.FilesIn(c.outlook.Folder)
	if err := errors.Join(c.token(ctx, files.Token), c.findTargets(ctx)); err != nil {
		return "", err
	}
	config, err := c.chart.Config(files)
	if err != nil {
		return "", err
	}
	rules, err := c.chart.Rules(patienceDivisor)
	if err != nil {
		return "", err
	}
	if c.server, err = promserver.Start(ctx, c.outlook.Folder, config, rules); err != nil {
		return "", err
	}
	c.follow(ctx)
	var targets int
	err = until(ctx, startPatience, func(ctx context.Context) error {
		targets, err = c.allUp(ctx)
		return err
	})
	return fmt.Sprintf("%d targets", targets), err
}

// token writes that of the account, for longer than the story lasts.
func (c *watch) token(ctx context.Context, file string) error {
	request := &authenticationv1.TokenRequest{Spec: authenticationv1.TokenRequestSpec{ExpirationSeconds: new(int64(4 * 3600))}}
	answer, err := c.world.Clientset.CoreV1().ServiceAccounts("monitoring").CreateToken(ctx, "prometheus", request, metav1.CreateOptions{})
	if err != nil {
		return fmt.Errorf("make a token for Prometheus: %w", err)
	}
	return os.WriteFile(file, []byte(answer.Status.Token), 0o600)
}

// findTargets writes the files of targets from what is in the cluster now.
func (c *watch) findTargets(ctx context.Context) error {
	var pods corev1.PodList
	var services corev1.ServiceList
	var slices discoveryv1.EndpointSliceList
	kube := c.world.Client
	if err := errors.Join(kube.List(ctx, &pods), kube.List(ctx, &services), kube.List(ctx, &slices)); err != nil {
		return fmt.Errorf("look for targets: %w", err)
	}
	ofPods, err := promserver.PodTargets(pods.Items)
	if err != nil {
		return err
	}
	ofServices, err := promserver.ServiceTargets(services.Items, slices.Items)
	if err != nil {
		return err
	}
	files := promserver.FilesIn(c.outlook.Folder)
	return errors.Join(replace(files.Pods, ofPods), replace(files.Services, ofServices))
}

// replace writes a file at once, so that nobody reads half of it, and only if it
// is another.
func replace(file string, content []byte) error {
	if before, err := os.ReadFile(file); err == nil && string(before) == string(content) {
		return nil
	}
	if err := os.WriteFile(file+".new", content, 0o600); err != nil {
		return err
	}
	return os.Rename(file+".new", file)
}

// follow keeps the targets those of the cluster until the chapter is closed.
func (c *watch) follow(ctx context.Context) {
	ctx, c.stop = context.WithCancel(context.WithoutCancel(ctx))
	c.done = make(chan struct{})
	go func() {
		defer close(c.done)
		for sleep(ctx, time.Second) == nil {
			// What is missed now is found a second later.
			_ = c.findTargets(ctx)
		}
	}()
}

// allUp fails while a pod of the quick start or the operator is not scraped.
func (c *watch) allUp(ctx context.Context) (int, error) {
	found, err := c.server.API.Targets(ctx)
	if err != nil {
		return 0, fmt.Errorf("ask Prometheus for its targets: %w", err)
	}
	up := map[string]bool{}
	for i := range found.Active {
		target := &found.Active[i]
		if target.Health != promv1.HealthGood {
			return 0, fmt.Errorf("target %s is %s: %s", target.ScrapeURL, target.Health, target.LastError)
		}
		up[string(target.Labels["pod"])] = true
	}
	for namespace, labels := range map[string]map[string]string{Namespace: ofGateway(Gateway), OperatorSpace: operatorLabels()} {
		pods, err := c.world.pods(ctx, namespace, labels)
		if err != nil {
			return 0, err
		}
		for i := range pods {
			if !up[pods[i].Name] {
				return 0, fmt.Errorf("pod %s is no target: see the selectors of the monitors", pods[i].Name)
			}
		}
	}
	return len(found.Active), nil
}

// firing are the labels of the alerts of a name that fire, without its own name.
func (c *watch) firing(ctx context.Context, name string) ([]string, error) {
	found, err := c.server.API.Alerts(ctx)
	if err != nil {
		return nil, fmt.Errorf("ask Prometheus for alerts: %w", err)
	}
	var labels []string
	for i := range found.Alerts {
		alert := &found.Alerts[i]
		if string(alert.Labels[model.AlertNameLabel]) != name || alert.State != promv1.AlertStateFiring {
			continue
		}
		rest := alert.Labels.Clone()
		delete(rest, model.AlertNameLabel)
		labels = append(labels, rest.String())
	}
	slices.Sort(labels)
	return labels, nil
}

// fires waits until exactly these alerts of a name fire.
func (c *watch) fires(ctx context.Context, limit time.Duration, name string, want ...string) error {
	return until(ctx, limit, func(ctx context.Context) error {
		got, err := c.firing(ctx, name)
		if err != nil {
			return err
		}
		if !slices.Equal(got, want) {
			// Rules are evaluated every two seconds; asking more often is of no use.
			_ = sleep(ctx, 500*time.Millisecond)
			return fmt.Errorf("%s fires for [%s], want [%s]", name, strings.Join(got, " "), strings.Join(want, " "))
		}
		return nil
	})
}

func (c *watch) picture(name string) string {
	return filepath.Join(c.outlook.Pictures, "dashboard-"+name+".png")
}
