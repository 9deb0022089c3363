// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package story

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

const (
	partnersDoor = "partners.door.example.com"
	partnersPath = "/partners"
	bundleName   = "partner-cas"
)

// partner opens connections at each pod with the client certificate of a Secret.
// Its TLS client keeps sessions, as browsers do.
func (d *door) partner(ctx context.Context, name string) (party, attempt, error) {
	secret, err := d.world.issued(ctx, doorSpace, name)
	if err != nil {
		return nil, attempt{}, err
	}
	pair, err := tls.X509KeyPair(secret.Data["tls.crt"], secret.Data["tls.key"])
	if err != nil {
		return nil, attempt{}, fmt.Errorf("read the client certificate %s: %w", name, err)
	}
	a := attempt{
		serverName: partnersDoor, path: partnersPath, origin: "-",
		certificate: &pair, sessions: tls.NewLRUClientSessionCache(64),
	}
	guests, err := d.invite(ctx, name, perPod, a)
	return guests, a, err
}

// rotatedCA takes one of two CAs out of the bundle of the listener for partners.
func (d *door) rotatedCA(ctx context.Context) (string, error) {
	guests, old, err := d.partner(ctx, "partner-of-old")
	defer func() { guests.leave() }()
	if err != nil {
		return "", err
	}
	more, young, err := d.partner(ctx, "partner-of-new")
	guests = append(guests, more...)
	if err != nil {
		return "", err
	}
	began := time.Now()
	if err := d.trustPartners(ctx, "new-partners"); err != nil {
		return "", err
	}
	left, last, err := guests.lose(ctx, "partner-of-old", codeAccess)
	if err != nil {
		return "", err
	}
	if err := d.lockedOutWithSession(ctx, old); err != nil {
		return "", err
	}
	if err := d.resumes(ctx, young); err != nil {
		return "", err
	}
	if err := d.trustPartners(ctx, "new-partners", "old-partners"); err != nil {
		return "", err
	}
	return fmt.Sprintf("%d of %d closed, the last %s after the bundle was changed; no session of before was resumed",
		len(guests)-len(left), len(guests), ms(last.Sub(began))), nil
}

// lockedOutWithSession comes back with the certificate and the TLS sessions of
// before to each pod: neither may help.
func (d *door) lockedOutWithSession(ctx context.Context, a attempt) error {
	for i, pod := range d.pods {
		a.to = pod
		conn, response, err := d.dial(ctx, a)
		if err == nil {
			_ = conn.Close()
			return fmt.Errorf("pod %d let in a certificate of the CA that is gone", i)
		}
		if response != nil {
			return fmt.Errorf("pod %d answered HTTP %d, want the TLS handshake to fail", i, response.StatusCode)
		}
	}
	return nil
}

// resumes fails if a partner who is still trusted could go on with a TLS session
// that began under another bundle.
func (d *door) resumes(ctx context.Context, a attempt) error {
	back, err := d.invite(ctx, "partner who is back", 1, a)
	defer back.leave()
	if err != nil {
		return err
	}
	for _, g := range back {
		if conn, ok := g.conn.NetConn().(*tls.Conn); !ok || conn.ConnectionState().DidResume {
			return fmt.Errorf("%s has resumed a TLS session of before the change", g.name)
		}
	}
	return nil
}

// trustPartners writes the bundle of CAs whose certificates let partners in.
func (d *door) trustPartners(ctx context.Context, issuers ...string) error {
	var bundle []byte
	for _, name := range issuers {
		secret, err := d.world.issued(ctx, doorSpace, name)
		if err != nil {
			return err
		}
		bundle = append(bundle, secret.Data["tls.crt"]...)
	}
	if len(bundle) == 0 {
		return errors.New("no CA")
	}
	config := &corev1.ConfigMap{}
	config.Namespace, config.Name = doorSpace, bundleName
	found := config.DeepCopy()
	err := d.world.Client.Get(ctx, client.ObjectKeyFromObject(config), found)
	config.Data = map[string]string{"ca.crt": string(bundle)}
	if client.IgnoreNotFound(err) != nil {
		return fmt.Errorf("get the bundle: %w", err)
	}
	if err != nil {
		return create(ctx, d.world, config)
	}
	if err := d.world.Client.Patch(ctx, config, client.MergeFrom(found)); err != nil {
		return fmt.Errorf("change the bundle: %w", err)
	}
	return nil
}
