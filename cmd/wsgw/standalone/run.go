// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package standalone

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	wsv1alpha1 "github.com/wsgateway/websocket-gateway-operator/api/v1alpha1"
	"github.com/wsgateway/websocket-gateway-operator/cmd/wsgw/manifest"
	"github.com/wsgateway/websocket-gateway-operator/gateway"
	"github.com/wsgateway/websocket-gateway-operator/gateway/contract"
)

// bindHost keeps a gateway that somebody tries out from the network.
const bindHost = "127.0.0.1"

// renewEvery is how often certificates are looked at: the shortest that a spec
// can ask for live an hour.
const renewEvery = time.Minute

// Options says what to run and where.
type Options struct {
	// Files are files and folders, or manifest.Stdin.
	Files []string
	// Ports replaces the port that a listener binds, by its name; 0 is any.
	Ports    map[string]int32
	Backends []Backend
	// State is the folder for certificates and files; empty means one that is
	// removed at the end.
	State string
	// Admin is HOST:PORT of the admin port; empty means none.
	Admin string
	// ControlPort on the loopback interface is the control port, 0 for any free one;
	// nil means none.
	ControlPort *int32
	// AuditFolder is where the sink file of the gateway writes; empty means nowhere.
	AuditFolder string

	Stdin io.Reader
	// Out receives the line that says ready, and the audit records.
	Out    io.Writer
	Logger *slog.Logger
	Now    func() time.Time
	// Version of this program, for the status page.
	Version string
}

// control is the address of the control port; empty for none.
func (o *Options) control() string {
	if o.ControlPort == nil {
		return ""
	}
	return net.JoinHostPort(bindHost, strconv.Itoa(int(*o.ControlPort)))
}

// UnknownListenerError means that Options.Ports names a listener that the gateway
// does not have.
type UnknownListenerError struct {
	Name string
	Have []string
}

// Error names the listeners that there are.
func (e *UnknownListenerError) Error() string {
	return fmt.Sprintf("there is no listener %q for --port: the gateway has %s", e.Name, strings.Join(e.Have, ", "))
}

// Run serves until ctx is done, and then drains. Its error says why it could not
// begin.
func Run(ctx context.Context, o Options) error {
	r := &runner{options: o}
	first, err := r.begin(ctx)
	if err != nil {
		return err
	}
	state, closeState, err := openState(o.State, o.Now)
	if err != nil {
		return err
	}
	r.state = state
	if o.State == "" {
		o.Logger.InfoContext(ctx, "clients find the CA here, until the end", "file", filepath.Join(state.folder, caCertificateFile))
	}
	return errors.Join(r.serve(ctx, first), closeState())
}

// runner is one run.
type runner struct {
	options Options
	planner planner
	state   *state
	// window is the drain window of the first plan, as pods have it.
	window time.Duration

	// mu guards the fields below.
	mu       sync.Mutex
	contents []manifest.Content
	current  *plan
	// refused is what was said last of an edit, so as not to repeat it.
	refused string
}

func (r *runner) begin(ctx context.Context) (*plan, error) {
	schema, err := manifest.NewSchema()
	if err != nil {
		return nil, err
	}
	revoking, err := manifest.NewRevocationSchema()
	if err != nil {
		return nil, err
	}
	routing, err := manifest.NewRouteSchema()
	if err != nil {
		return nil, err
	}
	backends, err := resolveBackends(ctx, r.options.Backends)
	if err != nil {
		return nil, err
	}
	r.planner = planner{schema: schema, revoking: revoking, routing: routing, backends: backends, now: r.options.Now}
	if r.contents, err = manifest.ReadFiles(r.options.Files, r.options.Stdin); err != nil {
		return nil, err
	}
	first, err := r.planner.plan(ctx, r.contents)
	if err != nil {
		return nil, err
	}
	if err := checkPorts(r.options.Ports, first.gateway); err != nil {
		return nil, err
	}
	r.planner.gateway = first.config.Gateway
	r.window = drainWindow(first.gateway)
	return first, nil
}

func checkPorts(ports map[string]int32, gw *wsv1alpha1.WebSocketGateway) error {
	have := make([]string, 0, len(gw.Spec.Listeners))
	for i := range gw.Spec.Listeners {
		have = append(have, gw.Spec.Listeners[i].Name)
	}
	for _, name := range slices.Sorted(maps.Keys(ports)) {
		if !slices.Contains(have, name) {
			return &UnknownListenerError{Name: name, Have: have}
		}
	}
	return nil
}

