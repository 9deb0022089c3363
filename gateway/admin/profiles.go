// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package admin

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"runtime/pprof"
	"runtime/trace"
	"slices"
	"strconv"
	"time"
)

// Bounds of the profiles that are taken over a time.
const (
	defaultProfile = 10 * time.Second
	longestProfile = 30 * time.Second
	longestTrace   = 5 * time.Second
	// writeProfile is how long it may take to hand one over.
	writeProfile = 10 * time.Second
)

// profiles take what the runtime tells of the program.
type profiles struct{ now func() time.Time }

// serve hands out the profiles that `go tool pprof` reads. They tell of the
// program: functions, sizes, numbers. None holds a value that it works on. A
// profile over a time costs some per cent of a processor for as long, which is
// why there is one at a time, and not a long one.
func (p profiles) serve(w http.ResponseWriter, r *http.Request) {
	name := r.PathValue("name")
	switch name {
	case "profile":
		p.overTime(w, r, &recorder{longestProfile, pprof.StartCPUProfile, pprof.StopCPUProfile})
	case "trace":
		p.overTime(w, r, &recorder{longestTrace, trace.Start, trace.Stop})
	default:
		snapshot(w, r, name)
	}
}

// snapshot is a profile of this moment.
func snapshot(w http.ResponseWriter, r *http.Request, name string) {
	// By names: a library may add profiles of its own.
	known := slices.Contains([]string{"heap", "allocs", "goroutine", "threadcreate"}, name)
	found := pprof.Lookup(name)
	if !known || found == nil {
		fail(w, &RefusedError{http.StatusNotFound, "no such profile: there are profile, trace, heap, allocs, goroutine and threadcreate"})
		return
	}
	debug := 0
	if r.URL.Query().Get("debug") == "1" {
		debug = 1
	}
	var data bytes.Buffer
	if err := found.WriteTo(&data, debug); err != nil {
		fail(w, err)
		return
	}
	hand(w, data.Bytes(), debug == 1)
}

// recorder is a profile that is taken over a time.
type recorder struct {
	longest time.Duration
	start   func(io.Writer) error
	stop    func()
}

// overTime takes a profile over the seconds that are asked for. It is kept until
// it is whole: one that was cut short by a slow reader would look like a result.
func (p profiles) overTime(w http.ResponseWriter, r *http.Request, by *recorder) {
	length := min(defaultProfile, by.longest)
	if text := r.URL.Query().Get("seconds"); text != "" {
		seconds, err := strconv.Atoi(text)
		if err != nil || seconds < 1 || time.Duration(seconds)*time.Second > by.longest {
			fail(w, &RefusedError{http.StatusBadRequest, "seconds: from 1 to " + strconv.Itoa(int(by.longest.Seconds()))})
			return
		}
		length = time.Duration(seconds) * time.Second
	}
	// Longer than what other answers may take. The server goes on reading, to notice
	// that the asker has gone, and would take the end of that time for it.
	connection, until := http.NewResponseController(w), p.now().Add(length+writeProfile)
	if err := errors.Join(connection.SetWriteDeadline(until), connection.SetReadDeadline(until)); err != nil {
		fail(w, err)
		return
	}
	var data bytes.Buffer
	if err := by.start(&data); err != nil {
		fail(w, &RefusedError{http.StatusConflict, "another profile of this kind is being taken"})
		return
	}
	timer := time.NewTimer(length)
	defer timer.Stop()
	select {
	case <-timer.C:
		by.stop()
		hand(w, data.Bytes(), false)
	case <-r.Context().Done():
		by.stop()
	}
}

func hand(w http.ResponseWriter, data []byte, text bool) {
	kind := "application/octet-stream"
	if text {
		kind = "text/plain; charset=utf-8"
	}
	w.Header().Set("Content-Type", kind)
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.Header().Set("Cache-Control", "no-store")
	_, _ = w.Write(data)
}
