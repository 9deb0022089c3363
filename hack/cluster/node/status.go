// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package node

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"text/tabwriter"
	"time"
)

// Status prints the processes and whether the cluster is usable. The error
// makes the exit code, so scripts can ask.
func (c *Cluster) Status(ctx context.Context, w io.Writer) error {
	record, err := c.running()
	if err != nil {
		return err
	}
	processes := map[string]*Process{}
	if err := readJSON(c.components(), &processes); err != nil {
		return err
	}
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "COMPONENT\tPID INSIDE\tRESTARTS\tRUNNING FOR\tLOG")
	for _, name := range slices.Sorted(maps.Keys(processes)) {
		p := processes[name]
		age := time.Since(p.Since).Round(time.Second).String()
		if p.PID == 0 {
			age = "(down)"
		}
		fmt.Fprintf(table, "%s\t%d\t%d\t%s\t%s\n", name, p.PID, p.Restarts, age, c.log(name))
	}
	fmt.Fprintf(table, "\nsupervisor\t%d (on the host)\nnode\t%s\nkubeconfig\t%s\naudit log\t%s\n", record.PID, c.NodeIP(), c.Kubeconfig(), c.AuditLog())
	if err := table.Flush(); err != nil {
		return err
	}
	api, err := c.newAPI()
	if err != nil {
		return err
	}
	if err := api.healthy(ctx, record.Boot); err != nil {
		return errors.Join(errors.New("not ready"), err)
	}
	fmt.Fprintln(w, "ready")
	return nil
}
