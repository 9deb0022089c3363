// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package gateway

import (
	"cmp"
	"crypto/sha256"
	"net/netip"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/wsgateway/websocket-gateway-operator/gateway/audit"
	"github.com/wsgateway/websocket-gateway-operator/gateway/authn"
	"github.com/wsgateway/websocket-gateway-operator/gateway/authn/external"
	"github.com/wsgateway/websocket-gateway-operator/gateway/contract"
	"github.com/wsgateway/websocket-gateway-operator/gateway/handshake"
	"github.com/wsgateway/websocket-gateway-operator/gateway/limits"
	"github.com/wsgateway/websocket-gateway-operator/gateway/listener"
	"github.com/wsgateway/websocket-gateway-operator/gateway/metrics"
	"github.com/wsgateway/websocket-gateway-operator/gateway/outcome"
	"github.com/wsgateway/websocket-gateway-operator/gateway/proxy"
	"github.com/wsgateway/websocket-gateway-operator/gateway/revalidation"
	"github.com/wsgateway/websocket-gateway-operator/gateway/session"
	"github.com/wsgateway/websocket-gateway-operator/gateway/tracing"
)

// unknownVersion is said of a gateway that was not told its release.
const unknownVersion = "unknown"

// server is the parts of one running gateway.
type server struct {
	options Options
	bootID  string

	metrics *metrics.Set
	audit   *audit.Log
	monitors
	signing signing
	// auditing says where audit goes.
	auditing *auditing
	keySets  *authn.KeySets
	// authorizers ask authorization servers.
	authorizers *external.Clients
	slots       *limits.Connections
	// perAddress and perIdentity count the connections of each client.
	perAddress  limits.Each[netip.Prefix]
	perIdentity limits.Each[person]
	// pace and paces count the handshakes of the pod and of each client,
	// failures those in a row of each client that a bad credential ended.
	pace     limits.Rate
	paces    limits.Rates
	failures limits.Backoff
	// turns are those of TLS handshakes that compute.
	turns   *limits.Turns
	sockets *listener.Sockets
	pool    *proxy.Pool
	relay   proxy.Relay
	// frames is the relay of routes that ask for it.
	frames   *proxy.Loops
	sessions *session.Registry
	door     *handshake.Door
	accounts accounts
	sweeper  sweeper
	review   review
	lockouts lockouts
	// retreat is the drain that an administrator asked for, errands what else
	// they did.
	retreat retreat
	errands errands
	// revalidations are the connections about which they are asked.
	revalidations *revalidation.Plan[*session.Session]
	// ruling is held while an open connection is judged and that comes into force,
	// so that of two verdicts the one by newer rules is the last.
	ruling sync.Mutex
	// tracer is nil where nothing is traced; leaving are those that still send what
	// they have.
	tracer  atomic.Pointer[tracing.Tracer]
	leaving sync.WaitGroup

	// current is nil until the first configuration is in force.
	current atomic.Pointer[snapshot]
	files   *fileStates
	changes changes
	// endpoints are those in force. Only reload uses them.
	endpoints contract.Endpoints
	// lockout is what revocations.json says. Only reload uses it.
	lockout lockout
	// lastTree is what the snapshot in force was built from. Only reload, which
	// runs in one goroutine, uses it.
	lastTree [sha256.Size]byte

	startedAt   time.Time
	connections atomic.Uint64
	// churn counts the connections that were opened and those that have ended.
	churn atomic.Uint64
	// asking counts the callers whose request has no answer yet.
	asking atomic.Int64
	// stopping makes the pod unready, draining refuses newcomers.
	stopping atomic.Bool
	draining atomic.Bool

	mu sync.Mutex
	// unbound says why a socket, by its name, could not be opened.
	unbound map[string]error
	// untraced is what is wrong with the headers of the tracing collector.
	untraced *contract.ReportProblem
	ready    sync.Once
	// extra are the addresses of the admin and the control port.
	extra map[string]string
}

