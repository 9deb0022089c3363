// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package trail

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/wsgateway/websocket-gateway-operator/cmd/wsgw/cluster"
	"github.com/wsgateway/websocket-gateway-operator/cmd/wsgw/live"
	"github.com/wsgateway/websocket-gateway-operator/gateway/audit"
)

const (
	// container writes the records.
	container = "gateway"
	// longest is above every record.
	longest = 64 << 10
	// lookout is how often new pods are looked for.
	lookout = 2 * time.Second
)

// Follower reads the records of the pods of one gateway.
type Follower struct {
	Cluster *cluster.Cluster
	Gateway types.NamespacedName
	// Only this pod; empty for all.
	Only string
	// Tail is how many of the last lines of each log to begin with; Since is the
	// earliest time of a line, zero for any.
	Tail  int64
	Since time.Time
	// Emit is told each record with its line, one at a time. An error ends it.
	Emit func(r *audit.Record, line []byte) error
	// Trouble is told what happens to single pods.
	Trouble func(error)
}

// Once reads what there is, in the order of time.
func (f *Follower) Once(ctx context.Context) error {
	type found struct {
		record *audit.Record
		line   []byte
	}
	pods, err := f.pods(ctx)
	if err != nil {
		return err
	}
	var all []found
	for _, pod := range pods {
		_, err := f.read(ctx, pod, &corev1.PodLogOptions{TailLines: new(f.Tail)}, func(r *audit.Record, line []byte) error {
			all = append(all, found{r, bytes.Clone(line)})
			return nil
		})
		if err != nil {
			f.Trouble(err)
		}
	}
	slices.SortStableFunc(all, func(a, b found) int {
		return cmp.Or(a.record.Time.Compare(b.record.Time), cmp.Compare(a.record.Sequence, b.record.Sequence))
	})
	for _, one := range all {
		if err := f.Emit(one.record, one.line); err != nil {
			return err
		}
	}
	return nil
}

func (f *Follower) pods(ctx context.Context) ([]types.NamespacedName, error) {
	list, err := f.Cluster.Pods(ctx, f.Gateway)
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(cluster.Running(list), func(pod types.NamespacedName) bool {
		return f.Only != "" && pod.Name != f.Only
	}), nil
}

// Follow reads what there is and what comes, also of pods that are new, until the
// context ends, which is no error, or Emit fails.
func (f *Follower) Follow(ctx context.Context) error {
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	var mu sync.Mutex
	emit := func(r *audit.Record, line []byte) error {
		mu.Lock()
		defer mu.Unlock()
		err := f.Emit(r, line)
		if err != nil {
			stop(err)
		}
		return err
	}
	var group sync.WaitGroup
	defer group.Wait()
	known := map[types.NamespacedName]bool{}
	began := false
	err := live.Every(ctx, lookout, func(ctx context.Context) error {
		pods, err := f.pods(ctx)
		if err != nil && began {
			f.Trouble(err)
			return nil
		}
		for _, pod := range pods {
			if !known[pod] {
				known[pod] = true
				// What a pod wrote before somebody looked at it for the first time: all,
				// if it came later than we.
				tail := new(f.Tail)
				if began {
					tail = nil
				}
				group.Go(func() { f.keepReading(ctx, pod, tail, emit) })
			}
		}
		began = true
		return err
	})
	if cause := context.Cause(ctx); cause != nil && !errors.Is(cause, context.Canceled) && !errors.Is(cause, context.DeadlineExceeded) {
		return cause
	}
	return err
}

// keepReading goes on where a connection to the API server was lost. A record
// that was told already is not told again: within a boot, numbers only grow.
func (f *Follower) keepReading(ctx context.Context, pod types.NamespacedName, tail *int64, emit func(*audit.Record, []byte) error) {
	boot, last := "", uint64(0)
	options := &corev1.PodLogOptions{Follow: true, TailLines: tail}
	once := func(r *audit.Record, line []byte) error {
		if r.BootID == boot && r.Sequence <= last {
			return nil
		}
		boot, last = r.BootID, r.Sequence
		return emit(r, line)
	}
	_ = live.Every(ctx, lookout, func(ctx context.Context) error {
		latest, err := f.read(ctx, pod, options, once)
		if err != nil && ctx.Err() == nil {
			f.Trouble(err)
		}
		if !latest.IsZero() {
			options.TailLines, options.SinceTime = nil, new(metav1.NewTime(latest))
		}
		present, listed := f.pods(ctx)
		if listed == nil && !slices.Contains(present, pod) {
			return errGone
		}
		return nil
	})
}

var errGone = errors.New("the pod is gone")

// read tells each record of a log, and the time of the latest.
func (f *Follower) read(
	ctx context.Context, pod types.NamespacedName, options *corev1.PodLogOptions, emit func(*audit.Record, []byte) error,
) (latest time.Time, err error) {
	options.Container = container
	if !f.Since.IsZero() && options.SinceTime == nil {
		options.SinceTime, options.TailLines = new(metav1.NewTime(f.Since)), nil
	}
	stream, err := f.Cluster.Logs(ctx, pod, options)
	if err != nil {
		return latest, fmt.Errorf("read the log of pod %s: %w", pod.Name, err)
	}
	defer stream.Close()
	lines := bufio.NewReaderSize(stream, longest)
	for {
		line, err := lines.ReadSlice('\n')
		whole := err == nil
		for errors.Is(err, bufio.ErrBufferFull) {
			_, err = lines.ReadSlice('\n') // longer than a record can be
		}
		if record, no := audit.Parse(line); whole && no == nil {
			latest = record.Time
			if err := emit(record, line); err != nil {
				return latest, err
			}
		}
		if errors.Is(err, io.EOF) || ctx.Err() != nil {
			return latest, nil
		}
		if err != nil {
			return latest, fmt.Errorf("read the log of pod %s: %w", pod.Name, err)
		}
	}
}
