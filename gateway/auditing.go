// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package gateway

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/wsgateway/websocket-gateway-operator/gateway/audit"
	"github.com/wsgateway/websocket-gateway-operator/gateway/audit/rotated"
	"github.com/wsgateway/websocket-gateway-operator/gateway/certs"
	"github.com/wsgateway/websocket-gateway-operator/gateway/contract"
	"github.com/wsgateway/websocket-gateway-operator/gateway/secret"
)

// The sinks of audit records, as metrics and records call them.
const (
	sinkStdout = "stdout"
	sinkFile   = "file"
	sinkOTLP   = "otlp"
)

// auditFileName is the file that is written in the folder for audit records.
const auditFileName = "audit.log"

// auditing keeps the sinks of the audit log, and what records leave out, in line
// with the configuration. But where it says otherwise, only reload uses it.
type auditing struct {
	options *Options
	log     *audit.Log
	bootID  string
	stdout  io.Writer
	dial    dialing

	file      *rotated.File
	fileSpec  rotated.Options
	collector *collector
	// endpoints of the file as it was read last.
	endpoints contract.Endpoints
	// hashKey is the last good one, of hashPlace.
	hashKey   secret.Text
	hashPlace contract.SecretKey

	// refuses is read by every handshake.
	refuses atomic.Bool
	// mu guards problems, which the report asks for.
	mu       sync.Mutex
	problems []contract.ReportProblem
}

// dialing connects to an address of endpoints.json.
type dialing func(ctx context.Context, address string) (net.Conn, error)

// asWriter makes an io.Writer of any type one that can be compared.
type asWriter struct{ io.Writer }

// newAuditing starts the log with standard output, which has what happens until
// there is a configuration.
func newAuditing(o *Options, bootID string, dial dialing) *auditing {
	a := &auditing{options: o, bootID: bootID, dial: dial, stdout: &asWriter{o.Audit}}
	a.log = audit.New(audit.Options{
		Sinks: []audit.Sink{a.standard()}, Gateway: o.Gateway, Pod: o.PodName, BootID: bootID, Now: o.Now,
	})
	return a
}

func (a *auditing) standard() audit.Sink {
	return audit.Sink{Name: sinkStdout, Out: a.stdout, Linger: audit.DefaultLinger, Rest: audit.DefaultRest}
}

// apply brings a configuration into force.
func (a *auditing) apply(config *contract.Config, files certs.Files) {
	wanted := config.Audit
	if wanted == nil {
		wanted = &contract.Audit{}
	}
	var problems []contract.ReportProblem
	note := func(p *contract.ReportProblem) {
		if p != nil {
			problems = append(problems, *p)
		}
	}
	var sinks []audit.Sink
	if !wanted.WithoutStdout {
		sinks = append(sinks, a.standard())
	}
	if sink, problem := a.fileSink(wanted.File); problem == nil && wanted.File != nil {
		sinks = append(sinks, sink)
	} else {
		note(problem)
	}
	if wanted.OTLP != nil {
		sink, problem := a.otlpSink(config, files)
		if sink.Out != nil {
			sinks = append(sinks, sink)
		}
		note(problem)
	} else {
		a.collector = nil
	}
	if len(sinks) == 0 {
		// Better at the wrong place than nowhere.
		sinks = append(sinks, a.standard())
	}
	privacy, problem := a.privacy(wanted, files)
	note(problem)
	a.log.SetPrivacy(privacy)
	a.log.Apply(sinks)
	a.refuses.Store(wanted.RefuseOverflow)
	a.mu.Lock()
	defer a.mu.Unlock()
	a.tell(problems)
	a.problems = problems
}

// tell logs what is new.
func (a *auditing) tell(problems []contract.ReportProblem) {
	for i := range problems {
		if p := &problems[i]; !slices.Contains(a.problems, *p) {
			a.options.Logger.Error("audit records cannot be written as they should", "part", p.Audit, "problem", p.Message)
		}
	}
}

// full tells whether newcomers are refused because they could not be recorded. It
// is safe for concurrent use.
func (a *auditing) full() bool { return a.refuses.Load() && a.log.Overloaded() }

