// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package cluster

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/portforward"
	"k8s.io/client-go/transport/spdy"
	"k8s.io/streaming/pkg/httpstream"
)

// PortForward reaches pods through the API server, as kubectl port-forward does,
// but without a port on this machine: whatever listens here, every user and every
// web page of this machine could talk to, and with it to the pod.
type PortForward struct {
	config *rest.Config
	client rest.Interface
}

// dialPatience bounds one attempt to get through to a kubelet.
const dialPatience = 15 * time.Second

// Dial implements Dialer.
func (p *PortForward) Dial(ctx context.Context, pod types.NamespacedName, port int) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, dialPatience)
	defer cancel()
	dialer, err := p.dialer(pod)
	if err != nil {
		return nil, fmt.Errorf("port-forward to pod %s: %w", pod, err)
	}
	type dialled struct {
		conn net.Conn
		err  error
	}
	// The libraries' own dialling cannot be interrupted. What comes too late is
	// closed.
	done := make(chan dialled, 1)
	go func() {
		conn, err := openStream(dialer, pod, port)
		done <- dialled{conn, err}
	}()
	select {
	case d := <-done:
		if d.err != nil {
			return nil, fmt.Errorf("port-forward to pod %s: %w", pod, d.err)
		}
		return d.conn, nil
	case <-ctx.Done():
		go func() {
			if d := <-done; d.conn != nil {
				d.conn.Close()
			}
		}()
		return nil, fmt.Errorf("port-forward to pod %s: %w", pod, ctx.Err())
	}
}

// dialer tries WebSocket first and SPDY where the API server, or a proxy on the
// way, does not have it.
func (p *PortForward) dialer(pod types.NamespacedName) (httpstream.Dialer, error) {
	address := p.client.Post().Resource("pods").Namespace(pod.Namespace).Name(pod.Name).SubResource("portforward").URL()
	tunnel, err := portforward.NewSPDYOverWebsocketDialerForStreaming(address, p.config)
	if err != nil {
		return nil, err
	}
	old, err := p.spdy(address)
	if err != nil {
		return nil, err
	}
	return portforward.NewFallbackDialerForStreaming(tunnel, old, func(err error) bool {
		return httpstream.IsUpgradeFailure(err) || httpstream.IsHTTPSProxyError(err)
	}), nil
}

func (p *PortForward) spdy(address *url.URL) (httpstream.Dialer, error) {
	transport, upgrader, err := spdy.RoundTripperFor(p.config)
	if err != nil {
		return nil, err
	}
	return spdy.NewDialerForStreaming(upgrader, &http.Client{Transport: transport}, http.MethodPost, address), nil
}

// openStream opens the pair of streams that is one connection to a port: data,
// and what the kubelet says when it cannot get through.
func openStream(dialer httpstream.Dialer, pod types.NamespacedName, port int) (net.Conn, error) {
	session, protocol, err := dialer.Dial(portforward.PortForwardProtocolV1Name)
	if err != nil {
		return nil, err
	}
	if protocol != portforward.PortForwardProtocolV1Name {
		session.Close()
		return nil, fmt.Errorf("the API server speaks %q instead of %q", protocol, portforward.PortForwardProtocolV1Name)
	}
	headers := http.Header{}
	headers.Set(corev1.PortHeader, strconv.Itoa(port))
	headers.Set(corev1.PortForwardRequestIDHeader, "0")
	headers.Set(corev1.StreamType, corev1.StreamTypeError)
	complaints, err := session.CreateStream(headers)
	if err != nil {
		session.Close()
		return nil, err
	}
	// Nothing is said to the kubelet on this one.
	complaints.Close()
	headers.Set(corev1.StreamType, corev1.StreamTypeData)
	data, err := session.CreateStream(headers)
	if err != nil {
		session.Close()
		return nil, err
	}
	s := &stream{Stream: data, session: session, at: podAddress{pod, port}, complaint: make(chan string, 1)}
	go func() {
		said, _ := io.ReadAll(io.LimitReader(complaints, 4096))
		s.complaint <- string(said)
	}()
	return s, nil
}

// stream makes a connection of the pair.
type stream struct {
	httpstream.Stream
	session   httpstream.Connection
	at        podAddress
	complaint chan string
}

// Read answers the kubelet's complaint instead of an end without a word.
func (s *stream) Read(buffer []byte) (int, error) {
	n, err := s.Stream.Read(buffer)
	if n > 0 || !errors.Is(err, io.EOF) {
		return n, err
	}
	late := time.NewTimer(time.Second)
	defer late.Stop()
	select {
	case said := <-s.complaint:
		s.complaint <- said
		if said != "" {
			return 0, fmt.Errorf("the kubelet says: %q", said)
		}
	case <-late.C:
	}
	return 0, io.EOF
}

// Close ends the session too: it carries one connection.
func (s *stream) Close() error {
	// What was not sent must not keep the other stream from ending.
	_ = s.Stream.Reset()
	return s.session.Close()
}

// LocalAddr implements net.Conn.
func (s *stream) LocalAddr() net.Addr { return podAddress{} }

// RemoteAddr implements net.Conn.
func (s *stream) RemoteAddr() net.Addr { return s.at }

// SetDeadline implements net.Conn. Whoever waits too long closes the connection.
func (s *stream) SetDeadline(time.Time) error { return os.ErrNoDeadline }

// SetReadDeadline implements net.Conn.
func (s *stream) SetReadDeadline(time.Time) error { return os.ErrNoDeadline }

// SetWriteDeadline implements net.Conn.
func (s *stream) SetWriteDeadline(time.Time) error { return os.ErrNoDeadline }

type podAddress struct {
	pod  types.NamespacedName
	port int
}

func (podAddress) Network() string { return "pod" }

func (a podAddress) String() string { return a.pod.String() + ":" + strconv.Itoa(a.port) }
