// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package audit_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/wsgateway/websocket-gateway-operator/gateway/audit"
)

func pkcs8(t testing.TB, key any) []byte {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})
}

// newSigner makes a key of its own for each number.
func newSigner(t testing.TB, number byte) (*audit.Signer, ed25519.PublicKey) {
	t.Helper()
	key := ed25519.NewKeyFromSeed(bytes.Repeat([]byte{number}, ed25519.SeedSize))
	signer, err := audit.ParseSigner(pkcs8(t, key))
	if err != nil {
		t.Fatal(err)
	}
	return signer, key.Public().(ed25519.PublicKey)
}

func TestKeysThatAreNone(t *testing.T) {
	t.Parallel()
	other, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	good := string(pkcs8(t, ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize))))
	for name, tt := range map[string]struct{ text, want string }{
		"nothing":            {"", "no PEM block"},
		"text":               {"secret-text", "no PEM block"},
		"a public key":       {strings.ReplaceAll(good, "PRIVATE", "PUBLIC"), "no PEM block"},
		"another encoding":   {strings.ReplaceAll(good, "PRIVATE KEY", "EC PRIVATE KEY"), "no PEM block"},
		"half of it":         {strings.Replace(good, good[40:60], "", 1), "PEM"},
		"an elliptic one":    {string(pkcs8(t, other)), "not an Ed25519 key"},
		"no key in the form": {"-----BEGIN PRIVATE KEY-----\nc2VjcmV0LXRleHQ=\n-----END PRIVATE KEY-----\n", "no PKCS#8 key"},
	} {
		signer, err := audit.ParseSigner([]byte(tt.text))
		if signer != nil || err == nil || !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), "secret-text") {
			t.Errorf("%s: %v, want %q", name, err, tt.want)
		}
	}
}

func TestASignerCannotBeFormatted(t *testing.T) {
	t.Parallel()
	signer, _ := newSigner(t, 0x5a)
	var logged bytes.Buffer
	slog.New(slog.NewJSONHandler(&logged, nil)).Info("key", "signer", signer)
	for _, text := range []string{fmt.Sprintf("%v %+v %#v", signer, signer, signer), fmt.Sprintf("%v %#v", *signer, *signer), logged.String()} {
		if strings.Contains(text, "5a5a") || strings.Contains(text, "90 90") || strings.Contains(text, "0x5a") || strings.Contains(text, "ZZZZ") {
			t.Errorf("the key is in %q", text)
		}
	}
}

// checkpoints are those of a log, as KEY-NEXT of their first letters.
func checkpoints(t *testing.T, lines []string) []string {
	t.Helper()
	var found []string
	for _, line := range lines {
		record, err := audit.Parse([]byte(line))
		if err != nil {
			t.Fatal(err)
		}
		if record.Event == audit.EventCheckpoint {
			found = append(found, fmt.Sprintf("%.4s-%.4s %v", record.SigningKeyID, record.NextKeyID, record.Final))
		}
	}
	return found
}

func TestTheLastCheckpointOfAKeyNamesTheNext(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		out := &sink{}
		first, firstPublic := newSigner(t, 1)
		second, secondPublic := newSigner(t, 2)
		log := newLog(out, newClock())
		log.Sign(first)
		log.Opened(exampleConnection())
		time.Sleep(61 * time.Second)
		log.Sign(second)
		time.Sleep(2 * time.Second)
		log.Sign(nil)
		time.Sleep(2 * time.Second)
		log.Opened(exampleConnection())
		closeLog(t, log)
		a, b := first.KeyID()[:4], second.KeyID()[:4]
		want := []string{a + "- false", a + "-" + b + " false", b + "- false", b + "-none false", "- false", "- true"}
		if diff := cmp.Diff(want, checkpoints(t, out.Lines())); diff != "" {
			t.Errorf("checkpoints (-want +got):\n%s", diff)
		}
		verified := 0
		for _, line := range out.Lines() {
			fits(t, line)
			for _, key := range []ed25519.PublicKey{firstPublic, secondPublic} {
				if audit.VerifyCheckpoint(key, []byte(line)) {
					verified++
				}
				if audit.VerifyCheckpoint(key, []byte(strings.Replace(line, `"wsgateway.checkpoint.opened":`, `"wsgateway.checkpoint.opened":1`, 1))) {
					t.Errorf("a changed checkpoint is accepted: %s", line)
				}
			}
		}
		if verified != 4 {
			t.Errorf("%d signatures are good, want 4", verified)
		}
	})
}

func TestCheckpointsComeByNumberAndByTime(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		out := &sink{}
		log := newLog(out, newClock())
		for range 2500 {
			log.Opened(&audit.Connection{ID: "c"})
		}
		synctest.Wait()
		if got := checkpoints(t, out.Lines()); len(got) != 2 {
			t.Errorf("%d checkpoints after 2500 records, want 2", len(got))
		}
		time.Sleep(62 * time.Second)
		if got := checkpoints(t, out.Lines()); len(got) != 3 {
			t.Errorf("%d checkpoints after a minute, want 3", len(got))
		}
		time.Sleep(10 * time.Minute)
		if got := checkpoints(t, out.Lines()); len(got) != 3 {
			t.Errorf("%d checkpoints after a time when nothing happened, want 3", len(got))
		}
		log.Opened(&audit.Connection{ID: "c"})
		time.Sleep(50 * time.Second)
		if got := checkpoints(t, out.Lines()); len(got) != 3 {
			t.Errorf("%d checkpoints within a minute of a record, want 3", len(got))
		}
		closeLog(t, log)
		checkSequence(t, out.Lines())
	})
}
