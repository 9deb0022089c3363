// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package story

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/wsgateway/websocket-gateway-operator/test/dashboard"
)

// Alerts of the chart that the chapter makes fire.
const (
	alertNotRenewed  = "WSGatewayCertificateNotRenewed"
	alertExpiresSoon = "WSGatewayCertificateExpiresSoon"
	alertStale       = "WSGatewayCertificateStale"
)

// ofListener are the labels that an alert about a listener of the alarm's gateway
// has, as Prometheus writes them.
func ofListener(listener string, more ...string) string {
	labels := append([]string{
		`gateway="` + alarmName + `"`, `gateway_namespace="` + alarmName + `"`, `listener="` + listener + `"`, `severity="critical"`,
	}, more...)
	slices.Sort(labels)
	return "{" + strings.Join(labels, ", ") + "}"
}

func (c *watch) notRenewed(ctx context.Context) (string, error) {
	began := time.Now()
	if err := c.fires(ctx, dueAfter, alertNotRenewed, ofListener(alarmShort, `state="renewal_failed"`)); err != nil {
		return "", err
	}
	// The certificate lasts an hour, so it has been about to end all the time.
	if err := c.fires(ctx, patience, alertExpiresSoon, ofListener(alarmShort)); err != nil {
		return "", err
	}
	// While cert-manager tries once more, it does not say why it has failed.
	var warnings string
	err := until(ctx, patience, func(ctx context.Context) error {
		gw, err := c.alarm.gateway(ctx)
		if err != nil {
			return err
		}
		if warnings = strings.Join(gw.Status.Warnings, " "); !strings.Contains(warnings, "certificate chain is malformed") {
			return fmt.Errorf("the status does not say why: %s", warnings)
		}
		return nil
	})
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("fires with %s beside it, after %s of waiting; the status: %s",
		alertExpiresSoon, time.Since(began).Round(time.Second), warnings), nil
}

func (c *watch) stale(ctx context.Context) (string, error) {
	began := time.Now()
	if err := c.fires(ctx, dueAfter, alertStale, ofListener(alarmStuck)); err != nil {
		return "", err
	}
	message, err := c.alarm.saysStale(ctx)
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("fires after %s of waiting; the status: %s", time.Since(began).Round(time.Second), message), nil
}

func (c *watch) repaired(ctx context.Context) (string, error) {
	began := time.Now()
	if err := c.alarm.repair(ctx); err != nil {
		return "", err
	}
	for _, name := range []string{alertNotRenewed, alertExpiresSoon, alertStale} {
		if err := c.fires(ctx, startPatience, name); err != nil {
			return "", err
		}
	}
	took := time.Since(began).Round(time.Second)
	c.close()
	return fmt.Sprintf("silent %s after the repair", took), c.alarm.clean(ctx)
}

// boards are the dashboards by their files, with what their variables are set to.
func boards() map[string]map[string]string {
	const all = ".*"
	return map[string]map[string]string{
		"fleet":    {"namespace": all},
		"gateway":  {"namespace": Namespace, "gateway": Gateway},
		"security": {"namespace": all, "gateway": all},
	}
}

// mayBeEmpty are the queries that a story without such trouble has no answer to.
func mayBeEmpty() []string {
	return []string{
		"Revocations that wait: 1",  // every pod takes them within two seconds
		"Drain: 1",                  // a drain of seconds may fall between two scrapes
		"What dry runs would do: 2", // nothing ends in the dry run of the story
	}
}

// Points of the drawings are as far apart as the scrapes; rates look back as far as
// Grafana's own choice for such a distance.
const (
	scrapeInterval = 5 * time.Second
	rateInterval   = "20s"
)

// dashboards asks every query, and draws the answers where that is wanted.
func (c *watch) dashboards(ctx context.Context) (string, error) {
	queries, empty := 0, []string{}
	for name, variables := range boards() {
		board, err := dashboard.Parse(c.chart.Dashboards[name+".json"])
		if err != nil {
			return "", err
		}
		variables["__rate_interval"] = rateInterval
		view, err := dashboard.Look(ctx, c.server.API, board, dashboard.Scene{
			Variables: variables, From: c.server.Started(), To: time.Now(), Step: scrapeInterval,
		})
		if err != nil {
			return "", err
		}
		for i := range board.Panels {
			queries += len(board.Panels[i].Targets)
		}
		empty = append(empty, view.Empty()...)
		if err := c.draw(ctx, name, board, view); err != nil {
			return "", err
		}
	}
	slices.Sort(empty)
	missing := slices.DeleteFunc(slices.Clone(empty), func(query string) bool { return slices.Contains(mayBeEmpty(), query) })
	if c.outlook.All && len(missing) > 0 {
		return "", fmt.Errorf("no data for %s", strings.Join(missing, "; "))
	}
	return fmt.Sprintf("%d queries; without data: %s", queries, strings.Join(empty, "; ")), nil
}

// drawnBy is below each picture.
const drawnBy = "Drawn by make pictures from the dashboard's JSON and the answers of a real Prometheus to its queries; not a screenshot of Grafana."

func (c *watch) draw(ctx context.Context, name string, board *dashboard.Board, view *dashboard.View) error {
	if c.outlook.Pictures == "" {
		return nil
	}
	page, err := view.HTML(drawnBy)
	if err != nil {
		return err
	}
	return dashboard.Picture(ctx, page, board.Height(), c.picture(name))
}