func (r *runner) serve(ctx context.Context, first *plan) error {
	if err := r.use(ctx, first); err != nil {
		return err
	}
	out := &lines{to: r.options.Out}
	watching, stop := context.WithCancel(ctx)
	var background sync.WaitGroup
	background.Go(func() { r.renew(watching) })
	background.Go(func() {
		if err := watch(watching, r.options.Files, func() { r.reload(watching) }); err != nil {
			r.options.Logger.ErrorContext(ctx, "edits of the files will not be noticed", "error", err)
		}
	})
	err := gateway.Run(ctx, gateway.Options{
		Root:         r.state.folder,
		BindHost:     bindHost,
		BindPorts:    r.options.Ports,
		AdminAddress: r.options.Admin,
		// Whoever reaches it may end connections: it is not for the network.
		ControlAddress: r.options.control(),
		AllowLoopback:  true,
		DrainWindow:    r.window,
		// No load balancer has to learn that we leave.
		AcceptAfterStop: -1,
		Gateway:         first.config.Gateway,
		PodName:         "wsgw",
		Version:         r.options.Version,
		Audit:           out,
		AuditFolder:     r.options.AuditFolder,
		Logger:          r.options.Logger,
		OnReady:         func(addresses map[string]string) { out.ready(ctx, addresses, r.options.Logger) },
	})
	stop()
	background.Wait()
	return err
}

func drainWindow(gw *wsv1alpha1.WebSocketGateway) time.Duration {
	if gw.Spec.Lifecycle == nil || gw.Spec.Lifecycle.Drain == nil || gw.Spec.Lifecycle.Drain.Window == nil {
		return contract.DefaultDrainWindow
	}
	return gw.Spec.Lifecycle.Drain.Window.Duration
}

// use puts a plan into force.
func (r *runner) use(ctx context.Context, p *plan) error {
	if err := r.state.write(p); err != nil {
		return err
	}
	for _, problem := range p.problems {
		r.options.Logger.WarnContext(ctx, "a part of the gateway is not served as written",
			"at", problem.Position, "field", problem.Field, "problem", problem.Message)
	}
	for _, backend := range p.unused {
		r.options.Logger.WarnContext(ctx, "no route asks for this backend", "backend", backend)
	}
	r.current = p
	r.planner.previous = &p.config
	return nil
}

// reload puts an edit into force; one that cannot be used changes nothing.
func (r *runner) reload(ctx context.Context) {
	r.mu.Lock()
	defer r.mu.Unlock()
	contents, err := r.read()
	if err == nil && slices.EqualFunc(contents, r.contents, sameContent) {
		r.refused = ""
		return
	}
	var next *plan
	if err == nil {
		next, err = r.planner.plan(ctx, contents)
	}
	if err == nil {
		err = r.use(ctx, next)
	}
	if err != nil {
		if r.refused != err.Error() {
			r.options.Logger.ErrorContext(ctx, "the edit is refused and the old state serves on", "reason", err.Error())
		}
		r.refused = err.Error()
		return
	}
	if window := drainWindow(next.gateway); window != r.window {
		r.options.Logger.WarnContext(ctx, "another drain window begins with the next start", "window", window, "in_force", r.window)
	}
	r.contents, r.refused = contents, ""
	r.options.Logger.InfoContext(ctx, "the edit is in force", "config", contract.Digest(next.files[contract.ConfigFile]))
}

// read reads the files again; standard input stays what it was.
func (r *runner) read() ([]manifest.Content, error) {
	var stdin []byte
	for _, content := range r.contents {
		if content.File == manifest.Stdin {
			stdin = content.Text
		}
	}
	return manifest.ReadFiles(r.options.Files, bytes.NewReader(stdin))
}

func sameContent(a, b manifest.Content) bool {
	return a.File == b.File && bytes.Equal(a.Text, b.Text)
}

// renew replaces certificates before they expire.
func (r *runner) renew(ctx context.Context) {
	ticker := time.NewTicker(renewEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		r.mu.Lock()
		err := r.state.write(r.current)
		r.mu.Unlock()
		if err != nil {
			r.options.Logger.ErrorContext(ctx, "the certificates could not be renewed", "error", err)
		}
	}
}

// lines lets several writers write whole lines. It may be used concurrently.
type lines struct {
	mu sync.Mutex
	to io.Writer
}

// Write writes what is a number of whole lines.
func (l *lines) Write(text []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.to.Write(text)
}

// ready writes "ready" and NAME=ADDRESS for each port.
func (l *lines) ready(ctx context.Context, addresses map[string]string, logger *slog.Logger) {
	var line strings.Builder
	line.WriteString("ready")
	for _, name := range slices.Sorted(maps.Keys(addresses)) {
		fmt.Fprintf(&line, " %s=%s", strings.TrimPrefix(name, ":"), addresses[name])
	}
	line.WriteString("\n")
	if _, err := l.Write([]byte(line.String())); err != nil {
		logger.ErrorContext(ctx, "standard output cannot be written", "error", err)
	}
}
