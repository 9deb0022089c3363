// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package authn

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"time"

	// The image of the gateway has an empty base, so the public CAs have to be
	// in the program. They count only where the system has none.
	_ "golang.org/x/crypto/x509roots/fallback"
)

// Bounds of one fetch of a key set.
const (
	// fetchTimeout is half of the default handshake timeout, so that the
	// handshake that has to wait for a fetch can still be answered.
	fetchTimeout = 5 * time.Second
	maxRedirects = 3
)

// newFetchClient returns a client that speaks https only and trusts caBundle
// (PEM), or the public CAs if it is empty.
func newFetchClient(caBundle string) (*http.Client, error) {
	trust := &tls.Config{MinVersion: tls.VersionTLS12}
	if caBundle != "" {
		trust.RootCAs = x509.NewCertPool()
		if !trust.RootCAs.AppendCertsFromPEM([]byte(caBundle)) {
			return nil, errors.New("CA bundle holds no certificate")
		}
	}
	return &http.Client{
		Transport: &http.Transport{
			DialContext:            (&net.Dialer{Timeout: fetchTimeout}).DialContext,
			TLSClientConfig:        trust,
			MaxResponseHeaderBytes: 32 << 10,
			// One request every few minutes needs no idle connection.
			DisableKeepAlives: true,
		},
		CheckRedirect: func(r *http.Request, via []*http.Request) error {
			if r.URL.Scheme != "https" {
				return errors.New("redirected to an address without https")
			}
			if len(via) > maxRedirects {
				return fmt.Errorf("redirected more than %d times", maxRedirects)
			}
			return nil
		},
	}, nil
}

// fetchKeySet asks the issuer for its keys.
func fetchKeySet(ctx context.Context, client *http.Client, address string) (*keySet, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, http.NoBody)
	if err != nil || request.URL.Scheme != "https" {
		return nil, errors.New("not an https address")
	}
	request.Header.Set("Accept", "application/jwk-set+json, application/json")
	response, err := client.Do(request)
	if err != nil {
		return nil, lasting(err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("answered %d", response.StatusCode)
	}
	body, err := io.ReadAll(io.LimitReader(response.Body, MaxFetchedKeySetBytes+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("read answer: %w", lasting(err))
	case len(body) > MaxFetchedKeySetBytes:
		return nil, fmt.Errorf("answer has more than %d bytes", MaxFetchedKeySetBytes)
	}
	return parseKeySet(body, false)
}

// lasting says of an error what will be the same at the next try, since it is
// published in the status: no port of ours, no time of the moment, no address
// that a name resolved to. Nor the address of the key set, whose query may hold
// a client's secret.
func lasting(err error) error {
	if errors.Is(err, context.Canceled) {
		return err
	}
	if failed, ok := errors.AsType[*url.Error](err); ok {
		err = failed.Err
	}
	if lookup, ok := errors.AsType[*net.DNSError](err); ok {
		if lookup.IsNotFound {
			return errors.New("look up its name: no such host")
		}
		return errors.New("look up its name: the name server does not help")
	}
	if invalid, ok := errors.AsType[x509.CertificateInvalidError](err); ok && invalid.Reason == x509.Expired {
		return errors.New("the certificate of its server has expired or is not valid yet")
	}
	if operation, ok := errors.AsType[*net.OpError](err); ok && operation.Err != nil {
		return fmt.Errorf("%s: %w", operation.Op, operation.Err)
	}
	return err
}

// publicAddress is how an address is called in messages.
func publicAddress(address string) string {
	parsed, err := url.Parse(address)
	if err != nil {
		return "the configured address"
	}
	return "https://" + parsed.Host + parsed.EscapedPath()
}