func newServer(o Options, own []netip.Addr) *server {
	s := &server{
		options: o,
		bootID:  newBootID(),

		startedAt: o.Now(),

		metrics: metrics.New(),
		slots:   limits.NewConnections(limits.MaxConnections(0)),
		turns:   limits.NewTurns(handshakesPerProcessor * runtime.GOMAXPROCS(0)),
		relay:   proxy.NewMessages(proxy.MessagesOptions{Now: o.Now, Random: random}),
		frames:  proxy.NewLoops(proxy.FramesOptions{Now: o.Now, Random: random}),

		sessions:      session.NewRegistry(session.Options{Now: o.Now, Random: random, Wait: o.Wait}),
		revalidations: revalidation.New[*session.Session](o.Now, random, external.MaxOpenQuestions),
		files:         newFileStates(),
		extra:         map[string]string{},
	}
	s.pool = proxy.NewPool(proxy.Options{
		Now: o.Now, Random: random, AllowLoopback: o.AllowLoopback, OwnAddresses: own, DialFailed: s.metrics.UpstreamDialFailed,
	})
	s.auditing = newAuditing(&s.options, s.bootID, s.pool.Dial)
	s.audit = s.auditing.log
	s.monitors = monitors{records: s.audit, figures: s.metrics}
	s.review.wanted = make(chan struct{}, 1)
	s.authorizers = external.New(external.Options{
		Dial: s.pool.Dial, Now: o.Now, Gateway: s.gateway, Logger: o.Logger, Asked: s.asked,
	})
	s.keySets = authn.NewKeySets(authn.KeySetOptions{
		Now: o.Now, Logger: o.Logger, Fetched: s.metrics.KeySetFetched, Changed: s.review.want, Authorizers: s.authorizers,
	})
	s.metrics.Watch(metrics.Sources{
		Audit: s.auditStats, Endpoints: s.pool.Endpoints, MaxConnections: s.slots.Max, HandshakesWaiting: s.turns.Waiting,
		RevalidationLag: s.revalidations.Lag, Loops: s.loopStats,
	})
	s.metrics.Build(cmp.Or(o.Version, unknownVersion))
	s.door = &handshake.Door{
		Upstreams: s.pool, Draining: s.draining.Load, Unrecorded: s.auditing.full, Seat: s.seat, Now: o.Now, Took: s.metrics.Handshake,
		AuthenticateTimeout: handshake.DefaultAuthenticateTimeout, UpstreamTimeout: handshake.DefaultUpstreamTimeout,
	}
	if o.prepared != nil {
		o.prepared(s)
	}
	return s
}

func (s *server) loopStats() metrics.LoopStats {
	stats := s.frames.Stats()
	return metrics.LoopStats{Turns: stats.Turns, Longest: stats.Longest, BuffersFound: stats.BuffersFound}
}

func (s *server) auditStats() []metrics.AuditStats {
	sinks := s.audit.Stats()
	figures := make([]metrics.AuditStats, 0, len(sinks))
	for _, stats := range sinks {
		figures = append(figures, metrics.AuditStats(stats))
	}
	return figures
}

// gateway is the name of what this process is a part of.
func (s *server) gateway() contract.GatewayRef {
	if current := s.current.Load(); current != nil && s.options.Gateway == (contract.GatewayRef{}) {
		return current.config.Gateway
	}
	return s.options.Gateway
}

// asked counts what authorization servers were asked.
func (s *server) asked(q *external.Question, refusal *outcome.Refusal) {
	about, result := metrics.AboutHandshake, metrics.Admitted
	if q.Open != nil {
		about = metrics.AboutConnection
	}
	switch {
	case refusal == nil:
	case revokes(refusal):
		result = metrics.Refused
	default:
		result = metrics.Unanswered
	}
	s.metrics.Authorization(about, result)
}
