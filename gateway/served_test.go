// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package gateway_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/wsgateway/websocket-gateway-operator/gateway"
	"github.com/wsgateway/websocket-gateway-operator/gateway/contract"
)

// sample returns the value of a series.
func (r *running) sample(t *testing.T, series string) string {
	t.Helper()
	_, _, body := r.get(t, "/metrics")
	for line := range strings.Lines(body) {
		if value, ok := strings.CutPrefix(strings.TrimSpace(line), series+" "); ok {
			return value
		}
	}
	return "none"
}

func TestCertificatesAreCountedWhenTheyChangeAndNotOtherwise(t *testing.T) {
	t.Parallel()
	r, echo := startBase(t, nil)
	said := 0
	counts := func(what, ok, failed string) {
		t.Helper()
		// A change that concerns no certificate.
		said++
		config := baseConfig()
		config.Limits = &contract.Limits{MaxMessageBytes: new(int64(1000 + said))}
		r.root.Config(t, config, endpoints(echo.Address))
		r.served(t, config)
		until(t, func() string {
			gotOK := r.sample(t, `wsgateway_certificate_loads_total{listener="public",result="ok"}`)
			gotFailed := r.sample(t, `wsgateway_certificate_loads_total{listener="public",result="failed"}`)
			if gotOK != ok || gotFailed != failed {
				return fmt.Sprintf("%s: %s ok and %s failed, want %s and %s", what, gotOK, gotFailed, ok, failed)
			}
			return ""
		})
	}
	reaches := func(problems int) {
		t.Helper()
		until(t, func() string {
			if got := r.report(t).Problems; len(got) != problems {
				return fmt.Sprintf("problems %+v", got)
			}
			return ""
		})
	}
	counts("at the start", "1", "0")
	counts("after another change", "1", "0")
	r.root.TLSSecret(t, "public-tls", r.ca.Issue(t, "other.example.com"))
	reaches(1)
	counts("after a bad one", "1", "1")
	counts("after another change", "1", "1")
	pair := r.ca.Issue(t, "ws.example.com", "*.chat.example.com")
	r.root.TLSSecret(t, "public-tls", pair)
	reaches(0)
	counts("after a good one", "2", "1")
	if got := r.sample(t, `wsgateway_certificate_not_after_timestamp_seconds{listener="public"}`); got == "none" {
		t.Error("nothing says when the certificate expires")
	}
	config := baseConfig()
	twoListeners(&config)
	r.root.Config(t, config, endpoints(echo.Address))
	r.served(t, config)
	if got := r.sample(t, `wsgateway_certificate_loads_total{listener="modern",result="failed"}`); got != "1" {
		t.Errorf("a certificate that is not there was counted %s times", got)
	}
}

func TestAListenerThatIsPointedToAnotherSecretServesItsLastGoodCertificateUntilThatIsThere(t *testing.T) {
	t.Parallel()
	r, echo := startBase(t, nil)
	good := r.leaf(t, "ws.example.com")
	config := baseConfig()
	config.Listeners[0].CertificateSecret = "next-tls"
	r.root.Config(t, config, endpoints(echo.Address))
	r.served(t, config)
	if got := r.leaf(t, "ws.example.com"); got != good {
		t.Errorf("serves %s", got)
	}
	if p := r.report(t).Problems; len(p) != 1 || p[0].Reason != contract.ProblemSecretNotFound || p[0].Secret != "next-tls" || !p[0].Serving {
		t.Errorf("problems %+v", p)
	}
	next := r.ca.Issue(t, "ws.example.com", "*.chat.example.com")
	r.root.TLSSecret(t, "next-tls", next)
	until(t, func() string {
		if got := r.leaf(t, "ws.example.com"); got != next.Leaf.SerialNumber.Text(16) {
			return "serves " + got
		}
		return ""
	})
	// Other names under the old name of the listener: the old certificate is of
	// no use to them.
	config.Listeners[0].Hostnames, config.Listeners[0].CertificateSecret = []string{"new.example.com"}, "third-tls"
	r.root.Config(t, config, endpoints(echo.Address))
	r.served(t, config)
	if got := r.leaf(t, "new.example.com"); !strings.Contains(got, "unrecognized name") {
		t.Errorf("shows %s", got)
	}
}

func TestAPodIsReadyAsSoonAsOneListenerServes(t *testing.T) {
	t.Parallel()
	_, listener := taken(t)
	r, echo := startBase(t, nil)
	ready := func(what string, want bool, change func(*contract.Config)) {
		t.Helper()
		config := baseConfig()
		config.Listeners = append(config.Listeners, listener)
		change(&config)
		r.root.Config(t, config, endpoints(echo.Address))
		r.served(t, config)
		status, _, body := fetch(t, "http://"+r.addresses[gateway.AdminName]+"/readyz", nil)
		if (status == http.StatusOK) != want {
			t.Errorf("%s: status %d %s", what, status, body)
		}
	}
	ready("one port is taken", true, func(*contract.Config) {})
	ready("one port is taken, the other listener has no certificate", false, func(c *contract.Config) {
		c.Listeners[0].Name, c.Listeners[0].CertificateSecret = "other", "gone-tls"
	})
	ready("the only port is taken", false, func(c *contract.Config) { c.Listeners = c.Listeners[1:] })
	ready("no listener is left", false, func(c *contract.Config) { c.Listeners = nil })
	ready("as in the beginning", true, func(c *contract.Config) { c.Listeners = c.Listeners[:1] })
}
