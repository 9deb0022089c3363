// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package story

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

const (
	// releaseName is that under which hack/demo installs the chart.
	releaseName = "wsgateway"
	// connectionsThroughReleases live through all that Helm does, and talk
	// meanwhile.
	connectionsThroughReleases = 500
	pauseThroughReleases       = 500 * time.Millisecond
	// steadyRelease is the version of the package that is installed, and
	// nextRelease that of the one that it is upgraded to.
	steadyRelease = "0.1.0"
	nextRelease   = "0.1.1"
)

// Helm is what ReleaseSteps works with.
type Helm struct {
	// Programs are paths of Helm, of different versions. The first one has made the
	// release that is there, and makes the one that is left in the end.
	Programs []string
	// Chart is the folder of the chart, Folder one for packages.
	Chart, Folder string
	Kubeconfig    string
}

// releases goes through the life of a release while connections are open.
type releases struct {
	*World
	helm  Helm
	load  *load
	first []string // UIDs of the gateway's pods
	// images are the arguments that name the images that the node has.
	images []string
}

// ReleaseSteps installs, upgrades, rolls back and uninstalls the packaged chart, by
// each version of Helm, under connections that none of this may close: the operator
// comes and goes, and what it has made serves on.
func (w *World) ReleaseSteps(helm Helm) []Step {
	r := &releases{World: w, helm: helm}
	steps := []Step{
		{fmt.Sprintf("%d connections are open", connectionsThroughReleases), r.begins},
		{"The API server understands the policies on the operator", r.policiesAreUnderstood},
		{"helm uninstall leaves the gateways", r.by(helm.Programs[0], r.uninstall)},
	}
	for _, program := range helm.Programs {
		name := filepath.Base(program)
		steps = append(
			steps,
			Step{name + " install takes them up again", r.by(program, r.install)},
			Step{name + " upgrade, to a standby and another version", r.by(program, r.upgrade)},
			Step{name + " rollback", r.by(program, r.rollback)},
			Step{name + " uninstall", r.by(program, r.uninstall)},
		)
	}
	return append(
		steps,
		Step{"The release is installed again", r.by(helm.Programs[0], r.install)},
		Step{"No connection was closed, no message lost, no pod replaced", r.ends},
	)
}

func (r *releases) begins(ctx context.Context) (string, error) {
	if _, err := r.becomesReady(ctx); err != nil {
		return "", err
	}
	operator := &appsv1.Deployment{}
	key := client.ObjectKey{Namespace: OperatorSpace, Name: releaseName + "-websocket-gateway-operator"}
	if err := r.Client.Get(ctx, key, operator); err != nil {
		return "", fmt.Errorf("get the operator's Deployment: %w", err)
	}
	_, tag, found := strings.Cut(operator.Spec.Template.Spec.Containers[0].Image, ":")
	if !found {
		return "", fmt.Errorf("the operator's image %s has no tag", operator.Spec.Template.Spec.Containers[0].Image)
	}
	for _, part := range []string{"controller", "gateway"} {
		r.images = append(r.images, "--set", part+".image.tag="+tag+","+part+".image.pullPolicy=Never")
	}
	for _, version := range []string{steadyRelease, nextRelease} {
		if err := r.run(ctx, r.helm.Programs[0], "package", r.helm.Chart, "--version", version, "--destination", r.helm.Folder); err != nil {
			return "", err
		}
	}
	var err error
	if r.first, err = r.gatewayPodUIDs(ctx); err != nil {
		return "", err
	}
	r.load, err = r.startLoadEvery(ctx, connectionsThroughReleases, pauseThroughReleases)
	return fmt.Sprintf("on %d pods; packages %s and %s", len(r.first), steadyRelease, nextRelease), err
}

// policiesAreUnderstood reads what the controller manager, which checks the types in
// the policies' expressions, says of them.
func (r *releases) policiesAreUnderstood(ctx context.Context) (string, error) {
	var found admissionregistrationv1.ValidatingAdmissionPolicyList
	if err := until(ctx, time.Minute, func(ctx context.Context) error {
		if err := r.Client.List(ctx, &found); err != nil {
			return fmt.Errorf("list policies: %w", err)
		}
		for i := range found.Items {
			policy := &found.Items[i]
			if policy.Status.ObservedGeneration < policy.Generation || policy.Status.TypeChecking == nil {
				return fmt.Errorf("policy %s has not been checked", policy.Name)
			}
			for _, warning := range policy.Status.TypeChecking.ExpressionWarnings {
				return fmt.Errorf("policy %s, %s: %s", policy.Name, warning.FieldRef, warning.Warning)
			}
		}
		return nil
	}); err != nil {
		return "", err
	}
	if len(found.Items) == 0 {
		return "", errors.New("there is no policy")
	}
	return fmt.Sprintf("%d policies, no warning", len(found.Items)), nil
}

