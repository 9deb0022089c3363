// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package gateway_test

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"runtime/pprof"
	"strings"
	"time"

	"github.com/wsgateway/websocket-gateway-operator/gateway"
	"github.com/wsgateway/websocket-gateway-operator/gateway/contract"
)

// switchedRoot and switchedParts make the test binary a gateway whose monitors can
// be switched: its root, and which monitors it has, some of "audit metrics traces" and
// "stdout file otlp".
const (
	switchedRoot  = "WSGATEWAY_TEST_SWITCHED_ROOT"
	switchedParts = "WSGATEWAY_TEST_SWITCHED_PARTS"
)

// recordsFD is the descriptor that such a gateway writes its audit records to, as
// to standard output: the other end of a pipe is read by somebody.
const recordsFD = 3

// afterRest is how long a batch of records or spans may be on its way still: audit
// records leave within a second, spans within two.
const afterRest = 2200 * time.Millisecond

// runSwitched is the whole program. It says its addresses, then answers each line
// of its input with a number, and ends with it.
func runSwitched(root string) error {
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	parts := os.Getenv(switchedParts)
	w := &gateway.Switch{
		Audit:   strings.Contains(parts, "audit") || strings.Contains(parts, "stdout") || strings.Contains(parts, "file") || strings.Contains(parts, "otlp"),
		Metrics: strings.Contains(parts, "metrics"), Traces: strings.Contains(parts, "traces"),
	}
	return gateway.RunSwitched(ctx, gateway.Options{
		Root: root, BindHost: "127.0.0.1", BindPorts: map[string]int32{"public": 0}, AllowLoopback: true,
		AdminAddress: "127.0.0.1:0", AcceptAfterStop: -1, DrainWindow: time.Second,
		Gateway: contract.GatewayRef{Namespace: "default", Name: "edge"}, PodName: "wsgw-edge-7d9c5b6f4-x2x8v", PodUID: "0e5f6a3c-9d0b-4a53-8f0e-8a4f3a0d0d5e",
		Audit: os.NewFile(recordsFD, "records"), AuditFolder: filepath.Join(root, "records"),
		OnReady: func(addresses map[string]string) {
			fmt.Println(addresses["public"], addresses[gateway.AdminName])
			go func() {
				defer stop()
				for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
					fmt.Println(obey(w, lines.Text()))
				}
			}()
		},
	}, w)
}

// obey answers an order: a switch, "rest OPEN", "memory", or else the nanoseconds of
// processor time so far.
func obey(w *gateway.Switch, order string) int64 {
	verb, argument, _ := strings.Cut(order, " ")
	switch verb {
	case "on", "off":
		w.Turn(verb == "on")
	case "rest":
		return rest(w, argument)
	case "memory":
		return liveMemory()
	case "profile":
		return profile(argument)
	}
	return processorTime()
}

// rest waits until so many connections are open and all that they caused has been
// done.
func rest(w *gateway.Switch, argument string) int64 {
	var open int
	if _, err := fmt.Sscan(argument, &open); err != nil {
		return -1
	}
	for deadline := time.Now().Add(20 * time.Second); !w.Rests(open); time.Sleep(50 * time.Millisecond) {
		if time.Now().After(deadline) {
			return -1
		}
	}
	return 0
}

// liveMemory is what the program holds: its objects that are no garbage, and its
// stacks. Of memory that the heap has for others, how much there is depends on what
// was there before.
func liveMemory() int64 {
	for range 3 { // what has finalizers, or lies in a sync.Pool, outlives a collection
		runtime.GC()
	}
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return int64(stats.HeapAlloc + stats.StackInuse)
}

// profile begins a profile of the processor in a file, and ends it without one.
func profile(path string) int64 {
	if path == "" {
		pprof.StopCPUProfile()
		return 0
	}
	file, err := os.Create(path)
	if err == nil {
		err = pprof.StartCPUProfile(file)
	}
	if err != nil {
		return -1
	}
	return 0
}
