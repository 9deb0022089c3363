// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package bench

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"

	"github.com/wsgateway/websocket-gateway-operator/gateway/contract"
)

// haproxyConfig has one thread, and the defaults for buffers. The cipher is the one
// that crypto/tls chooses, which cannot be told otherwise.
const haproxyConfig = `global
    nbthread 1
    maxconn 9500
    hard-stop-after %ds
    ssl-default-bind-options ssl-min-ver TLSv1.2
    ssl-default-bind-ciphersuites TLS_AES_128_GCM_SHA256
defaults
    mode http
    timeout connect 5s
    timeout client 1h
    timeout server 1h
    timeout tunnel 1h
frontend public
    bind %s ssl crt %s alpn http/1.1
    default_backend echo
backend echo
    server one %s
`

const nginxConfig = `worker_processes 1;
worker_rlimit_nofile 19900;
worker_shutdown_timeout %ds;
daemon off;
user root;
pid %[2]s/nginx.pid;
error_log stderr crit;
events { worker_connections 19000; }
http {
    access_log off;
    client_body_temp_path %[2]s/body;
    proxy_temp_path %[2]s/proxy;
    fastcgi_temp_path %[2]s/fastcgi;
    uwsgi_temp_path %[2]s/uwsgi;
    scgi_temp_path %[2]s/scgi;
    server {
        listen %[3]s ssl backlog=4096;
        server_name ws.example.com;
        ssl_certificate %[4]s;
        ssl_certificate_key %[4]s;
        ssl_protocols TLSv1.2 TLSv1.3;
        ssl_conf_command Ciphersuites TLS_AES_128_GCM_SHA256;
        location / {
            proxy_pass http://%[5]s;
            proxy_http_version 1.1;
            proxy_set_header Upgrade $http_upgrade;
            proxy_set_header Connection upgrade;
            proxy_set_header Host $host;
            proxy_read_timeout 1h;
            proxy_send_timeout 1h;
        }
    }
}
`

// lingering is how long the old processes of a reload may go on, in seconds:
// whoever renews certificates sets such a bound, or old processes pile up.
const lingering = 3

func haproxy(ctx context.Context) (*contender, error) {
	version, err := versionOf(ctx, "haproxy", "-v")
	if err != nil {
		return nil, fmt.Errorf("HAProxy: %w; on Debian, as root: apt-get install haproxy", err)
	}
	return &contender{
		name: reference, version: version, settings: "nbthread 1, no log, buffers as they come",
		command: func(s *scene, folder, address string) (*exec.Cmd, error) {
			both, err := s.chain(folder)
			if err != nil {
				return nil, err
			}
			config, err := write(folder, "haproxy.cfg", fmt.Sprintf(haproxyConfig, lingering, address, both, s.backend))
			if err != nil {
				return nil, err
			}
			return exec.CommandContext(s.tb.Context(), "haproxy", "-W", "-f", config), nil
		},
		reload: func(s *scene, folder string, pid int) error {
			_, err := s.chain(folder)
			return errors.Join(err, syscall.Kill(pid, syscall.SIGUSR2))
		},
	}, nil
}

func nginx(ctx context.Context) (*contender, error) {
	version, err := versionOf(ctx, "nginx", "-v")
	if err != nil {
		return nil, fmt.Errorf("nginx: %w; on Debian, as root: apt-get install nginx-light", err)
	}
	return &contender{
		name: "nginx", version: version, settings: "one worker, no access log, buffers as they come",
		command: func(s *scene, folder, address string) (*exec.Cmd, error) {
			both, err := s.chain(folder)
			if err != nil {
				return nil, err
			}
			config, err := write(folder, "nginx.conf", fmt.Sprintf(nginxConfig, lingering, folder, address, both, s.backend))
			if err != nil {
				return nil, err
			}
			return exec.CommandContext(s.tb.Context(), "nginx", "-e", "stderr", "-c", config, "-p", folder), nil
		},
		reload: func(s *scene, folder string, pid int) error {
			_, err := s.chain(folder)
			return errors.Join(err, syscall.Kill(pid, syscall.SIGHUP))
		},
	}, nil
}

// ours runs with what the others do not have: ES256 tokens, limits and an audit
// log with its hash chain.
func ours(name, version string, relay contract.Relay) *contender {
	return &contender{
		name: name, version: version, settings: "GOMAXPROCS=1, ES256 tokens, default limits, audit log to a file",
		command: func(s *scene, folder, address string) (*exec.Cmd, error) {
			if err := s.configure(address, relay); err != nil {
				return nil, err
			}
			command := exec.CommandContext(s.tb.Context(), s.pod, "--root", s.root.Path, "--audit", filepath.Join(folder, "audit.log"))
			if s.profiles != "" {
				command.Args = append(command.Args, "--profile", filepath.Join(s.profiles, fmt.Sprintf("%s-%d.pprof", s.part, time.Now().UnixNano())))
			}
			command.Env = append(os.Environ(), "GOMAXPROCS=1")
			return command, nil
		},
		reload: func(s *scene, _ string, _ int) error {
			s.root.TLSSecret(s.tb, secret, s.pair)
			return nil
		},
	}
}