// troubled tells whether the files should be looked at again.
func (a *auditing) troubled() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return len(a.problems) > 0
}

// report lists what is wrong now. It is safe for concurrent use.
func (a *auditing) report() []contract.ReportProblem {
	a.mu.Lock()
	found := slices.Clone(a.problems)
	a.mu.Unlock()
	for _, problem := range a.log.Problems() {
		found = append(found, contract.ReportProblem{
			Audit: "sinks." + problem.Sink, Reason: contract.ProblemAuditSinkFailing,
			Message: problem.Message + ": records wait, and are lost beyond those",
		})
	}
	return found
}

func (a *auditing) fileSink(wanted *contract.AuditFile) (audit.Sink, *contract.ReportProblem) {
	if wanted == nil {
		a.file = nil
		return audit.Sink{}, nil
	}
	if a.options.AuditFolder == "" {
		return audit.Sink{}, &contract.ReportProblem{
			Audit: contract.AuditFileSink, Reason: contract.ProblemAuditSinkFailing,
			Message: "this process has no folder for the file: the next pods get one",
		}
	}
	spec := rotated.Options{
		Folder: a.options.AuditFolder, Name: auditFileName, MaxBytes: wanted.Bytes(), MaxFiles: int(wanted.Files()),
	}
	if a.file == nil || a.fileSpec != spec {
		a.file, a.fileSpec = rotated.New(spec), spec
	}
	file := a.file
	return audit.Sink{Name: sinkFile, Out: file, Linger: audit.DefaultLinger, Rest: audit.DefaultRest, Close: func() { _ = file.Close() }}, nil
}

func (a *auditing) privacy(wanted *contract.Audit, files certs.Files) (*audit.Privacy, *contract.ReportProblem) {
	if wanted.HashKey == nil {
		a.hashKey, a.hashPlace = secret.Text{}, contract.SecretKey{}
		if !wanted.TruncateAddresses {
			return nil, nil //nolint:nilnil // nothing is left out
		}
		return audit.NewPrivacy(false, secret.Text{}, true), nil
	}
	if *wanted.HashKey != a.hashPlace {
		a.hashKey, a.hashPlace = secret.Text{}, *wanted.HashKey
	}
	key, problem := readHashKey(wanted.HashKey, files)
	if problem == nil {
		a.hashKey = key
	} else {
		problem.Serving = !a.hashKey.Empty()
	}
	return audit.NewPrivacy(true, a.hashKey, wanted.TruncateAddresses), problem
}

func readHashKey(from *contract.SecretKey, files certs.Files) (secret.Text, *contract.ReportProblem) {
	content, err := files.Read(from.Secret, from.Key)
	if err != nil {
		return secret.Text{}, missing(contract.AuditIdentities, from.Secret, from.Key, files, err)
	}
	if len(content) < contract.MinHashKeyBytes || len(content) > contract.MaxHashKeyBytes {
		return secret.Text{}, &contract.ReportProblem{
			Audit: contract.AuditIdentities, Reason: contract.ProblemSecretInvalid, Secret: from.Secret, Key: from.Key,
			Message: fmt.Sprintf("the key of the hash has %d bytes, not %d to %d",
				len(content), contract.MinHashKeyBytes, contract.MaxHashKeyBytes),
		}
	}
	return secret.New(string(content)), nil
}

// missing says which part of a Secret is not there.
func missing(part, name, key string, files certs.Files, err error) *contract.ReportProblem {
	problem := &contract.ReportProblem{Audit: part, Reason: contract.ProblemSecretInvalid, Secret: name, Key: key}
	keys, listErr := files.List(name)
	switch {
	case !errors.Is(err, fs.ErrNotExist):
		problem.Message = fmt.Sprintf("Secret %q cannot be read: %v", name, err)
	case listErr != nil || len(keys) == 0:
		problem.Reason = contract.ProblemSecretNotFound
		problem.Message = fmt.Sprintf("Secret %q does not exist or is not mounted yet", name)
	default:
		problem.Reason = contract.ProblemSecretKeyNotFound
		problem.Message = fmt.Sprintf("Secret %q has no key %q", name, key)
	}
	return problem
}