// by runs one command of Helm and tells what it has cost.
func (r *releases) by(program string, act func(ctx context.Context, program string) error) func(context.Context) (string, error) {
	return func(ctx context.Context) (string, error) {
		before, started := r.load.echoed.Load(), time.Now()
		if err := act(ctx, program); err != nil {
			return "", err
		}
		took := time.Since(started)
		// A connection that was cut is found by its next message.
		if err := until(ctx, time.Minute, func(context.Context) error {
			if r.load.echoed.Load()-before < 2*connectionsThroughReleases {
				return errors.New("the connections do not talk")
			}
			return nil
		}); err != nil {
			return "", err
		}
		closed := r.load.closed()
		if len(closed) > 0 {
			return "", fmt.Errorf("%d connections closed: %w", len(closed), closed[0])
		}
		return fmt.Sprintf("%s, %d of %d connections closed", took.Round(100*time.Millisecond), len(closed), connectionsThroughReleases), nil
	}
}

func (r *releases) install(ctx context.Context, program string) error {
	args := append([]string{"install", releaseName, r.archive(steadyRelease), "--wait", "--timeout", "3m"}, r.images...)
	if err := r.run(ctx, program, args...); err != nil {
		return err
	}
	return r.operatorWorks(ctx)
}

func (r *releases) upgrade(ctx context.Context, program string) error {
	args := append([]string{
		"upgrade", releaseName, r.archive(nextRelease), "--wait", "--timeout", "3m",
		"--set", "controller.replicas=2,controller.logLevel=debug",
	}, r.images...)
	if err := r.run(ctx, program, args...); err != nil {
		return err
	}
	return r.operatorWorks(ctx)
}

func (r *releases) rollback(ctx context.Context, program string) error {
	if err := r.run(ctx, program, "rollback", releaseName, "1", "--wait", "--timeout", "3m"); err != nil {
		return err
	}
	return r.operatorWorks(ctx)
}

func (r *releases) uninstall(ctx context.Context, program string) error {
	if err := r.run(ctx, program, "uninstall", releaseName, "--wait", "--timeout", "3m"); err != nil {
		return err
	}
	pods, err := r.pods(ctx, OperatorSpace, operatorLabels())
	if err != nil || len(pods) > 0 {
		return errors.Join(err, fmt.Errorf("%d operators are left", len(pods)))
	}
	if _, err := r.Gateway(ctx); err != nil {
		return fmt.Errorf("what shall stay is gone: %w", err)
	}
	return nil
}

// operatorWorks has the new operator do something, which takes it until it holds the
// lease.
func (r *releases) operatorWorks(ctx context.Context) error {
	if err := r.addRoute(ctx); err != nil {
		return fmt.Errorf("the operator does not work: %w", err)
	}
	return r.removeRoute(ctx)
}

func (r *releases) ends(ctx context.Context) (string, error) {
	r.load.finish()
	result, err := r.load.unharmed()
	if err != nil {
		return "", err
	}
	last, err := r.gatewayPodUIDs(ctx)
	if err != nil {
		return "", err
	}
	if !slices.Equal(r.first, last) {
		return "", fmt.Errorf("the gateway's pods were %v and are %v", r.first, last)
	}
	return result, nil
}

func (r *releases) gatewayPodUIDs(ctx context.Context) ([]string, error) {
	pods, err := r.GatewayPods(ctx)
	if err != nil {
		return nil, err
	}
	var found []string
	for i := range pods {
		restarts := slices.ContainsFunc(pods[i].Status.ContainerStatuses, func(s corev1.ContainerStatus) bool { return s.RestartCount > 0 })
		if restarts {
			return nil, fmt.Errorf("pod %s has restarted", pods[i].Name)
		}
		found = append(found, string(pods[i].UID))
	}
	slices.Sort(found)
	return found, nil
}

func (r *releases) archive(version string) string {
	return filepath.Join(r.helm.Folder, "websocket-gateway-operator-"+version+".tgz")
}

func (r *releases) run(ctx context.Context, program string, args ...string) error {
	command := exec.CommandContext(ctx, program, append(args, "--kubeconfig", r.helm.Kubeconfig, "--namespace", OperatorSpace)...)
	if out, err := command.CombinedOutput(); err != nil {
		return fmt.Errorf("%s %s: %w: %s", filepath.Base(program), strings.Join(args, " "), err, out)
	}
	return nil
}
