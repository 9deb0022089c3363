// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package story

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/gorilla/websocket"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	wsv1alpha1 "github.com/wsgateway/websocket-gateway-operator/api/v1alpha1"
)

// planted are the credentials that were shown to the door, by what must be found
// nowhere: each in the forms in which it could get somewhere.
type planted struct {
	mu    sync.Mutex
	marks []string
}

// secret remembers a credential that is short and opaque.
func (p *planted) secret(value string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.marks = append(p.marks, value, url.QueryEscape(value),
		base64.StdEncoding.EncodeToString([]byte(value)), base64.RawURLEncoding.EncodeToString([]byte(value)))
}

// count is how many marks there are.
func (p *planted) count() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(slices.Compact(slices.Sorted(slices.Values(p.marks))))
}

// token remembers a token by its claims and by its signature: neither may appear.
func (p *planted) token(token string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	parts := strings.Split(token, ".")
	p.marks = append(p.marks, parts[1:]...)
}

// in tells in which of the texts a mark is.
func (p *planted) in(texts map[string]string) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	marks := slices.Compact(slices.Sorted(slices.Values(p.marks)))
	for where, text := range texts {
		for _, mark := range marks {
			if strings.Contains(text, mark) {
				return fmt.Errorf("a credential is in %s", where)
			}
		}
	}
	return nil
}

// The credentials beside tokens. The hash is that of the password, as
// "openssl passwd -6" writes it.
const (
	keysPath     = "/keys"
	deviceKey    = "planted-api-key-0123456789abcdef"
	userPassword = "planted password of somebody"
	htpasswd     = "somebody:$6$plantedsalt$gHojqDgryR283WhKirt55iu63B2l5/KLHk8MmHk7eQ4jI6wPCY34RmcVzamDirrQP42yY.L9diJPUFAByZXEO1\n"
)

// credentials makes the Secrets of API keys and passwords.
func (d *door) credentials(ctx context.Context) error {
	d.shown.secret(deviceKey)
	d.shown.secret(userPassword)
	d.shown.secret("somebody:" + userPassword)
	return errors.Join(
		create(ctx, d.world, &corev1.Secret{
			ObjectMeta: metav1.ObjectMeta{Namespace: doorSpace, Name: "devices"},
			Data:       map[string][]byte{"device-1": []byte(deviceKey)},
		}),
		create(ctx, d.world, &corev1.Secret{
			ObjectMeta: metav1.ObjectMeta{Namespace: doorSpace, Name: "people"},
			Data:       map[string][]byte{"auth": []byte(htpasswd)},
		}),
	)
}

func (d *door) dial(ctx context.Context, a attempt) (*websocket.Conn, *http.Response, error) {
	if a.serverName == "" {
		a.serverName = doorHost
	}
	return d.world.dial(ctx, a)
}

// showEverything shows each kind of credential at each place, right and wrong.
func (d *door) showEverything(ctx context.Context) (right, wrong int, err error) {
	token, err := d.token("second", "everywhere", time.Now().Add(time.Hour))
	if err != nil {
		return 0, 0, err
	}
	forged := token[:len(token)-8] + "forged00"
	d.shown.token(forged)
	const otherKey, otherPassword = "planted-wrong-api-key-0123456789", "planted wrong password"
	for _, secret := range []string{otherKey, otherPassword, "somebody:" + otherPassword} {
		d.shown.secret(secret)
	}
	basic := func(password string) http.Header {
		return http.Header{"Authorization": {"Basic " + base64.StdEncoding.EncodeToString([]byte("somebody:"+password))}}
	}
	places := func(token string) []attempt {
		return []attempt{
			{path: tokensPath, token: token},
			{path: tokensPath, subprotocols: []string{"bearer", token}},
			{path: tokensPath, header: http.Header{"Cookie": {"session=" + token}}},
			{path: tokensPath + "?access_token=" + token},
		}
	}
	rightly := append(places(token),
		attempt{path: keysPath, header: http.Header{"X-Api-Key": {deviceKey}}}, attempt{path: keysPath, header: basic(userPassword)})
	wrongly := append(places(forged),
		attempt{path: keysPath, header: http.Header{"X-Api-Key": {otherKey}}}, attempt{path: keysPath, header: basic(otherPassword)},
		attempt{path: "/nowhere?access_token=" + token, token: token}, attempt{path: tokensPath, token: token, origin: "https://evil.example.org"})
	for i, a := range rightly {
		guests, err := d.invite(ctx, "everywhere", 1, a)
		guests.leave()
		if err != nil {
			return 0, 0, fmt.Errorf("credential %d: %w", i, err)
		}
	}
	for i, a := range wrongly {
		guests, err := d.invite(ctx, "everywhere", 1, a)
		guests.leave()
		if err == nil {
			return 0, 0, fmt.Errorf("wrong credential %d was let in", i)
		}
	}
	return len(rightly), len(wrongly), nil
}

// nothingLeaks shows credentials in every way, then looks for them and for all
// that the chapter has shown, and whether the audit log is complete.
func (d *door) nothingLeaks(ctx context.Context) (string, error) {
	right, wrong, err := d.showEverything(ctx)
	if err != nil {
		return "", err
	}
	var sums ledger
	err = until(ctx, patience, func(context.Context) error {
		sums = newLedger(records(d.logs.all()))
		return sums.complete(d.admitted.get())
	})
	if err != nil {
		return "", err
	}
	texts, err := d.everythingSaid(ctx)
	if err != nil {
		return "", err
	}
	if err := d.shown.in(texts); err != nil {
		return "", err
	}
	size := 0
	for _, text := range texts {
		size += len(text)
	}
	return fmt.Sprintf("%d connections opened and closed once each, %d denied records; none of %d credentials (%d of them shown rightly, %d wrongly at the end) in %d texts of %d KiB",
		len(sums.opened), sums.denied, len(d.shown.marks), right, wrong, len(texts), size>>10), nil
}

// everythingSaid collects what gateway and operator have told anybody.
func (d *door) everythingSaid(ctx context.Context) (map[string]string, error) {
	texts := map[string]string{
		"the gateway's logs and audit records": strings.Join(d.logs.all(), "\n"),
		"the operator's logs":                  strings.Join(d.operator.all(), "\n"),
	}
	for what, list := range map[string]client.ObjectList{
		"an event":      &corev1.EventList{},
		"a gateway":     &wsv1alpha1.WebSocketGatewayList{},
		"a ConfigMap":   &corev1.ConfigMapList{},
		"a gateway pod": &corev1.PodList{},
	} {
		in := []client.ListOption{client.InNamespace(doorSpace)}
		if _, pods := list.(*corev1.PodList); pods {
			// The server that knows the tokens has them on its command line.
			in = append(in, ofGateway(doorName))
		}
		if err := d.world.Client.List(ctx, list, in...); err != nil {
			return nil, fmt.Errorf("list for the search: %w", err)
		}
		text, err := json.Marshal(list)
		if err != nil {
			return nil, fmt.Errorf("write %s: %w", what, err)
		}
		texts[what] = string(text)
	}
	for i, pod := range d.names {
		for _, path := range []string{"/metrics", "/report"} {
			text, err := tell(ctx, http.MethodGet, "http://"+net.JoinHostPort(pod, adminPort)+path, http.NoBody)
			if err != nil {
				return nil, err
			}
			texts[fmt.Sprintf("%s of pod %d", path, i)] = text
		}
	}
	for what, text := range texts {
		if text == "" {
			return nil, fmt.Errorf("nothing was found of %s: the search would prove nothing", what)
		}
	}
	return texts, nil
}
